/** Every reader over logs as they come to be laid out, against the plain list of what is in them. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { gatherBatch } from '../../../src/broker/triggers/delivering/gather-batch.ts'
import { RecordReader } from '../../../src/broker/triggers/delivering/record-reader.ts'
import { fetchLocated } from '../../../src/client/located.ts'
import { PartitionStream } from '../../../src/client/sdk/consuming/partition-stream.ts'
import type { Broker, Fetched } from '../../../src/contract/broker.ts'
import { createHttpApp } from '../../../src/contract/http/app.ts'
import type { Head } from '../../../src/core/log/head.ts'
import { type Settled, UNSETTLED } from '../../../src/core/log/settled/settled.ts'
import { type Offset, toOffset } from '../../../src/core/numbers.ts'
import { checkTriggerSettings } from '../../../src/core/trigger/settings.ts'
import { NOW_MS, type ReadRecord, recordsIn } from '../harness.ts'
import { type LaidOutLog, type LaidOutRecord, type Layout, layOut, layouts } from './laid-out-log.ts'

const SMALL = layouts(2_000)
/** Segments of more than a megabyte, of which only parts are read. */
const LARGE = layouts(200_000, 20)

async function holds(
  layout: fc.Arbitrary<Layout>,
  numRuns: number,
  check: (log: LaidOutLog) => Promise<void>,
) {
  const property = fc.asyncProperty(layout, async layout => check(await layOut(layout)))
  await fc.assert(property, { numRuns })
}

const SETTINGS = checkTriggerSettings({ batchSize: 3 })
const PLACE = { topic: 'tides', partition: 0 }

/** What of a log an answer must hold: everything from the asked offset up to where the next one goes on. */
function expectExactly(log: LaidOutLog, offset: number, fetched: Fetched): ReadRecord[] {
  const { nextOffset, chunks, startOffset, endOffset } = fetched
  const got = recordsIn(chunks).filter(record => record.offset >= offset)
  const due = log.records.filter(record => record.offset >= offset && record.offset < nextOffset)
  expect(got).toEqual(due.map(({ offset, value }) => ({ offset, value })))
  expect({ startOffset, endOffset }).toEqual({ startOffset: log.startOffset, endOffset: log.endOffset })
  return got
}

/** Each answer gets further, and none is empty before the end. */
async function readThrough(
  log: LaidOutLog,
  from: number,
  read: (offset: Offset) => Promise<Fetched>,
): Promise<ReadRecord[]> {
  const records: ReadRecord[] = []
  for (let offset = from; offset < log.endOffset; ) {
    const fetched = await read(toOffset(offset))
    const got = expectExactly(log, offset, fetched)
    // A batch may come of which nothing is left behind the offset.
    if (fetched.chunks.length === 0) expect(fetched.nextOffset).toBe(log.endOffset)
    expect(fetched.nextOffset).toBeGreaterThan(offset)
    records.push(...got)
    offset = fetched.nextOffset
  }
  return records
}

const bare = (records: readonly LaidOutRecord[]) => records.map(({ offset, value }) => ({ offset, value }))

