import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, onTestFinished, test } from 'vitest'
import { consume } from '../../src/cli/commands/consume.ts'
import { PRODUCE_TUNING, type ProduceSettings, produce } from '../../src/cli/commands/produce.ts'
import { formatJsonLine } from '../../src/cli/consuming/record-json.ts'
import type { Broker, Produce } from '../../src/contract/broker.ts'
import { TidemarkError } from '../../src/core/errors.ts'
import { BATCH_BYTES_MAX } from '../../src/core/limits.ts'
import { toOffset } from '../../src/core/numbers.ts'
import { decodeBatches, encodeBatch, type RecordInput } from '../../src/core/record/index.ts'
import { partitionForKey } from '../../src/core/topic/partitioner.ts'
import { openInMemory } from '../../src/embedded/embedded.ts'
import { chunks, fakeTerminal } from './fake-terminal.ts'
import { ScriptedBroker } from './scripted-broker.ts'

const SETTINGS: ProduceSettings = {
  topic: 'tides',
  syntax: { keySeparator: null, nullMarker: null },
  partition: null,
  headers: [],
  compression: 'none',
  batchRecords: 500,
}
/** Lehmer's generator: the same run every time. */
let state = 1
const random = () => {
  state = (state * 48_271) % 2_147_483_647
  return state / 2_147_483_647
}
const RETRY = { forMs: 1_000, firstPauseMs: 1, pauseMaxMs: 2, random }
const TUNING = { ...PRODUCE_TUNING, retry: RETRY }
const numbers = (count: number) => Array.from({ length: count }, (_, index) => String(index))
const byNumber = (a: string, b: string) => Number(a) - Number(b)

async function produceLines(
  broker: Broker,
  input: AsyncIterable<Uint8Array> | (string | Uint8Array)[],
  settings: Partial<ProduceSettings> = {},
  tuning = TUNING,
) {
  const terminal = fakeTerminal()
  const source = Array.isArray(input) ? chunks(input) : input
  const exitCode = await produce(broker, { ...SETTINGS, ...settings }, source, terminal, tuning)
  return { exitCode, noted: terminal.noted() }
}

test('a record for each line, byte for byte, the last without a newline too', async () => {
  const broker = new ScriptedBroker()
  const { exitCode, noted } = await produceLines(broker, ['ebb\r\nfl', Buffer.from('ow\n\n\xff', 'latin1')])
  expect(exitCode).toBe(0)
  expect(broker.records().map(({ value }) => Buffer.from(value!).toString('latin1'))).toEqual([
    'ebb\r',
    'flow',
    '',
    '\xff',
  ])
  expect(broker.records().every(({ key, headers }) => key === null && headers.length === 0)).toBe(true)
  expect(noted).toMatch(/^wrote 4 records, /)
})

test('keys go where every Kafka client puts them, in their order', async () => {
  const broker = new ScriptedBroker(3)
  const lines = numbers(1000).map(number => `key ${Number(number) % 7}\t${number}\n`)
  await produceLines(broker, lines, {
    batchRecords: 10,
    syntax: { keySeparator: Buffer.from('\t'), nullMarker: null },
  })
  for (const partition of [0, 1, 2]) {
    for (const { key } of broker.records(partition)) expect(partitionForKey(key!, 3)).toBe(partition)
    expect(broker.values(partition)).toEqual(broker.values(partition).toSorted(byNumber))
  }
  expect([0, 1, 2].flatMap(partition => broker.values(partition)).toSorted(byNumber)).toEqual(numbers(1000))
})

test('records without a key spread, and keep their order within a partition', async () => {
  const broker = new ScriptedBroker(4)
  broker.beforeProduce = () => sleep(random() * 3)
  await produceLines(broker, [numbers(2000).join('\n')], { batchRecords: 20 })
  for (const partition of [0, 1, 2, 3]) {
    const values = broker.values(partition)
    expect(values.length).toBeGreaterThan(0)
    expect(values).toEqual(values.toSorted(byNumber))
  }
  expect([0, 1, 2, 3].flatMap(partition => broker.values(partition)).toSorted(byNumber)).toEqual(
    numbers(2000),
  )
})

