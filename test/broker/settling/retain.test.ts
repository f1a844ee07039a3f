import { beforeEach, describe, expect, test } from 'vitest'
import type { LogBroker } from '../../../src/broker/log-broker.ts'
import { Moved } from '../../../src/broker/settling/read-runs.ts'
import { retain } from '../../../src/broker/settling/retain.ts'
import type { Head } from '../../../src/core/log/head.ts'
import { toOffset } from '../../../src/core/numbers.ts'
import { LOG_OBJECTS_PREFIX, startMarkerKey } from '../../../src/core/storage-layout.ts'
import { NotApplied, OutcomeUnknown } from '../../../src/ports/outcome.ts'
import { batchOf, Harness, NOW_MS, numbered, readAll } from '../harness.ts'
import { SettledLog } from './settled-log.ts'

const HOUR_MS = 3_600_000

let harness: Harness
let broker: LogBroker
let log: SettledLog

beforeEach(async () => {
  harness = new Harness()
  broker = harness.open()
  log = new SettledLog(harness, 'tides')
})

/** A topic of which segments of ten records each have settled, an hour apart up to an hour ago, and one record has not. */
async function open(configs: Record<string, string>, segments = 4): Promise<void> {
  // Each segment is large enough to stay one.
  await harness.run(broker.createTopic({ topic: 'tides', configs: { 'segment.bytes': '14', ...configs } }))
  for (let segment = 0; segment < segments; segment++) {
    const timestampMs = NOW_MS + (segment - segments) * HOUR_MS
    await log.roll(batchOf(numbered(segment * 10, 10), { timestampMs, padding: 100 }))
  }
  await log.produce(batchOf(['the last'], { timestampMs: NOW_MS }))
}

/** What a visit does. */
async function retainNow(head?: Head): Promise<Head | undefined> {
  const known = await log.log()
  return await harness.run(retain(harness.ports, known, head ?? (await log.head()), log.budget()))
}

const offsets = async () =>
  (await harness.run(readAll(broker, { topic: 'tides', partition: 0 }, (await log.head()).startOffset))).map(
    ({ offset }) => offset,
  )

const alter = (set: Record<string, string>) => harness.run(broker.alterTopic({ topic: 'tides', set }))

test('what is older than retention.ms goes, start and boundary in one step', async () => {
  await open({ 'retention.ms': String(6 * HOUR_MS) })
  await harness.pass(3 * HOUR_MS)
  harness.calls.length = 0
  const head = await retainNow()
  expect(head).toMatchObject({ startOffset: 10, settled: { firstOffset: 10, settledOffset: 40 } })
  expect(harness.count('rearrange')).toBe(1)
  expect(await offsets()).toEqual(Array.from({ length: 31 }, (_, index) => 10 + index))
  expect(await retainNow()).toBeUndefined()
})

test('what is above retention.bytes goes', async () => {
  await open({ 'retention.ms': '-1' })
  const { settled, flushed } = await log.head()
  const tail = (await log.head()).tail[0]!.bytes
  const all = settled.bytes + flushed.bytes - settled.loggedBytes + tail
  const oldest = (await log.segments()).slice(0, 2).reduce((sum, { segment }) => sum + segment.bytes, 0)
  await alter({ 'retention.bytes': String(all - oldest) })
  const bytes = settled.bytes - oldest
  expect(await retainNow()).toMatchObject({ startOffset: 20, settled: { firstOffset: 20, bytes } })
  expect(await retainNow()).toBeUndefined()
})

test('nothing goes by default until a week has passed, and then all but what is newest', async () => {
  await open({})
  expect(await retainNow()).toBeUndefined()
  await harness.pass(9 * 24 * HOUR_MS)
  expect(await retainNow()).toMatchObject({
    startOffset: 40,
    settled: { firstOffset: 40, segmentSum: 0, bytes: 0 },
  })
  expect(await offsets()).toEqual([40])
})

test('the newest segment stays, however old', async () => {
  await open({ 'retention.ms': '1' })
  await log.settle()
  await harness.pass(9 * HOUR_MS)
  expect(await retainNow()).toMatchObject({ startOffset: 40, settled: { settledOffset: 41 } })
  expect(await offsets()).toEqual([40])
})

test('a record of the year 2100 keeps what comes behind it, and nothing before', async () => {
  await harness.run(
    broker.createTopic({
      topic: 'tides',
      configs: {
        'segment.bytes': '14',
        'retention.ms': '1',
        'message.timestamp.after.max.ms': '9007199254740991',
      },
    }),
  )
  for (const timestampMs of [NOW_MS, 4_102_444_800_000, NOW_MS, NOW_MS])
    await log.roll(batchOf(['a'], { timestampMs }))
  await harness.pass(HOUR_MS)
  expect(await retainNow()).toMatchObject({ startOffset: 1 })
  expect(await retainNow()).toBeUndefined()
})