for (const [size, layout, numRuns] of [
  ['small', SMALL, 40],
  ['large', LARGE, 3],
] as const) {
  const budgets = size === 'small' ? [1, 500, 5_000, 1_000_000] : [1, 300_000, 1_500_000]

  test(`a fetch answers what is there from any offset of a log of ${size} segments, and no more`, async () => {
    await holds(layout, numRuns, async log => {
      for (const maxBytes of budgets) {
        for (let offset = log.startOffset; offset <= log.endOffset; offset += size === 'small' ? 1 : 3) {
          const fetch = log.broker.fetch({ ...PLACE, offset: toOffset(offset), maxBytes })
          const fetched = await fetch
          expectExactly(log, offset, fetched)
          if (offset < log.endOffset) expect(fetched.nextOffset).toBeGreaterThan(offset)
        }
      }
    })
  })

  test(`one fetch after the other reads a log of ${size} segments to its end`, async () => {
    await holds(layout, numRuns, async log => {
      for (const maxBytes of budgets) {
        const read = (offset: Offset) => log.broker.fetch({ ...PLACE, offset, maxBytes })
        expect(await readThrough(log, log.startOffset, read)).toEqual(bare(log.records))
      }
    })
  })

  test(`located ranges hold what a fetch of ${size} segments would`, async () => {
    await holds(layout, Math.ceil(numRuns / 2), async log => {
      for (const maxBytes of budgets.slice(1)) {
        for (
          let offset = log.startOffset;
          offset < log.endOffset;
          offset += size === 'small' ? 1 + (offset % 3) : 5
        ) {
          const request = { ...PLACE, offset: toOffset(offset), maxBytes }
          const located = await log.broker.locate(request)
          expectExactly(log, offset, await fetchLocated(located, { from: toOffset(offset) }))
          expect(located.nextOffset).toBeGreaterThan(offset)
        }
        for (let offset = log.startOffset; offset < log.endOffset; ) {
          const request = { ...PLACE, offset: toOffset(offset), maxBytes }
          const fetched = await fetchLocated(await log.broker.locate(request))
          expectExactly(log, offset, fetched)
          offset = fetched.nextOffset
        }
      }
    })
  })

  test(`a time in a log of ${size} segments is found where the first record as late stands`, async () => {
    await holds(layout, numRuns, async log => {
      const times = new Set(log.records.flatMap(({ timestampMs }) => [timestampMs, timestampMs + 1]))
      const step = size === 'small' ? 1 : 11
      for (const timestampMs of [0, ...times].filter((_, index) => index % step === 0)) {
        const found = await log.broker.offsetFor({ ...PLACE, at: { timestampMs } })
        const due = log.records.find(record => record.timestampMs >= timestampMs)
        expect(found).toEqual({ offset: due?.offset ?? null, timestampMs: due?.timestampMs ?? null })
      }
      const greatest = Math.max(...log.records.map(({ timestampMs }) => timestampMs))
      const first = log.records.find(({ timestampMs }) => timestampMs === greatest)
      expect(await log.broker.offsetFor({ ...PLACE, at: 'max-timestamp' })).toEqual({
        offset: first?.offset ?? null,
        timestampMs: first?.timestampMs ?? null,
      })
    })
  })
}

test('a trigger reads every record once, and then stands at the end', async () => {
  await holds(SMALL, 40, async log => {
    const { broker, startOffset, endOffset } = log
    for (const maxBytes of [1, 1_000, 1_000_000]) {
      const narrow: Pick<Broker, 'fetch'> = { fetch: request => broker.fetch({ ...request, maxBytes }) }
      const reader = new RecordReader(narrow, PLACE, () => true, toOffset(startOffset))
      while (await reader.readOn()) {}
      const got = reader.upcoming.map(({ record }) => ({
        offset: record.offset,
        value: Buffer.from(record.value!).toString(),
      }))
      expect(got).toEqual(bare(log.records))
      expect(reader.readTo).toBe(endOffset)
    }
  })
})

test('what a trigger commits gets to the end, also where nothing is left there', async () => {
  await holds(SMALL, 40, async log => {
    const { broker, startOffset, endOffset } = log
    for (const from of [startOffset, Math.floor((startOffset + endOffset) / 2), endOffset - 1]) {
      if (from < startOffset) continue
      const reader = new RecordReader(broker, PLACE, () => true, toOffset(from))
      const trigger = { topic: PLACE.topic, settings: SETTINGS }
      const got: number[] = []
      let position = toOffset(from)
      for (let isAtEnd = false; !isAtEnd; ) {
        const place = { position, bound: null, emptyBytes: 100, nowMs: NOW_MS }
        const { batch, end, isAtLogEnd } = await gatherBatch(reader, trigger, 0, place)
        got.push(...batch.records.map(({ offset }) => offset))
        reader.skipTo(end)
        position = end
        isAtEnd = isAtLogEnd
      }
      expect(got).toEqual(log.records.map(({ offset }) => offset).filter(offset => offset >= from))
      expect(position).toBe(endOffset)
    }
  })
})