test('partition, headers and tombstones', async () => {
  const broker = new ScriptedBroker(2)
  await produceLines(broker, ['a=1\nb=-\n'], {
    partition: 1,
    headers: [{ key: 'host', value: Buffer.from('web1') }],
    syntax: { keySeparator: Buffer.from('='), nullMarker: Buffer.from('-') },
  })
  expect(broker.records(0)).toEqual([])
  const [first, second] = broker.records(1)
  expect(Buffer.from(first!.key!).toString()).toBe('a')
  expect(first!.headers.map(({ key, value }) => [key, Buffer.from(value!).toString()])).toEqual([
    ['host', 'web1'],
  ])
  expect(first!.timestampMs).toBeGreaterThan(Date.now() - 60_000)
  expect(second!.value).toBeNull()
})

test('calls to different partitions overlap, those to one do not', async () => {
  const broker = new ScriptedBroker(4)
  const inFlight = new Map<number, number>()
  let most = 0
  broker.beforeProduce = async ({ partition }) => {
    inFlight.set(partition, (inFlight.get(partition) ?? 0) + 1)
    expect(inFlight.get(partition)).toBe(1)
    most = Math.max(
      most,
      [...inFlight.values()].reduce((sum, count) => sum + count),
    )
    await sleep(5)
    inFlight.set(partition, 0)
  }
  await produceLines(broker, [numbers(2000).join('\n')], { batchRecords: 50 })
  expect(most).toBe(4)
})

test('reading pauses while too much is unacknowledged', async () => {
  const broker = new ScriptedBroker()
  let letGo = () => {}
  broker.beforeProduce = () => new Promise(resolve => (letGo = resolve))
  let given = 0
  async function* input() {
    for (; given < 100; given++) yield Buffer.from(`${'x'.repeat(1000)}\n`)
  }
  const done = produceLines(broker, input(), { batchRecords: 2 }, { ...TUNING, pendingBytesMax: 10_000 })
  await sleep(30)
  expect(given).toBeLessThan(15)
  broker.beforeProduce = async () => {}
  letGo()
  await done
  expect(broker.records()).toHaveLength(100)
})

test('a quiet input does not hold lines back', async () => {
  const broker = new ScriptedBroker()
  let end = () => {}
  const ended = new Promise<void>(resolve => (end = resolve))
  async function* input() {
    yield Buffer.from('typed\n')
    await ended
  }
  const done = produceLines(broker, input())
  await expect.poll(() => broker.values()).toEqual(['typed'])
  end()
  await done
})

test('throttling is waited out', async () => {
  const broker = new ScriptedBroker()
  let refusals = 3
  broker.beforeProduce = async () => {
    if (refusals-- > 0) throw new TidemarkError('THROTTLING_QUOTA_EXCEEDED', 'Come back later.')
  }
  const { exitCode } = await produceLines(broker, ['a\nb\n'])
  expect(exitCode).toBe(0)
  expect(broker.values()).toEqual(['a', 'b'])
})

test('each trouble is told once, and again when it is over', async () => {
  const broker = new ScriptedBroker(3)
  let failures = 6
  broker.beforeProduce = async () => {
    if (failures-- > 0) throw new TidemarkError('NETWORK_EXCEPTION', 'Nobody there.')
  }
  const { exitCode, noted } = await produceLines(broker, ['a\nb\n'])
  expect(exitCode).toBe(0)
  expect(noted).toMatch(
    /^NETWORK_EXCEPTION: Nobody there\. Trying again\.\nwrites again, after [\d.]+ m?s\nwrote 2 records/,
  )
})

test('an unknown outcome is tried again with the same numbers, which a broker recognizes', async () => {
  const { broker, close } = openInMemory()
  await broker.createTopic({ topic: 'tides', partitions: 2 })
  let calls = 0
  const produceAndForget = async (request: Produce) => {
    const produced = await broker.produce(request)
    // Every third answer is lost, and so are two of the next one.
    if (++calls % 3 === 0 || calls === 4) throw new TidemarkError('NETWORK_EXCEPTION', 'Cut off.', 'unknown')
    return produced
  }
  const forgetful: Pick<Broker, 'describeTopic' | 'produce'> = {
    describeTopic: topic => broker.describeTopic(topic),
    produce: produceAndForget,
  }
  const lines = numbers(200)
  const { exitCode, noted } = await produceLines(forgetful as Broker, [lines.join('\n')], { batchRecords: 7 })
  expect(noted).toContain('wrote 200 records')
  expect(exitCode).toBe(0)
  const values: string[] = []
  for (const partition of [0, 1]) {
    const { chunks } = await broker.fetch({ topic: 'tides', partition, offset: toOffset(0) })
    for (const { value } of chunks.flatMap(chunk => decodeBatches(chunk)))
      values.push(`${Buffer.from(value!)}`)
  }
  expect(values.toSorted()).toEqual(lines.toSorted())
  await close()
})

