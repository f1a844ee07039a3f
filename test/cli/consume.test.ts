import { Writable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { type ConsumeSettings, consume } from '../../src/cli/commands/consume.ts'
import { formatValueLine } from '../../src/cli/consuming/consumed-record.ts'
import { compileFormat } from '../../src/cli/consuming/format-template.ts'
import { READING_DEFAULT } from '../../src/cli/consuming/record-printer.ts'
import { TidemarkError } from '../../src/core/errors.ts'
import { toOffset } from '../../src/core/numbers.ts'
import { encodeBatch } from '../../src/core/record/index.ts'
import { type FakeTerminal, fakeTerminal } from './fake-terminal.ts'
import { ScriptedGroup } from './scripted-group.ts'

const SETTINGS: ConsumeSettings = {
  topic: 'tides',
  partitions: [],
  from: 'earliest',
  recordsMax: null,
  exitAtEnd: true,
  format: formatValueLine,
}
const RETRY = { initialRetryTime: 1, maxRetryTime: 2 }
const TUNING = { ...READING_DEFAULT, maxWaitTimeInMs: 20, giveUpAfter: 1_000, retry: RETRY }

/** Records 0, 1, 2, … in batches of `batchRecords`; the timestamp is a thousand times the number. */
async function fill(
  broker: ScriptedGroup,
  partition: number,
  count: number,
  batchRecords = 10,
): Promise<void> {
  for (let first = 0; first < count; first += batchRecords) {
    const records = Array.from({ length: Math.min(batchRecords, count - first) }, (_, index) => ({
      value: Buffer.from(`${partition}:${first + index}`),
      timestampMs: (first + index) * 1000,
    }))
    await broker.produce({ topic: 'tides', partition, batches: encodeBatch(records) })
  }
}

async function consumeAll(
  broker: ScriptedGroup,
  settings: Partial<ConsumeSettings> = {},
  terminal = fakeTerminal(),
) {
  const exitCode = await consume(broker, { ...SETTINGS, ...settings }, terminal, TUNING)
  return { exitCode, lines: linesOf(terminal), noted: terminal.noted() }
}

function linesOf(terminal: FakeTerminal): string[] {
  return terminal.printed().toString().split('\n').slice(0, -1)
}

const expected = (partition: number, from: number, to: number) =>
  Array.from({ length: to - from }, (_, index) => `${partition}:${from + index}`)

test('prints every record, those of a partition in order', async () => {
  const broker = new ScriptedGroup(3)
  for (const partition of [0, 1, 2]) await fill(broker, partition, 35)
  const { exitCode, lines } = await consumeAll(broker)
  expect(exitCode).toBe(0)
  expect(lines).toHaveLength(105)
  for (const partition of [0, 1, 2]) {
    expect(lines.filter(line => line.startsWith(`${partition}:`))).toEqual(expected(partition, 0, 35))
  }
})

test.each([
  ['an offset within a batch', { offset: 17 }, 17],
  ['the last records', { fromEnd: 5 }, 25],
  ['more than there are', { fromEnd: 500 }, 0],
  ['a time', { timestampMs: 12_345 }, 13],
  ['a time to come', { timestampMs: 99_999_999 }, 30],
  ['the end', 'latest', 30],
] as const)('begins at %s', async (_name, from, first) => {
  const broker = new ScriptedGroup()
  await fill(broker, 0, 30)
  expect(await consumeAll(broker, { from })).toMatchObject({ lines: expected(0, first, 30), noted: '' })
})

test('an offset that is not there is moved, and that is told', async () => {
  const broker = new ScriptedGroup()
  await fill(broker, 0, 30)
  broker.partitions[0]!.startOffset = toOffset(12)
  const early = await consumeAll(broker, { from: { offset: 3 } })
  expect(early.lines).toEqual(expected(0, 12, 30))
  expect(early.noted).toContain('offset 3 is gone, starting at the first record, 12')
  const late = await consumeAll(broker, { from: { offset: 99 } })
  expect(late.lines).toEqual([])
  expect(late.noted).toContain('offset 99 is beyond the end, starting there, at 30')
})

test('only some partitions', async () => {
  const broker = new ScriptedGroup(3)
  for (const partition of [0, 1, 2]) await fill(broker, partition, 5)
  const { lines } = await consumeAll(broker, { partitions: [2, 0, 2] })
  expect(lines.toSorted()).toEqual([...expected(0, 0, 5), ...expected(2, 0, 5)])
  await expect(consumeAll(broker, { partitions: [3] })).rejects.toThrow('it has 3, numbered from 0')
})

test('stops after so many records', async () => {
  const broker = new ScriptedGroup(2)
  for (const partition of [0, 1]) await fill(broker, partition, 50)
  const { exitCode, lines } = await consumeAll(broker, { recordsMax: 13, exitAtEnd: false })
  expect(exitCode).toBe(0)
  expect(lines).toHaveLength(13)
})

test('the end is where it was at the start', async () => {
  const broker = new ScriptedGroup()
  await fill(broker, 0, 15)
  let more = true
  broker.beforeFetch = async () => {
    if (more) await fill(broker, 0, 5)
    more = false
  }
  expect((await consumeAll(broker)).lines).toEqual(expected(0, 0, 15))
})

test('an empty topic has its end at once', async () => {
  const broker = new ScriptedGroup(2)
  expect(await consumeAll(broker)).toMatchObject({ exitCode: 0, lines: [] })
  expect(broker.fetches).toBe(0)
})

test('follows the log and new partitions until Ctrl-C', async () => {
  const broker = new ScriptedGroup()
  const terminal = fakeTerminal()
  const settings = { ...SETTINGS, exitAtEnd: false }
  const done = consume(broker, settings, terminal, { ...TUNING, metadataMaxAge: 5 })
  await fill(broker, 0, 3)
  await expect.poll(() => linesOf(terminal)).toEqual(expected(0, 0, 3))
  broker.partitions.push({ startOffset: toOffset(0), batches: [] })
  await fill(broker, 1, 2)
  await expect.poll(() => linesOf(terminal).slice(3)).toEqual(expected(1, 0, 2))
  terminal.interrupt()
  expect(await done).toBe(0)
})

test.each([
  [{ isHere: true }, 'it looks into the store for more by itself'],
  [{}, 'it asks for more again and again'],
])('tells how it waits for more: %j', async (more, told) => {
  const terminal = fakeTerminal()
  const settings = { ...SETTINGS, ...more, exitAtEnd: false, follows: true }
  const done = consume(new ScriptedGroup(), settings, terminal, TUNING)
  await expect.poll(() => terminal.noted()).toContain(told)
  terminal.interrupt()
  expect(await done).toBe(0)
})

test('Ctrl-C before the wanted end is told by the exit code', async () => {
  const broker = new ScriptedGroup()
  await fill(broker, 0, 30)
  const terminal = fakeTerminal()
  broker.beforeFetch = async () => {
    terminal.interrupt()
  }
  const { exitCode } = await consumeAll(broker, {}, terminal)
  expect(exitCode).toBe(130)
})

test('many partitions take turns', async () => {
  const broker = new ScriptedGroup(50)
  const terminal = fakeTerminal()
  const settings = { ...SETTINGS, exitAtEnd: false, recordsMax: 50 }
  const done = consume(broker, settings, terminal, { ...TUNING, maxInFlightRequests: 4 })
  for (let partition = 0; partition < 50; partition++) await fill(broker, partition, 1)
  expect(await done).toBe(0)
  expect(new Set(linesOf(terminal)).size).toBe(50)
})

test('records that are deleted meanwhile are skipped, and that is told', async () => {
  const broker = new ScriptedGroup()
  await fill(broker, 0, 30)
  broker.beforeFetch = async ({ offset }) => {
    if (offset === 10) broker.partitions[0]!.startOffset = toOffset(25)
  }
  const { lines, noted } = await consumeAll(broker)
  expect(lines).toEqual([...expected(0, 0, 10), ...expected(0, 25, 30)])
  expect(noted).toContain('records 10 to 24 were deleted before they were read')
})

test('a failure that passes is waited out, another one ends the run', async () => {
  const broker = new ScriptedGroup(2)
  for (const partition of [0, 1]) await fill(broker, partition, 5)
  let failures = 3
  broker.beforeFetch = async () => {
    if (failures-- > 0) throw new TidemarkError('KAFKA_STORAGE_ERROR', 'The disk hiccuped.')
  }
  const { lines, noted } = await consumeAll(broker)
  expect(lines).toHaveLength(10)
  expect(noted).toMatch(/^KAFKA_STORAGE_ERROR: The disk hiccuped\. Trying again\.\nreads again, after \d/)
  broker.beforeFetch = async ({ partition }) => {
    if (partition === 1) throw new TidemarkError('UNKNOWN_TOPIC_OR_PARTITION', 'It is gone.')
  }
  await expect(consumeAll(broker, { exitAtEnd: false })).rejects.toThrow('It is gone.')
})

test('a reader that went away ends it quietly, a full disk does not', async () => {
  const broker = new ScriptedGroup()
  await fill(broker, 0, 30)
  for (const [code, quiet] of [
    ['EPIPE', true],
    ['ENOSPC', false],
  ] as const) {
    const terminal = fakeTerminal()
    broker.beforeFetch = async ({ offset }) => {
      if (offset > 0) terminal.closeOutput(Object.assign(new Error(code), { code }))
    }
    const result = consumeAll(broker, { exitAtEnd: false }, terminal)
    if (quiet) await expect(result).resolves.toMatchObject({ exitCode: 0 })
    else await expect(result).rejects.toThrow('ENOSPC')
  }
})

test('waits for a reader that is slow', async () => {
  const broker = new ScriptedGroup()
  await fill(broker, 0, 300)
  const slow = new Writable({
    highWaterMark: 1,
    write: (_chunk, _encoding, done) => void setTimeout(done, 200),
  })
  const terminal = { ...fakeTerminal(), output: slow }
  const done = consume(broker, { ...SETTINGS, exitAtEnd: false }, terminal, TUNING)
  await sleep(50)
  expect(broker.fetches).toBe(1)
  terminal.interrupt()
  await done
})

test('formats see topic, partition and offset', async () => {
  const broker = new ScriptedGroup()
  await fill(broker, 0, 2)
  const { lines } = await consumeAll(broker, { format: compileFormat('%t %p %o %T %S %s\\n') })
  expect(lines).toEqual(['tides 0 0 0 3 0:0', 'tides 0 1 1000 3 0:1'])
})