test("a consumer's partition delivers every record once, and stands at the end or where it is to stop", async () => {
  await holds(SMALL, 40, async log => {
    const { broker, startOffset, endOffset } = log
    for (const stop of [null, endOffset, Math.floor((startOffset + endOffset) / 2)]) {
      for (const kind of ['fetched', 'located'] as const) {
        const stopOffset = stop === null ? null : toOffset(stop)
        const stream = new PartitionStream(PLACE, toOffset(startOffset), stopOffset)
        const got: ReadRecord[] = []
        while (!stream.isFetchedWhole && stream.fetchOffset! < endOffset) {
          const offset = stream.fetchOffset!
          const request = { ...PLACE, offset, maxBytes: 700 }
          const { chunks, nextOffset } =
            kind === 'fetched'
              ? await broker.fetch(request)
              : await fetchLocated(await broker.locate(request), { from: offset })
          stream.add(chunks, nextOffset)
          // As a handler's turn.
          stream.isBusy = true
          while (stream.hasRecords) {
            await stream.prepare()
            const records = stream.peek(2)
            for (const { offset, value } of records)
              got.push({ offset, value: Buffer.from(value!).toString() })
            stream.advance(records.length)
          }
          stream.becameIdle()
        }
        expect(got).toEqual(bare(log.records.filter(({ offset }) => offset < (stop ?? endOffset))))
        expect(stream.position).toBe(stop ?? endOffset)
      }
    }
  })
})

test('reads in JSON go through all records, however small their answers', async () => {
  await holds(SMALL, 25, async log => {
    const app = createHttpApp({ broker: log.broker, logger: { error: () => {} } }, { allowedHosts: 'any' })
    for (const maxBytes of [1, 400, 100_000]) {
      const got: ReadRecord[] = []
      for (let offset = log.startOffset; offset < log.endOffset; ) {
        const url = `http://broker/topics/tides/partitions/0/records?offset=${offset}&maxBytes=${maxBytes}`
        const answer = await app.fetch(new Request(url))
        expect(answer.status).toBe(200)
        const { records, nextOffset } = (await answer.json()) as { records: ReadRecord[]; nextOffset: number }
        got.push(...records.map(({ offset, value }) => ({ offset, value })))
        expect(nextOffset).toBeGreaterThan(offset)
        offset = nextOffset
      }
      expect(got).toEqual(bare(log.records))
    }
  })
})

/** What a reader believes of a head that does not heed some boundary. */
const HEEDLESS: Readonly<Record<string, (settled: Settled) => Settled>> = {
  'takes whatever block it finds': () => UNSETTLED,
  'ignores mergedOffset': settled => ({ ...settled, mergedOffset: settled.firstOffset }),
  'ignores the generation': settled => ({ ...settled, generation: 0 }),
  'takes half of a segment for what counts': settled => ({
    ...settled,
    mergedOffset: toOffset(Math.max(settled.firstOffset, settled.mergedOffset - 1)),
  }),
}

test.each(Object.entries(HEEDLESS))('the list tells on a reader that %s', async (_, misread) => {
  let isTold = false
  for (const layout of fc.sample(SMALL, { numRuns: 60, seed: 1 })) {
    const log = await layOut(layout)
    const { harness } = log
    harness.around = async (method, _args, call) => {
      const answer = await call()
      if (method !== 'readHead' || !answer) return answer
      const head = answer as Head
      return { ...head, settled: misread(head.settled) }
    }
    try {
      const read = (offset: Offset) => harness.open().fetch({ ...PLACE, offset, maxBytes: 500 })
      expect(await readThrough(log, log.startOffset, read)).toEqual(bare(log.records))
    } catch {
      isTold = true
      break
    }
  }
  expect(isTold).toBe(true)
})
