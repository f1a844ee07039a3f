/** What reads of segments cost, and what becomes of them where something is damaged or gone. */
import { beforeEach, describe, expect, test } from 'vitest'
import { gatherBatch } from '../../../src/broker/triggers/delivering/gather-batch.ts'
import { RecordReader } from '../../../src/broker/triggers/delivering/record-reader.ts'
import { type Skipped, skippingCorrupt } from '../../../src/cli/consuming/skip-corrupt.ts'
import type { Segment } from '../../../src/core/log/settled/segment.ts'
import { toOffset, toPosition } from '../../../src/core/numbers.ts'
import { decodeFooter } from '../../../src/core/segment/footer.ts'
import { logObjectKey } from '../../../src/core/storage-layout.ts'
import { checkTriggerSettings } from '../../../src/core/trigger/settings.ts'
import { batchOf, NOW_MS, numbered, readAll, recordsIn } from '../harness.ts'
import { type LaidOutLog, layOut } from './laid-out-log.ts'

const PLACE = { topic: 'tides', partition: 0 }
const BATCHES = 40

let log: LaidOutLog

/** So many batches of three records, all of them in segments. */
function layOutWhole(padding: number, mergedShare: number): Promise<LaidOutLog> {
  const record = { fate: 'stays', drift: 20 } as const
  const planned = { records: [record, record, record], padding, compression: 'none' } as const
  const piece = { batches: [planned], isFlushed: true, endsSegment: false, endsMerged: false }
  return layOut({
    pieces: Array.from({ length: BATCHES }, () => piece),
    settledShare: 1,
    mergedShare,
    startShare: 0,
    isDropped: false,
    markBytes: 1,
    hasStrays: false,
    mayEndInHole: false,
  })
}

async function onlySegment(): Promise<{ segment: Segment; key: string; bytes: Uint8Array }> {
  const { index, objects } = log.harness.plain
  const segments: Segment[] = []
  for await (const { segment } of index.segments(log.partition)) segments.push(segment)
  const [segment] = segments
  expect(segments.length).toBe(1)
  const key = logObjectKey(log.partition, segment!.baseOffset, segment!.id)
  const bytes = await objects.get(key, toPosition(0), segment!.bytes + segment!.footerBytes)
  return { segment: segment!, key, bytes: bytes! }
}

/** Changes the segment's object where the batch with that offset begins, so many bytes on. */
async function damageBatch(offset: number, at: number): Promise<void> {
  const { segment, key, bytes } = await onlySegment()
  const { marks } = decodeFooter(bytes.subarray(segment.bytes))
  const place = [...marks.stretches()].find(({ span }) => span === offset)!
  bytes[place.bytes + at]! ^= 0x40
  await log.harness.plain.objects.put(key, [bytes])
}

const fetch = (offset: number, maxBytes = 1_000_000) =>
  log.broker.fetch({ ...PLACE, offset: toOffset(offset), maxBytes })

/** How often which method is called meanwhile. */
async function callsOf(work: () => Promise<unknown>): Promise<Record<string, number>> {
  const { calls } = log.harness
  calls.length = 0
  await work()
  const counts: Record<string, number> = {}
  for (const { method } of calls) counts[method] = (counts[method] ?? 0) + 1
  return counts
}

describe('in a large segment', () => {
  beforeEach(async () => {
    log = await layOutWhole(20_000, 0)
    // So the topic is known.
    await fetch(log.endOffset)
  })

  test('an offset is found by its head, its segment and its footer, and then read', async () => {
    const first = await callsOf(() => fetch(70, 100_000))
    expect(first).toEqual({ readHead: 1, readSegments: 1, get: 2 })
    // The footer is kept, and where the last read ended as well.
    expect(await callsOf(() => fetch(50, 100_000))).toEqual({ readHead: 1, readSegments: 1, get: 1 })
    expect(await callsOf(() => fetch(72, 100_000))).toEqual({ readHead: 1, readSegments: 1, get: 1 })
  })

  test('a time is found by its head, its segments and its footer, and then read', async () => {
    const { timestampMs, offset } = log.records[90]!
    const found: unknown[] = []
    const look = async () => found.push(await log.broker.offsetFor({ ...PLACE, at: { timestampMs } }))
    expect(await callsOf(look)).toEqual({ readHead: 1, readSegments: 1, get: 2 })
    expect(found).toEqual([{ offset, timestampMs }])
  })

  test('who goes on where an answer ended reads nothing twice', async () => {
    const counts = await callsOf(() => readAll(log.broker, { ...PLACE, maxBytes: 300_000 }))
    const { bytes } = (await onlySegment()).segment
    expect(counts.get).toBeLessThanOrEqual(Math.ceil(bytes / 240_000))
    expect(counts.readSegments).toBe(counts.get)
  })

  test('a footer that is damaged costs more reads, and no records', async () => {
    const { segment, key, bytes } = await onlySegment()
    bytes[segment.bytes + 10]! ^= 1
    await log.harness.plain.objects.put(key, [bytes])
    expect(recordsIn((await fetch(70, 10)).chunks)[0]!.offset).toBe(69)
    const { timestampMs, offset } = log.records[90]!
    expect(await log.broker.offsetFor({ ...PLACE, at: { timestampMs } })).toEqual({ offset, timestampMs })
    expect(await readAll(log.broker, PLACE)).toHaveLength(log.endOffset)
  })
})