test('an outcome that stays unknown is told, whatever the last try says', async () => {
  const broker = new ScriptedBroker()
  let calls = 0
  broker.beforeProduce = async () => {
    calls++
    if (calls === 2) throw new TidemarkError('REQUEST_TIMED_OUT', 'No answer came.', 'unknown')
    if (calls > 2) throw new TidemarkError('TOPIC_AUTHORIZATION_FAILED', 'You may not any more.')
  }
  const { exitCode, noted } = await produceLines(
    broker,
    [numbers(10).join('\n')],
    { batchRecords: 2 },
    {
      ...TUNING,
      pendingBytesMax: 0,
    },
  )
  expect(exitCode).toBe(1)
  expect(calls).toBe(3)
  expect(noted).toContain('REQUEST_TIMED_OUT: No answer came. Trying again.')
  expect(noted).toContain('TOPIC_AUTHORIZATION_FAILED: You may not any more.')
  expect(noted).toContain('written: unknown')
  expect(noted).toContain('partition 0, between lines 2 and 2')
  expect(noted).toContain('wrote 1 record,')
  expect(noted).toContain('1 record may or may not have been written')
})

test('a repetition that the broker has, and cannot place any more, is written', async () => {
  const broker = new ScriptedBroker()
  let calls = 0
  broker.beforeProduce = async () => {
    calls++
    if (calls === 1) throw new TidemarkError('NETWORK_EXCEPTION', 'Cut off.', 'unknown')
    if (calls === 2) throw new TidemarkError('DUPLICATE_SEQUENCE_NUMBER', 'It is there.', 'yes')
  }
  const { exitCode, noted } = await produceLines(broker, ['a\nb\n'])
  expect(exitCode).toBe(0)
  expect(noted).toContain('wrote 2 records')
})

test('a broker that has lost count takes the lines under a new number', async () => {
  const broker = new ScriptedBroker()
  let calls = 0
  broker.beforeProduce = async () => {
    if (++calls === 2) throw new TidemarkError('OUT_OF_ORDER_SEQUENCE_NUMBER', 'A gap.')
  }
  const tuning = { ...TUNING, pendingBytesMax: 0 }
  const { exitCode } = await produceLines(broker, ['a\nb\nc\n'], {}, tuning)
  expect(exitCode).toBe(0)
  expect(broker.values()).toEqual(['a', 'b', 'c'])
})

test('noise in batches as large as batches can be is sent as it is', async () => {
  const broker = new ScriptedBroker()
  broker.maxMessageBytes = BATCH_BYTES_MAX
  const line = Buffer.from(randomBytes(BATCH_BYTES_MAX - 100).map(byte => (byte === 10 ? 11 : byte)))
  const { exitCode } = await produceLines(broker, [line], { compression: 'lz4' })
  expect(exitCode).toBe(0)
  expect(broker.records()).toHaveLength(1)
})

test('what cannot be retried ends the run, and says what was not written', async () => {
  const broker = new ScriptedBroker()
  broker.beforeProduce = async () => {
    throw new TidemarkError('TOPIC_AUTHORIZATION_FAILED', 'You may not.')
  }
  const { exitCode, noted } = await produceLines(broker, ['a\nb\n'])
  expect(exitCode).toBe(1)
  expect(noted).toContain('TOPIC_AUTHORIZATION_FAILED: You may not.')
  expect(noted).toContain('wrote 0 records')
  expect(noted).toContain('2 records read and not written')
})

test.each(['none', 'zstd'] as const)(
  'a line too long is named, the lines before are written (%s)',
  async compression => {
    const broker = new ScriptedBroker(2)
    broker.maxMessageBytes = 1000
    const noise = Buffer.from(randomBytes(1500).toString('base64'))
    const input = [Buffer.from('a\nb\n'), noise, Buffer.from('\nc\n')]
    const { exitCode, noted } = await produceLines(broker, input, { compression })
    expect(exitCode).toBe(1)
    expect(noted).toContain('MESSAGE_TOO_LARGE: line 3 with its 20')
    expect(noted).toContain('max.message.bytes is 1000')
    expect(noted).toContain('wrote 2 records')
  },
)

