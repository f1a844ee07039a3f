import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type DevProcess, finished, runTidemark, spawnTidemark, startDev } from '../cli/tidemark-process.ts'

let directory: string
let dev: DevProcess
const TOKEN = 'secret/for-this.test'

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tidemark-cli-'))
  dev = await startDev(join(directory, 'store'), ['--token', TOKEN])
})

afterAll(async () => {
  await dev.end('SIGKILL')
  await rm(directory, { recursive: true })
})

const toDev = () => ({ TIDEMARK_BROKER: dev.url, TIDEMARK_TOKEN: TOKEN })

async function tidemark(commandLine: string[], input: string | Uint8Array = '') {
  const { exitCode, stdout, stderr } = await runTidemark(commandLine, { input, environment: toDev() })
  return { exitCode, stdout: stdout.toString(), bytes: stdout, stderr }
}

/** Runs a command that has to succeed, and answers what it printed. */
async function printed(commandLine: string[], input: string | Uint8Array = ''): Promise<string> {
  const { exitCode, stdout, stderr } = await tidemark(commandLine, input)
  expect(exitCode, stderr).toBe(0)
  return stdout
}

const lines = (text: string) => text.split('\n').slice(0, -1)

test('a topic from its creation to its end', async () => {
  await printed(['topic', 'create', 'life', '--partitions', '2', '--config', 'retention.ms=1000000'])
  expect(await tidemark(['topic', 'create', 'life'])).toMatchObject({
    exitCode: 1,
    stderr: expect.stringContaining('TOPIC_ALREADY_EXISTS'),
  })
  await printed(['topic', 'create', 'life', '--if-not-exists'])
  expect(JSON.parse(await printed(['topic', 'list', '--json']))).toContainEqual(
    expect.objectContaining({ topic: 'life', partitions: 2 }),
  )
  expect(await printed(['topic', 'describe', 'life'])).toMatch(/retention.ms +1000000 +set here/)
  await printed(['topic', 'alter', 'life', '--partitions', '3', '--delete-config', 'retention.ms'])
  const described = JSON.parse(await printed(['topic', 'describe', 'life', '--json']))
  expect(described.partitions).toBe(3)
  expect(described.configs).toContainEqual({
    name: 'retention.ms',
    value: '604800000',
    isDefault: true,
  })
  await printed(['topic', 'delete', 'life'])
  expect(await tidemark(['topic', 'delete', 'life'])).toMatchObject({
    exitCode: 1,
    stderr: expect.stringContaining('UNKNOWN_TOPIC_OR_PARTITION'),
  })
  await printed(['topic', 'delete', 'life', '--if-exists'])
})

test('bytes come out as they went in', async () => {
  await printed(['topic', 'create', 'bytes'])
  const noise = Buffer.from(randomBytes(300_000).filter(byte => byte !== 10))
  const input = Buffer.concat([Buffer.from('ebb\r\n\n'), noise, Buffer.from('\nlast')])
  const { stderr } = await tidemark(['produce', 'bytes', '--compression', 'zstd'], input)
  expect(stderr).toMatch(/^wrote 4 records, /)
  const { bytes } = await tidemark(['consume', 'bytes', '--exit-at-end'])
  expect(bytes.equals(Buffer.concat([input, Buffer.from('\n')]))).toBe(true)
  const json = lines(await printed(['consume', 'bytes', '--exit-at-end', '--json'])).map(line =>
    JSON.parse(line),
  )
  expect(json.map(({ value, valueBase64 }) => value ?? Buffer.from(valueBase64, 'base64'))).toEqual([
    'ebb\r',
    '',
    noise,
    'last',
  ])
})

test('keys, headers, formats and places', async () => {
  await printed(['topic', 'create', 'tides', '--partitions', '3'])
  const input = Array.from({ length: 50 }, (_, index) =>
    `key ${index % 5}\\t${index}`.replace('\\t', '\t'),
  ).join('\n')
  await printed(['produce', 'tides', '--key-separator', '\\t', '--header', 'unit=m'], input)
  const all = lines(await printed(['consume', 'tides', '-e', '--format', '%p %o %k %s %h\\n']))
  expect(all).toHaveLength(50)
  const partitions = new Map<string, string>()
  for (const line of all) {
    const [partition, , , key, , headers] = line.split(' ') as string[]
    expect(headers).toBe('unit=m')
    expect(partitions.get(key!) ?? partition).toBe(partition)
    partitions.set(key!, partition!)
  }
  expect(lines(await printed(['consume', 'tides', '--max-records', '7']))).toHaveLength(7)
  const future = await tidemark(['consume', 'tides', '-e', '--from', '2100-01-01'])
  expect(future.exitCode).toBe(2)
  expect(future.stderr).toContain("'2100-01-01' is 2100-01-01T00:00:00.000Z, in the future")
  const last = lines(
    await printed(['consume', 'tides', '-e', '--from', '-1', '--partition', partitions.get('0')!]),
  )
  expect(last).toHaveLength(1)
})

test('a large file through many batches, and its order', async () => {
  await printed(['topic', 'create', 'large', '--partitions', '2'])
  const file = join(directory, 'numbers.txt')
  const numbers = Array.from({ length: 100_000 }, (_, index) => String(index))
  await writeFile(file, numbers.join('\n'))
  await printed(['produce', 'large', file])
  const read = lines(await printed(['consume', 'large', '-e', '--format', '%p %s\\n']))
  for (const partition of ['0', '1']) {
    const own = read.filter(line => line.startsWith(`${partition} `)).map(line => Number(line.slice(2)))
    expect(own).toEqual(own.toSorted((a, b) => a - b))
  }
  expect(new Set(read.map(line => line.slice(2)))).toEqual(new Set(numbers))
  const offsets = JSON.parse(await printed(['offsets', 'large', '--json'])) as { endOffset: number }[]
  expect(offsets.reduce((sum, { endOffset }) => sum + endOffset, 0)).toBe(100_000)
})

