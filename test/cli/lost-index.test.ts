import { mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { run } from '../../src/cli/main.ts'
import { fakeTerminal } from './fake-terminal.ts'

let around: string
let directory: string

beforeEach(async () => {
  around = await mkdtemp(join(tmpdir(), 'tidemark-lost-'))
  directory = join(around, 'store')
})
afterEach(async () => {
  await rm(around, { recursive: true, force: true })
})

async function runLine(commandLine: string, input: readonly string[] = []) {
  const terminal = fakeTerminal([...input])
  const exitCode = await run([...commandLine.split(' '), '--dir', directory], terminal, {})
  return { exitCode, printed: terminal.printed().toString(), noted: terminal.noted() }
}

async function done(commandLine: string, input: readonly string[] = []): Promise<string> {
  const { exitCode, printed, noted } = await runLine(commandLine, input)
  expect([commandLine, noted, exitCode]).toEqual([commandLine, noted, 0])
  return printed + noted
}

const loseIndex = () => rename(join(directory, 'index'), join(around, 'index'))

/** Three topics: one that has settled, one that was deleted, one of which nothing has settled. */
async function makeStore(): Promise<void> {
  await done('topic create tides --partitions 2 --config retention.ms=-1')
  await done('topic create gone')
  await done('produce tides', ['ebb\nflow\nslack\n'])
  await done('produce gone', ['of yesterday\n'])
  expect(await done('maintain --all')).toContain('rolled')
  await done('topic delete gone')
  await done('topic create young')
  await done('produce young', ['not rolled\n'])
}

test('a lost index is made anew from the objects', async () => {
  await makeStore()
  const before = {
    records: await done('consume tides --exit-at-end'),
    topic: await done('topic describe tides'),
  }
  await loseIndex()
  const refused = await runLine('verify')
  expect(refused).toMatchObject({ exitCode: 1, noted: expect.stringContaining('tidemark rebuild-index') })
  expect(await done('rebuild-index')).toMatch(
    /^topic tides: 2 partitions, 3 records\n1 topic, 2 partitions: 3 records, \d+ B in \d segments?\n$/,
  )
  expect(await done('verify --deep')).toContain('3 records')
  expect(await done('consume tides --exit-at-end')).toBe(before.records)
  expect(await done('topic list')).not.toMatch(/gone|young/)
  const configsOf = (described: string) => described.slice(described.indexOf('CONFIG'))
  expect(configsOf(await done('topic describe tides'))).toBe(configsOf(before.topic))
  expect(await done('rebuild-index')).toContain('topic tides: is there already')
  await done('produce tides', ['after\n'])
  expect(await done('consume tides --exit-at-end --format %o=%s\\n')).toContain('1000000000=after')
  expect(await done('maintain --all --release')).toContain('rolled')
})

test('an index that is not lost is left as it is', async () => {
  await makeStore()
  const { exitCode, noted } = await runLine('rebuild-index')
  expect(exitCode).toBe(1)
  expect(noted).toContain('it is not lost, and was left as it is')
  expect(await done('consume young --exit-at-end')).toContain('not rolled')
})

test('what could not be brought back is told, and is a failure', async () => {
  await makeStore()
  const key =
    /log\/\S+/.exec(await done('inspect tides 0'))?.[0] ?? /log\/\S+/.exec(await done('inspect tides 1'))?.[0]
  await writeFile(join(directory, 'objects', key!), 'nothing that makes sense')
  await loseIndex()
  const { exitCode, printed, noted } = await runLine('rebuild-index')
  expect(exitCode).toBe(1)
  expect(printed).toBe(`unreadable: ${key}: it does not end with a footer\n`)
  expect(noted).toContain('not all could be brought back: 1 loss')
})

test('inspect shows what the index has, what an object holds, and each batch', async () => {
  await makeStore()
  const shown = [await done('inspect tides 0'), await done('inspect tides 1')].join('')
  expect(shown).toMatch(/Rolled: {4}0 to \d/)
  const [, key] = /yes +(log\/\S+)/.exec(shown)!
  const footer = await done(`inspect ${key}`)
  expect(footer).toContain('Topic:     tides')
  expect(footer).toContain('Configs:   retention.ms=-1')
  expect(footer).not.toContain('byte 0')
  expect(await done(`inspect ${key} --batches`)).toMatch(
    /byte 0: offsets 0 to \d, \d records, \d+ bytes, none/,
  )
  const lines = (await done(`inspect ${key} --batches --json`)).trim().split('\n')
  expect(lines.map(line => JSON.parse(line).kind)).toEqual([
    'object',
    'footer',
    ...lines.slice(2).map(() => 'batch'),
  ])
  expect(await done('inspect young 0')).toContain('in the head')
  expect(await runLine('inspect tides 7')).toMatchObject({
    exitCode: 1,
    noted: 'tidemark: there is no partition 7 of a topic tides\n',
  })
  expect(await runLine('inspect tides')).toMatchObject({
    exitCode: 1,
    noted:
      'tidemark: there is no object tides; of a topic, name a partition, too: tidemark inspect tides 0\n',
  })
  expect(await runLine('inspect log/nothing')).toMatchObject({
    exitCode: 1,
    noted: 'tidemark: there is no object log/nothing\n',
  })
})

test('a check from some place on does not say more than it knows', async () => {
  await makeStore()
  expect(await done('verify --from young/0')).toContain(
    'sound from young/0 on; what stands before it was not',
  )
})

test('maintain says what compaction and retention have taken out', async () => {
  await done('topic create heights --config cleanup.policy=compact')
  await done('produce heights --key-separator :', ['dover:6.2\ndover:6.4\ndover:6.5\n'])
  expect(await done('maintain --all')).toMatch(/compaction took out [1-9]\d* B, retention 0 B/)
  expect(await runLine('delete-records heights --partition 0 --before 1')).toMatchObject({
    exitCode: 1,
    noted: expect.stringContaining('POLICY_VIOLATION: Records of "heights" go by their keys alone'),
  })
  await done('topic alter heights --config cleanup.policy=delete --config retention.bytes=1')
  await done('produce heights', ['of today\n'])
  expect(await done('maintain --all')).toMatch(/compaction took out 0 B, retention [1-9]\d* B/)
})

test('maintain stops before offsets whose object is gone, and goes on once they are given up', async () => {
  await done('topic create depths')
  await done('produce depths', [`${'a line of some length\n'.repeat(10_000)}`])
  await rm(join(directory, 'objects', 'segments'), { recursive: true })
  for (let times = 0; times < 2; times += 1) {
    const { exitCode, printed } = await runLine('maintain --all')
    expect(exitCode).toBe(1)
    expect(printed).toMatch(/^failed: depths\/0: Offsets \d+ to \d+ cannot be settled: /)
    expect(printed).toContain('tidemark maintain --accept-loss depths/0\n')
  }
  const told = (await runLine('maintain --all --json')).printed.trimEnd().split('\n')
  expect(told.map(line => JSON.parse(line))).toEqual([
    { kind: 'failed', topic: 'depths', partition: 0, reason: expect.stringContaining('cannot be settled') },
    expect.objectContaining({
      kind: 'summary',
      isDone: true,
      failed: 1,
      lost: 0,
      troubles: 0,
      rolledBytes: 0,
    }),
  ])
  expect(await runLine('maintain --accept-loss depths')).toMatchObject({
    exitCode: 2,
    noted: expect.stringContaining("'depths' is no partition"),
  })
  expect((await runLine('maintain --all --accept-loss others/0 --accept-loss depths/1')).exitCode).toBe(1)
  const accepted = await runLine('maintain --accept-loss others/0 --accept-loss depths/0')
  expect(accepted.exitCode).toBe(0)
  expect(accepted.printed).toMatch(/^(lost: depths\/0: Offsets \d+ to \d+ are given up\. .*\n)+$/)
  for (const command of ['verify', 'verify --deep']) {
    expect(await runLine(command)).toMatchObject({
      exitCode: 1,
      printed: expect.stringMatching(
        /^error: depths\/0 segment 0: \d+ of its offsets are given up; marks stand/,
      ),
    })
  }
  await done('maintain --all')
})

test('inspect shows damage where it is', async () => {
  await makeStore()
  const shown = [await done('inspect tides 0'), await done('inspect tides 1')].join('')
  const [, key] = /yes +(log\/\S+)/.exec(shown)!
  const path = join(directory, 'objects', key!)
  const bytes = await readFile(path)
  bytes[65]! ^= 1
  await writeFile(path, bytes)
  const inspected = await runLine(`inspect ${key} --batches`)
  expect(inspected.printed).toMatch(/byte 0: .*: DAMAGED: The batch's CRC-32C is/)
  expect(inspected.exitCode).toBe(1)
  expect((await runLine(`inspect ${key}`)).exitCode).toBe(0)
  expect(
    (await Promise.all([0, 1].map(each => runLine(`inspect tides ${each} --batches`)))).map(
      ({ exitCode }) => exitCode,
    ),
  ).toContain(1)
  expect((await runLine('verify')).exitCode).toBe(0)
  expect(await runLine('verify --deep')).toMatchObject({
    exitCode: 1,
    printed: expect.stringContaining('CRC-32C'),
  })
})

test('maintain without anything that is due does nothing, and says so', async () => {
  await makeStore()
  expect(await done('maintain')).toBe(
    'rolled 0 B, merged 0 B; compaction took out 0 B, retention 0 B; deleted 0 objects\n',
  )
  expect(await done('maintain --deep --grace 1s')).toContain('deleted')
})