test('a line without end is not read to its end', async () => {
  const broker = new ScriptedBroker()
  let given = 0
  async function* input() {
    for (;;) {
      given++
      yield Buffer.alloc(65_536, 'x')
    }
  }
  const { exitCode, noted } = await produceLines(broker, input())
  expect(exitCode).toBe(1)
  expect(noted).toContain('line 1 with its 1114112 bytes, and more, is too large for a batch')
  expect(noted).toContain('`tidemark topic alter` (to 4194304 at most)')
  expect(given).toBeLessThan(20)
})

test('batches stay within max.message.bytes, compressed lines may be longer', async () => {
  const broker = new ScriptedBroker()
  broker.maxMessageBytes = 1000
  await produceLines(broker, [numbers(500).join('\n')])
  await produceLines(broker, [`${'x'.repeat(5000)}\n`], { compression: 'gzip' })
  expect(broker.records()).toHaveLength(501)
  for (const { batches } of broker.partitions)
    for (const { bytes } of batches) expect(bytes.length).toBeLessThanOrEqual(1000)
})

test('Ctrl-C finishes what was read, and says so', async () => {
  const broker = new ScriptedBroker()
  const terminal = fakeTerminal()
  async function* input() {
    yield Buffer.from('a\nb\nunfinished')
    await new Promise(() => {})
  }
  const done = produce(broker, SETTINGS, input(), terminal, { ...TUNING, lingerMs: 60_000 })
  await sleep(20)
  terminal.interrupt()
  expect(await done).toBe(130)
  expect(broker.values()).toEqual(['a', 'b'])
  expect(terminal.noted()).toContain('wrote 2 records')
})

test('after Ctrl-C a broker that swallows everything is waited for a while, and nobody knows what became of it', async () => {
  const broker = new ScriptedBroker()
  broker.beforeProduce = () => new Promise(() => {})
  const terminal = fakeTerminal()
  async function* input() {
    yield Buffer.from('a\nb\n')
    await new Promise(() => {})
  }
  const tuning = { ...TUNING, retry: { ...RETRY, forMs: 60_000 }, closeMs: 100 }
  const done = produce(broker, SETTINGS, input(), terminal, tuning)
  await sleep(50)
  terminal.interrupt()
  const beganMs = performance.now()
  expect(await done).toBe(1)
  expect(performance.now() - beganMs).toBeLessThan(tuning.retry.forMs / 4)
  expect(terminal.noted()).toContain('2 records may or may not have been written')
})

test('a partition that does not exist is told before anything is read', async () => {
  await expect(produceLines(new ScriptedBroker(2), ['a\n'], { partition: 2 })).rejects.toThrow(
    'it has 2, numbered from 0',
  )
})