test.each([
  ['compacted alone', { 'cleanup.policy': 'compact', 'retention.ms': '1' }],
  ['kept for ever', { 'retention.ms': '-1' }],
])('a topic that is %s keeps everything', async (_, configs) => {
  await harness.run(broker.createTopic({ topic: 'tides', configs }))
  for (let segment = 0; segment < 3; segment++) await log.roll(batchOf(['a', 'b'], { padding: 1 }))
  await harness.pass(30 * 24 * HOUR_MS)
  expect(await retainNow()).toBeUndefined()
})

test('a topic that is older than retention keeps everything until somebody sets it', async () => {
  await open({ 'retention.ms': '1' })
  const { expires: _, ...old } = (await harness.plain.topics.get('tides'))!
  await harness.plain.topics.put({ ...old, version: harness.entropy.id() }, old.version)
  await harness.pass(30 * 24 * HOUR_MS)
  expect(await retainNow()).toBeUndefined()
  await alter({ 'retention.ms': '1' })
  expect(await retainNow()).toMatchObject({ startOffset: 40 })
})

describe('whoever slept', () => {
  test('and has read the head before the retention was altered lets nothing go', async () => {
    await open({ 'retention.ms': '1' })
    await harness.pass(HOUR_MS)
    const [head, known] = [await log.head(), await log.log()]
    await alter({ 'retention.ms': '-1' })
    const late = retain(harness.ports, known, head, log.budget())
    expect(await harness.run(late)).toBeUndefined()
    expect(await offsets()).toHaveLength(41)
  })

  test('and has read the topic before the retention was altered is refused', async () => {
    await open({ 'retention.ms': '1' })
    await harness.pass(HOUR_MS)
    harness.around = async (method, _, call) => {
      if (method !== 'rearrange') return await call()
      harness.around = (_, __, call) => call()
      await harness.open().alterTopic({ topic: 'tides', set: { 'retention.ms': '-1' } })
      return await call()
    }
    await expect(retainNow()).rejects.toThrow(Moved)
    expect(await offsets()).toHaveLength(41)
    expect(await retainNow()).toBeUndefined()
  })

  test('and finds its topic deleted, and another of its name, lets nothing go', async () => {
    await open({ 'retention.ms': '1' })
    await harness.pass(HOUR_MS)
    const [head, known] = [await log.head(), await log.log()]
    await harness.run(broker.deleteTopic('tides'))
    await harness.run(broker.createTopic({ topic: 'tides' }))
    const late = retain(harness.ports, known, head, log.budget())
    await expect(harness.run(late)).rejects.toThrow(Moved)
  })

  test('and finds that another has done it leaves it so', async () => {
    await open({ 'retention.ms': '1' })
    await harness.pass(HOUR_MS)
    const head = await log.head()
    await retainNow()
    const before = await log.head()
    await expect(retainNow(head)).rejects.toThrow(Moved)
    expect(await log.head()).toEqual(before)
  })
})

test('answers that are lost, and refusals that pass, change nothing of that', async () => {
  await open({ 'retention.ms': '1' })
  await harness.pass(HOUR_MS)
  let calls = 0
  harness.around = async (_, __, call) => {
    calls += 1
    if (calls % 3 === 0) throw new NotApplied('throttled')
    const answer = await call()
    if (calls % 2 === 0) throw new OutcomeUnknown('the answer was lost')
    return answer
  }
  // A move whose answer was lost looks refused; the next look finds that it was made.
  await retainNow().catch(error => expect(error).toBeInstanceOf(Moved))
  harness.around = (_, __, call) => call()
  expect(await log.head()).toMatchObject({ startOffset: 40, settled: { firstOffset: 40 } })
})

test('the start is noted beside the objects where what is left says less, the highest one alone', async () => {
  await open({ 'retention.ms': String(6 * HOUR_MS) })
  const { partition } = await log.log()
  const markers = async () => {
    const keys: string[] = []
    for await (const { key } of harness.plain.objects.list(LOG_OBJECTS_PREFIX))
      if (key.includes('start-')) keys.push(key)
    return keys
  }
  await harness.pass(3 * HOUR_MS)
  await retainNow()
  expect(await markers()).toEqual([startMarkerKey(partition, toOffset(10))])
  await harness.pass(HOUR_MS)
  await retainNow()
  expect(await markers()).toEqual([startMarkerKey(partition, toOffset(20))])
})

test('a log whose records were deleted within a segment starts there, or later', async () => {
  await open({ 'retention.ms': String(6 * HOUR_MS) })
  await harness.run(broker.deleteRecords({ topic: 'tides', partition: 0, beforeOffset: toOffset(15) }))
  await harness.pass(3 * HOUR_MS)
  expect(await retainNow()).toMatchObject({ startOffset: 15, settled: { firstOffset: 10 } })
  expect((await offsets())[0]).toBe(15)
})

test('of a long log no more is read than goes', async () => {
  await open({ 'retention.ms': String(190 * HOUR_MS) }, 130)
  await harness.pass(61 * HOUR_MS)
  harness.calls.length = 0
  await retainNow()
  expect(harness.count('readSegments')).toBeLessThan(8)
  expect(await retainNow()).toBeUndefined()
})