test('a time is found as fast where there are merged segments before it, and in them', async () => {
  log = await layOutWhole(20_000, 0.5)
  const { mergedOffset, mergedMaxMs } = (await log.harness.plain.index.readHead(log.partition))!.settled
  expect(mergedOffset).toBeGreaterThan(0)
  const later = log.records.findIndex(({ timestampMs }) => timestampMs > mergedMaxMs)
  expect(later).toBeGreaterThan(0)
  for (const { timestampMs } of [log.records[1]!, log.records[later]!, log.records.at(-1)!]) {
    const found: unknown[] = []
    // It knows the topic, and none of the footers.
    const fresh = log.harness.open()
    await fresh.offsetFor({ ...PLACE, at: 'latest' })
    const look = async () => found.push(await fresh.offsetFor({ ...PLACE, at: { timestampMs } }))
    expect(await callsOf(look)).toEqual({ readHead: 1, readSegments: 1, get: 2 })
    const due = log.records.find(record => record.timestampMs >= timestampMs)!
    expect(found).toEqual([{ offset: due.offset, timestampMs: due.timestampMs }])
  }
})

describe.each([
  ['small', 10],
  ['large', 20_000],
] as const)('in a %s segment with a damaged batch', (_, padding) => {
  beforeEach(async () => {
    log = await layOutWhole(padding, 1)
  })

  // Its checksum, and what says how long it is.
  test.each([17, 8])('what comes before and behind is read: byte %s', async at => {
    await damageBatch(60, at)
    expect(recordsIn((await fetch(57)).chunks).at(-1)!.offset).toBe(59)
    for (const offset of [60, 61, 62]) {
      await expect(fetch(offset)).rejects.toMatchObject({
        kafkaName: 'CORRUPT_MESSAGE',
        message: expect.stringContaining('The stored batch at offset 60 is damaged'),
      })
    }
    const behind = await readAll(log.broker, { ...PLACE, maxBytes: 100_000 }, 63)
    expect(behind.map(({ offset }) => offset)).toEqual(Array.from({ length: 57 }, (_, n) => 63 + n))
  })

  test.each([17, 8])('who skips what is corrupt skips that batch: byte %s', async at => {
    await damageBatch(60, at)
    const skipped: Skipped[] = []
    const skipping = skippingCorrupt(log.broker, each => skipped.push(each))
    const got: number[] = []
    for (let offset = 0; offset < log.endOffset; ) {
      const fetched = await skipping.fetch({ ...PLACE, offset: toOffset(offset) })
      got.push(...recordsIn(fetched.chunks).map(record => record.offset))
      offset = fetched.nextOffset
    }
    expect(skipped.map(({ from, to }) => [from, to])).toEqual([[60, 63]])
    expect(got).toEqual([...Array(log.endOffset).keys()].filter(offset => offset < 60 || offset >= 63))
  })
})

describe('where an object is gone', () => {
  beforeEach(async () => {
    log = await layOutWhole(20_000, 0)
    const { key } = await onlySegment()
    await log.harness.plain.objects.remove(key)
  })

  test('a read tells what to do, once it has looked for what came in its place', async () => {
    for (const read of [fetch(0), fetch(70), log.broker.offsetFor({ ...PLACE, at: { timestampMs: 0 } })]) {
      await expect(read).rejects.toMatchObject({
        kafkaName: 'KAFKA_STORAGE_ERROR',
        message: expect.stringContaining('tidemark verify'),
      })
    }
  })
})