describe('lines of JSON', () => {
  /** What is hard to carry: no key, no value, no bytes, no text, the largest of a batch, a time of long ago. */
  const RECORDS: RecordInput[] = [
    { key: Buffer.from('dover'), value: Buffer.from('6.2 ⛵\r\n'), timestampMs: 0 },
    { key: Buffer.from([0xff, 0]), value: Buffer.from([0, 0xc3, 0x28]), timestampMs: 1_769_860_800_000 },
    { key: Buffer.from('brest'), value: null, headers: [{ key: 'why', value: null }], timestampMs: 3 },
    { key: null, value: Buffer.alloc(0), headers: [{ key: '', value: Buffer.alloc(0) }], timestampMs: 2 },
    {
      key: Buffer.alloc(0),
      value: Buffer.from('{"a":1}'),
      headers: [
        { key: 'twice', value: Buffer.from('1') },
        { key: 'twice', value: Buffer.of(0x80) },
      ],
      timestampMs: 9,
    },
    { key: null, value: Buffer.alloc(1_000_000), timestampMs: 10 },
  ]

  async function contents(broker: Broker, topic: string) {
    const { partitions } = await broker.describeTopic(topic)
    const fetched = await Promise.all(
      Array.from({ length: partitions }, (_, partition) =>
        broker.fetch({ topic, partition, offset: toOffset(0), maxBytes: 8_000_000 }),
      ),
    )
    return fetched.map(({ chunks }) => chunks.flatMap(chunk => decodeBatches(chunk)))
  }

  test('a topic is exported and imported, byte for byte', async () => {
    const { broker, close } = openInMemory()
    onTestFinished(close)
    for (const topic of ['tides', 'copy']) await broker.createTopic({ topic, partitions: 3 })
    for (const partition of [0, 2]) {
      const batches = encodeBatch(partition === 0 ? RECORDS : RECORDS.toReversed())
      await broker.produce({ topic: 'tides', partition, batches })
    }
    const exported = fakeTerminal()
    const reading = { topic: 'tides', from: 'earliest', partitions: [], recordsMax: null, exitAtEnd: true }
    await consume(broker, { ...reading, from: 'earliest', format: formatJsonLine }, exported)
    const { exitCode, noted } = await produceLines(broker, [exported.printed()], {
      topic: 'copy',
      syntax: 'json',
    })
    expect([exitCode, noted]).toEqual([0, expect.stringMatching(/^wrote 12 records, /)])
    const [before, after] = await Promise.all([contents(broker, 'tides'), contents(broker, 'copy')])
    expect(before.map(records => records.length)).toEqual([6, 0, 6])
    expect(after).toEqual(before)
  })

  test('what the line does not say is chosen as for any line', async () => {
    const broker = new ScriptedBroker(3)
    const sentMs = Date.now()
    await produceLines(broker, ['{"key":"dover","value":"6.2","timestampMs":-1}\n{"value":null}'], {
      syntax: 'json',
      headers: [{ key: 'by', value: Buffer.from('hand') }],
    })
    const records = [0, 1, 2].flatMap(partition => broker.records(partition))
    expect(broker.values(partitionForKey(Buffer.from('dover'), 3))).toContain('6.2')
    expect(records).toHaveLength(2)
    for (const { headers, timestampMs } of records) {
      expect(headers).toMatchObject([{ key: 'by' }])
      expect(timestampMs).toBeGreaterThanOrEqual(sentMs)
    }
    await produceLines(broker, ['{"partition":0,"value":"6.4"}'], { syntax: 'json', partition: 2 })
    expect(broker.values(2)).toContain('6.4')
  })

  test.each([
    ['6.2', 'it is no JSON object'],
    ['{"value":"6.2"', 'it is no JSON (Expected '],
    ['', 'it is no JSON (Unexpected end'],
    [Buffer.from('{"value":"\xff"}', 'latin1'), 'it is no UTF-8'],
    ['{"key":"a"}', 'it has neither value nor valueBase64; null is the value of a tombstone'],
    ['{"vlaue":"a"}', 'a record has no vlaue: it has topic, partition, '],
    ['{"value":{"metres":4.8}}', 'value is neither a string nor null; JSON within a record stands as text'],
    ['{"value":"a","valueBase64":"YQ=="}', 'it has value and valueBase64: leave one out'],
    ['{"valueBase64":"YQ"}', 'valueBase64 is no base64'],
    ['{"valueBase64":1}', 'valueBase64 is no base64'],
    ['{"value":"\\ud800"}', 'value holds half of a character'],
    ['{"value":"a","key":1}', 'key is neither a string nor null'],
    ['{"value":"a","partition":-1}', 'partition is no whole number from 0 on'],
    ['{"value":"a","timestampMs":"1"}', 'timestampMs is no whole number from -1 on'],
    ['{"value":"a","timestampMs":9007199254740993}', 'timestampMs is no whole number'],
    ['{"value":"a","headers":{"unit":"m"}}', 'headers is no list'],
    ['{"value":"a","headers":[{"value":"m"}]}', "a header's key is no string"],
    ['{"value":"a","headers":[{"key":"unit"}]}', 'a header has neither value nor valueBase64'],
    [
      '{"value":"a","headers":[{"key":"unit","val":"m"}]}',
      'a header has no val: it has key, value, valueBase64',
    ],
    ['{"value":"a","topic":"currents"}', 'it is of the topic currents, and line 1 of tides'],
    [
      '{"value":"a","partition":7}',
      'topic tides has no partition 7: it has 2, numbered from 0. `tidemark topic',
    ],
  ])('%s is refused by its line, and what stands before is written', async (line, message) => {
    const broker = new ScriptedBroker(2)
    const input = ['{"topic":"tides","value":"6.2"}\n', line, '\n{"value":"after"}\n']
    const { exitCode, noted } = await produceLines(broker, input, { syntax: 'json' })
    expect(exitCode).toBe(1)
    expect(noted).toContain(`tidemark: line 2: ${message}`)
    expect(noted).toContain('wrote 1 record')
  })
})