test('a line that is too long is named', async () => {
  await printed(['topic', 'create', 'narrow', '--config', 'max.message.bytes=2000'])
  const { exitCode, stderr } = await tidemark(['produce', 'narrow'], `a\nb\n${'x'.repeat(3000)}\nc\n`)
  expect(exitCode).toBe(1)
  expect(stderr).toContain('MESSAGE_TOO_LARGE: line 3 ')
  expect(stderr).toContain('wrote 2 records')
  expect(await printed(['consume', 'narrow', '-e'])).toBe('a\nb\n')
})

test('deleted records are gone', async () => {
  await printed(['topic', 'create', 'shrinking'])
  await printed(['produce', 'shrinking'], 'a\nb\nc\n')
  await printed(['delete-records', 'shrinking', '--partition', '0', '--before', '2'])
  expect(await printed(['consume', 'shrinking', '-e'])).toBe('c\n')
  expect(await printed(['offsets', 'shrinking', '--at', 'earliest'])).toMatch(/\n +0 +2\n/)
  await printed(['delete-records', 'shrinking', '--partition', '0', '--before', 'latest'])
  expect(await printed(['consume', 'shrinking', '-e'])).toBe('')
})

test('consume follows until Ctrl-C', async () => {
  await printed(['topic', 'create', 'followed'])
  const consumer = spawnTidemark(['consume', 'followed', '--from', 'earliest'], toDev())
  const end = finished(consumer)
  let seen = ''
  consumer.stdout.on('data', chunk => {
    seen += chunk
  })
  await printed(['produce', 'followed'], 'first\n')
  await expect.poll(() => seen, { timeout: 10_000 }).toBe('first\n')
  await printed(['produce', 'followed'], 'second\n')
  await expect.poll(() => seen, { timeout: 10_000 }).toBe('first\nsecond\n')
  consumer.kill('SIGINT')
  expect(await end).toMatchObject({ exitCode: 0, stdout: Buffer.from('first\nsecond\n'), stderr: '' })
})

test('produce interrupted sends what it has', async () => {
  await printed(['topic', 'create', 'interrupted'])
  const producer = spawnTidemark(['produce', 'interrupted'], toDev())
  const end = finished(producer)
  producer.stdin.write('typed\nunfinished')
  await expect.poll(() => printed(['consume', 'interrupted', '-e']), { timeout: 10_000 }).toBe('typed\n')
  producer.kill('SIGINT')
  expect(await end).toMatchObject({ exitCode: 130, stderr: expect.stringContaining('wrote 1 record,') })
})

test('a reader that goes away is no failure', async () => {
  await printed(['topic', 'create', 'piped'])
  await printed(['produce', 'piped'], 'x\n'.repeat(50_000))
  const command = `"${process.execPath}" src/cli/tidemark.js consume piped | head -n 2; echo "\${PIPESTATUS[0]}"`
  const { stdout, stderr } = await promisify(execFile)('bash', ['-c', command], {
    env: { ...process.env, ...toDev() },
  })
  expect(stdout).toBe('x\nx\n0\n')
  expect(stderr).toBe('')
})

test('no token, no broker: told with what to do', async () => {
  const environment = { TIDEMARK_BROKER: dev.url }
  const refused = await runTidemark(['topic', 'list'], { environment })
  expect(refused.exitCode).toBe(1)
  expect(refused.stderr).toContain('SASL_AUTHENTICATION_FAILED')
  expect(refused.stderr).toContain('TIDEMARK_TOKEN')
  const stopped = await startDev(join(directory, 'stopped'))
  await stopped.end('SIGTERM')
  const nowhere = await runTidemark(['topic', 'list', '--broker', stopped.url])
  expect(nowhere.exitCode).toBe(1)
  expect(nowhere.stderr).toContain('is `tidemark dev` running there?')
  expect(nowhere.stderr).toContain('--broker URL')
})

test('a directory needs no broker, and a stopped broker leaves it whole', async () => {
  const store = join(directory, 'second store')
  const first = await startDev(store)
  await runTidemark(['topic', 'create', 'kept', '--broker', first.url])
  await runTidemark(['produce', 'kept', '--broker', first.url], { input: 'a\nb\n' })
  expect(await first.end('SIGTERM')).toBe(0)
  expect(first.stderr()).toContain('stopped')
  expect(await runTidemark(['produce', 'kept', '--dir', store], { input: 'c\n' })).toMatchObject({
    exitCode: 0,
  })
  const read = await runTidemark(['consume', 'kept', '--dir', store, '--exit-at-end'])
  expect(read.stdout.toString()).toBe('a\nb\nc\n')
  const verified = await runTidemark(['verify', '--dir', store])
  expect(verified).toMatchObject({ exitCode: 0, stderr: expect.stringContaining('the store is sound') })
})

test('dev refuses to listen for everybody without a token, and a port that is taken', async () => {
  const store = join(directory, 'refused')
  const open = await runTidemark(['dev', '--dir', store, '--http', '0.0.0.0:0'])
  expect(open).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('POLICY_VIOLATION') })
  const taken = await runTidemark(['dev', '--dir', store, '--http', new URL(dev.url).host])
  expect(taken).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('is in use') })
})