describe('what this process has appended of late', () => {
  test('is read without reading an object, from wherever it reaches to the end', async () => {
    log = await layOutWhole(20_000, 0)
    const { harness } = log
    const broker = harness.open({ hotTailBytes: 1_000_000 })
    await broker.fetch({ ...PLACE, offset: toOffset(log.endOffset) })
    for (let round = 0; round < 5; round++) {
      const batches = batchOf(numbered(log.endOffset + 3 * round, 3), { padding: 10_000 })
      await harness.run(broker.produce({ ...PLACE, batches }))
    }
    const counts = await callsOf(async () => {
      for (let offset = log.endOffset; offset < log.endOffset + 15; offset++) {
        const fetched = await broker.fetch({ ...PLACE, offset: toOffset(offset) })
        const got = recordsIn(fetched.chunks).filter(record => record.offset >= offset)
        expect(got.map(({ value }) => value)).toEqual(numbered(offset, log.endOffset + 15 - offset))
        expect(fetched.nextOffset).toBe(log.endOffset + 15)
      }
    })
    expect(counts).toEqual({ readHead: 15 })
    const before = await callsOf(() => broker.fetch({ ...PLACE, offset: toOffset(log.endOffset - 1) }))
    expect(before).toMatchObject({ readSegments: 1 })
  })

  test('of a topic that was deleted is not told for another of its name', async () => {
    log = await layOutWhole(10, 0)
    const { harness } = log
    const broker = harness.open({ hotTailBytes: 1_000_000 })
    await broker.fetch({ ...PLACE, offset: toOffset(0) })
    await harness.run(broker.produce({ ...PLACE, batches: batchOf(['old'], { padding: 10_000 }) }))
    await harness.run(broker.deleteTopic('tides'))
    await harness.run(broker.createTopic({ topic: 'tides' }))
    await harness.run(broker.produce({ ...PLACE, batches: batchOf(['new'], { padding: 10_000 }) }))
    const { chunks } = await broker.fetch({ ...PLACE, offset: toOffset(0) })
    expect(recordsIn(chunks)).toEqual([{ offset: 0, value: 'new' }])
  })
})

/** A segment of three records, and one of which nothing is left. */
async function layOutWithHole(): Promise<void> {
  const pieces = (['stays', 'goes when rolled'] as const).map(fate => {
    const record = { fate, drift: 20 }
    const planned = { records: [record, record, record], padding: 10, compression: 'none' } as const
    return { batches: [planned], isFlushed: true, endsSegment: true, endsMerged: false }
  })
  log = await layOut({
    pieces,
    settledShare: 1,
    mergedShare: 0,
    startShare: 0,
    isDropped: false,
    markBytes: 1,
    hasStrays: false,
    mayEndInHole: true,
  })
}

describe('where nothing is left up to the end', () => {
  beforeEach(layOutWithHole)

  test('who stands there is told at once where the end is, and waits there', async () => {
    const { harness, broker } = log
    const { clock } = harness
    const wait = (offset: number) =>
      harness.run(broker.fetch({ ...PLACE, offset: toOffset(offset), maxWaitMs: 5_000 }))
    const beganMs = clock.monotonicMs()
    expect(await wait(4)).toEqual({ startOffset: 0, endOffset: 6, nextOffset: 6, chunks: [] })
    expect(clock.monotonicMs()).toBe(beganMs)
    expect(await wait(6)).toMatchObject({ nextOffset: 6, chunks: [] })
    expect(clock.monotonicMs()).toBe(beganMs + 5_000)
  })

  test('a trigger gets to the end, and is not behind for ever', async () => {
    const reader = new RecordReader(log.broker, PLACE, () => true, toOffset(0))
    const settings = checkTriggerSettings({})
    const place = { position: toOffset(0), bound: null, emptyBytes: 100, nowMs: NOW_MS }
    const { batch, end, isAtLogEnd } = await gatherBatch(reader, { topic: 'tides', settings }, 0, place)
    expect(batch.records.map(({ offset }) => offset)).toEqual([0, 1, 2])
    expect({ end, isAtLogEnd }).toEqual({ end: 6, isAtLogEnd: true })
  })
})
