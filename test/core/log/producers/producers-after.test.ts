import { expect, test } from 'vitest'
import {
  FOOTER_PRODUCERS_MAX,
  PRODUCER_ENTRIES_KEPT,
  PRODUCER_EXPIRATION_MS,
} from '../../../../src/core/limits.ts'
import { placeEntries } from '../../../../src/core/log/entry.ts'
import type { FlushedProducer } from '../../../../src/core/log/producers/flushed-producer.ts'
import { producersAfter } from '../../../../src/core/log/producers/producers-after.ts'
import { toOffset } from '../../../../src/core/numbers.ts'
import { exampleObjectEntry } from '../arbitraries.ts'

const NOW_MS = 1_700_000_000_000

const entryOf = (number: number, producerId: bigint, sequence: number, epoch = 0) =>
  exampleObjectEntry(number, {
    span: 10,
    createdMs: NOW_MS - 1_000 + number,
    producers: [{ producerId, epoch, sequence, records: 5, spanBefore: 2 }],
  })

const known = (createdMs: number): FlushedProducer => ({
  epoch: 0,
  createdMs,
  runs: [{ sequence: 0, records: 1, baseOffset: toOffset(0) }],
})

test('the runs of entries go on what was known, at their offsets, the newest of a producer', () => {
  const entries = placeEntries(
    toOffset(100),
    Array.from({ length: 7 }, (_, index) => entryOf(index, 5n, index * 5)),
  )
  const after = producersAfter(new Map([[4n, known(NOW_MS)]]), entries, NOW_MS)
  expect(after.get(4n)).toEqual(known(NOW_MS))
  expect(after.get(5n)!.runs).toEqual(
    Array.from({ length: PRODUCER_ENTRIES_KEPT }, (_, at) => at + 7 - PRODUCER_ENTRIES_KEPT).map(index => ({
      sequence: index * 5,
      records: 5,
      baseOffset: 100 + index * 10 + 2,
    })),
  )
  const anew = producersAfter(after, placeEntries(toOffset(200), [entryOf(8, 5n, 0, 1)]), NOW_MS)
  expect(anew.get(5n)).toMatchObject({ epoch: 1, runs: [{ sequence: 0, baseOffset: 202 }] })
})

test('of too many the latest stay, and none that is forgotten', () => {
  const many = Array.from(
    { length: FOOTER_PRODUCERS_MAX + 5 },
    (_, index) => [BigInt(index), known(NOW_MS + index)] as const,
  )
  expect([...producersAfter(new Map(many), [], NOW_MS).keys()].sort()).toEqual(
    many
      .slice(5)
      .map(([producerId]) => producerId)
      .sort(),
  )
  const old = new Map([
    [1n, known(NOW_MS - PRODUCER_EXPIRATION_MS)],
    [2n, known(NOW_MS - PRODUCER_EXPIRATION_MS + 1)],
  ])
  expect([...producersAfter(old, [], NOW_MS).keys()]).toEqual([2n])
})
