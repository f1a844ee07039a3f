import { expect, test } from 'vitest'
import { RecordReader } from '../../../../src/broker/triggers/delivering/record-reader.ts'
import type { Fetch } from '../../../../src/contract/broker.ts'
import { PORTION_RECORDS } from '../../../../src/core/limits.ts'
import { toOffset } from '../../../../src/core/numbers.ts'
import { encodeBatch, patchOffsets, stampLogAppendTime } from '../../../../src/core/record/index.ts'
import { batchOf, NOW_MS } from '../../harness.ts'

const CONTROL_BIT = 0x20
/** The lower byte of a batch's attributes. */
const ATTRIBUTES_AT = 22

/** Batches of two records each, one after the other. */
function stored(count: number): Uint8Array[] {
  return Array.from({ length: count }, (_, index) => {
    const batch = batchOf([`${2 * index}`, `${2 * index + 1}`])
    patchOffsets(batch, 0, 2 * index, 0)
    return batch
  })
}

function readerOf(batches: readonly Uint8Array[], from = 0) {
  const fetches: number[] = []
  const end = toOffset(2 * batches.length)
  const broker = {
    fetch: async ({ offset }: Fetch) => {
      fetches.push(offset)
      const chunks = batches.slice(Math.floor(offset / 2))
      return { startOffset: toOffset(0), endOffset: end, nextOffset: end, chunks }
    },
  }
  const reader = new RecordReader(broker, { topic: 'orders', partition: 0 }, () => true, toOffset(from))
  const offsets = () => reader.upcoming.map(({ record }) => record.offset)
  return { reader, fetches, offsets }
}

test('a partition is read batch by batch, each decoded when it is needed', async () => {
  const { reader, fetches, offsets } = readerOf(stored(2))
  expect(await reader.readOn()).toBe(true)
  expect([offsets(), reader.readTo]).toEqual([[0, 1], 2])
  expect(await reader.readOn()).toBe(true)
  expect([offsets(), reader.readTo]).toEqual([[0, 1, 2, 3], 4])
  expect(await reader.readOn()).toBe(false)
  expect(fetches).toEqual([0])
  reader.lookAgain()
  expect(await reader.readOn()).toBe(false)
  expect(fetches).toEqual([0, 4])
  reader.skipTo(toOffset(3))
  expect(offsets()).toEqual([3])
})

test('a read from the middle of a batch leaves out what comes before', async () => {
  const { reader, offsets } = readerOf(stored(2), 1)
  await reader.readOn()
  expect(offsets()).toEqual([1])
})

test('markers of transactions are no records', async () => {
  const batches = stored(3)
  batches[1]![ATTRIBUTES_AT]! |= CONTROL_BIT
  // Which renews the checksum, too.
  stampLogAppendTime(batches[1]!, 0, NOW_MS)
  const { reader, offsets } = readerOf(batches)
  while (await reader.readOn());
  expect(offsets()).toEqual([0, 1, 4, 5])
})

test('a batch that holds a thousand times its size is read a portion at a time', async () => {
  const sizes = Array.from({ length: 12_000 }, (_, index) => (index % 3_000 === 7 ? 5_000_000 : 10))
  const records = sizes.map(size => ({ value: new Uint8Array(size) }))
  const batch = encodeBatch(records, { nowMs: NOW_MS, compression: 'zstd' })
  const end = toOffset(records.length)
  const broker = {
    fetch: async () => ({ startOffset: toOffset(0), endOffset: end, nextOffset: end, chunks: [batch] }),
  }
  const place = { topic: 'orders', partition: 0 }
  const all = new RecordReader(broker, place, () => true, toOffset(5))
  const seen: number[] = []
  while (await all.readOn()) {
    const offsets = all.upcoming.map(({ record }): number => record.offset)
    expect(offsets.length).toBeLessThanOrEqual(PORTION_RECORDS)
    seen.push(...offsets)
    expect(all.readTo).toBe(seen.at(-1)! + 1)
    all.skipTo(all.readTo)
  }
  expect(seen).toEqual(Array.from({ length: 11_995 }, (_, index) => index + 5))

  const late = new RecordReader(broker, place, ({ offset }) => offset >= 11_990, toOffset(0))
  expect(await late.readOn()).toBe(true)
  expect(late.upcoming.map(({ record }) => record.offset)).toEqual(
    Array.from({ length: 10 }, (_, index) => index + 11_990),
  )
  all.close()
})
