import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  ENTRY_PRODUCERS_MAX,
  PRODUCER_ENTRIES_KEPT,
  PRODUCER_EXPIRATION_MS,
  PRODUCERS_RETIRED_MAX,
} from '../../src/core/limits.ts'
import { blockEnd } from '../../src/core/log/block.ts'
import { type IndexEntry, spanOf } from '../../src/core/log/entry.ts'
import { EMPTY_HEAD, type Head } from '../../src/core/log/head.ts'
import type { FlushedProducer } from '../../src/core/log/producers/flushed-producer.ts'
import { foldProducers } from '../../src/core/log/producers/fold-producers.ts'
import type { ProducerRun } from '../../src/core/log/producers/producer-run.ts'
import { UNSETTLED } from '../../src/core/log/settled/settled.ts'
import { makeBlock, movedEpoch } from '../../src/core/log/tail.ts'
import { type Offset, toOffset, toPosition } from '../../src/core/numbers.ts'
import type { PartitionId } from '../../src/core/topic/partition-id.ts'
import type { AppendOutcome, LogIndex } from '../../src/ports/log-index.ts'
import {
  blockOfTail,
  everyEntry,
  fillBlocks,
  freshId,
  freshPartition,
  inlineEntry,
  looseBlock,
  NO_CHANGES,
  NOTHING_MOVED,
  objectEntry,
  plainEntry,
} from './samples.ts'

export interface OpenedLogIndex {
  readonly index: LogIndex
  close(): Promise<void>
}

const ZERO = toOffset(0)

/** What every LogIndex promises. The store is opened once, and need not be empty nor used by nobody else. */
export function describeLogIndex(name: string, open: () => Promise<OpenedLogIndex>): void {
  describe(`${name} as a log index`, () => {
    let opened: OpenedLogIndex
    let index: LogIndex

    beforeAll(async () => {
      opened = await open()
      index = opened.index
    })
    afterAll(async () => {
      await opened.close()
    })

    /** A partition of a fresh topic, with an empty head. */
    async function madePartition(partition = 0): Promise<PartitionId> {
      const id = freshPartition(partition)
      await index.createHead(id, 0)
      return id
    }

    async function appended(
      partition: PartitionId,
      entry: IndexEntry,
      seen = ZERO,
      newcomers?: ReadonlySet<bigint>,
    ): Promise<Head> {
      const outcome = await index.append(partition, entry, seen, newcomers)
      expect(outcome.kind).toBe('appended')
      return (outcome as Extract<AppendOutcome, { kind: 'appended' }>).head
    }

    async function refused(partition: PartitionId, entry: IndexEntry, seen: Offset): Promise<Head> {
      const outcome = await index.append(partition, entry, seen)
      expect(outcome.kind).toBe('refused')
      return (outcome as Extract<AppendOutcome, { kind: 'refused' }>).head
    }

    async function blockOffsets(partition: PartitionId, offset: number, limit: number): Promise<number[]> {
      const blocks = await index.readBlocks(partition, toOffset(offset), limit)
      return blocks.map(block => block.baseOffset)
    }

    describe('createHead', () => {
      test('makes an empty head', async () => {
        const partition = freshPartition()
        expect(await index.readHead(partition)).toBeUndefined()
        expect(await index.createHead(partition, 0)).toBe(0)
        expect(await index.readHead(partition)).toEqual({
          startOffset: 0,
          tailOffset: 0,
          nextOffset: 0,
          tail: [],
          flushed: { bytes: 0, maxTimestampMs: -1 },
          producers: new Map(),
          flushedProducers: new Map(),
          settled: UNSETTLED,
          appendFloor: 0,
          drained: 0,
        })
      })

      test('makes it with a floor, and tells the floor of the one that stands', async () => {
        const partition = freshPartition()
        expect(await index.createHead(partition, 7)).toBe(7)
        expect(await index.readHead(partition)).toEqual({ ...EMPTY_HEAD, appendFloor: 7, drained: 7 })
        expect(await index.createHead(partition, 9)).toBe(7)
        expect(await index.readHead(partition)).toMatchObject({ appendFloor: 7, drained: 7 })
      })

      test('leaves a head that is there as it is', async () => {
        const partition = await madePartition()
        await appended(partition, inlineEntry(3))
        await index.moveStart(partition, toOffset(2))
        await index.createHead(partition, 0)
        const head = await index.readHead(partition)
        expect(head).toMatchObject({ startOffset: 2, nextOffset: 3 })
        expect(head?.tail).toHaveLength(1)
      })

      test('called by many at once makes one head', async () => {
        const partition = freshPartition()
        await Promise.all(Array.from({ length: 10 }, () => index.createHead(partition, 0)))
        expect(await index.readHead(partition)).toMatchObject({ nextOffset: 0, tail: [] })
      })
    })

    describe('append', () => {
      test('gives out offsets one after the other and tells the head as it became', async () => {
        const partition = await madePartition()
        const first = inlineEntry(3)
        const second = objectEntry(5)
        expect(await appended(partition, first)).toMatchObject({ tailOffset: 0, nextOffset: 3 })
        const head = await appended(partition, second)
        expect(head.nextOffset).toBe(8)
        expect(head.tail.map(plainEntry)).toEqual([first, second].map(plainEntry))
        expect((await index.readHead(partition))?.tail.map(plainEntry)).toEqual(head.tail.map(plainEntry))
      })

      test('has no opinion of a nextOffset that has grown since the writer looked', async () => {
        const partition = await madePartition()
        for (let number = 0; number < 5; number += 1) await appended(partition, inlineEntry(2), ZERO)
        expect(await index.readHead(partition)).toMatchObject({ nextOffset: 10 })
      })

      test('is refused where the tail begins after what the writer had seen, and tells the head', async () => {
        const partition = await madePartition()
        const [block] = await fillBlocks(index, partition, 1)
        const kept = inlineEntry(4)
        await appended(partition, kept, blockEnd(block!))
        const head = await refused(partition, inlineEntry(1), ZERO)
        expect(head).toMatchObject({ tailOffset: 1, nextOffset: 5 })
        expect(head.tail.map(plainEntry)).toEqual([plainEntry(kept)])
        expect(await index.readHead(partition)).toMatchObject({ nextOffset: 5 })
      })

      test('holds where the tail begins just at what the writer had seen', async () => {
        const partition = await madePartition()
        await fillBlocks(index, partition, 1)
        expect(await appended(partition, inlineEntry(1), toOffset(1))).toMatchObject({ nextOffset: 2 })
      })

      test('is refused where the entry stands in the tail, whatever stands around it', async () => {
        const partition = await madePartition()
        const entry = inlineEntry(3)
        await appended(partition, inlineEntry(2))
        await appended(partition, entry)
        await appended(partition, objectEntry(2))
        const head = await refused(partition, entry, ZERO)
        expect(head.nextOffset).toBe(7)
        expect(head.tail.map(({ id }) => id)).toContain(entry.id)
        expect(head.tail).toHaveLength(3)
      })

      test('is refused the second time even when both tries run at the same time', async () => {
        const partition = await madePartition()
        const entry = inlineEntry(3)
        const outcomes = await Promise.all(
          Array.from({ length: 8 }, () => index.append(partition, entry, ZERO)),
        )
        expect(outcomes.filter(({ kind }) => kind === 'appended')).toHaveLength(1)
        expect(outcomes.filter(({ kind }) => kind === 'refused')).toHaveLength(7)
        expect(await index.readHead(partition)).toMatchObject({ nextOffset: 3 })
      })

      test('takes the same entry again once it has left the tail: that the writer must find out', async () => {
        const partition = await madePartition()
        const entry = inlineEntry(1)
        const head = await appended(partition, entry)
        const block = blockOfTail(head, 1)
        await index.putBlock(partition, block)
        await index.trimTail(partition, block, NO_CHANGES, NOTHING_MOVED)
        expect((await refused(partition, entry, ZERO)).tailOffset).toBe(1)
        expect(await appended(partition, entry, toOffset(1))).toMatchObject({ nextOffset: 2 })
      })

      test('tells that a head is missing, and makes none', async () => {
        const partition = freshPartition()
        expect(await index.append(partition, inlineEntry(1), ZERO)).toEqual({ kind: 'missing' })
        expect(await index.readHead(partition)).toBeUndefined()
      })

      test('by sixteen writers who have seen the same lands sixteen times, without a hole', async () => {
        const partition = await madePartition()
        const entries = Array.from({ length: 16 }, (_, number) =>
          number % 2 ? inlineEntry(number + 1) : objectEntry(number + 1),
        )
        const heads = await Promise.all(entries.map(entry => appended(partition, entry, ZERO)))
        const found = await everyEntry(index, partition)
        expect([...found.keys()].sort()).toEqual(entries.map(({ id }) => id).sort())
        for (const [number, entry] of entries.entries()) {
          expect(heads[number]!.nextOffset - entry.span).toBe(found.get(entry.id))
        }
        expect(await index.readHead(partition)).toMatchObject({ nextOffset: (16 * 17) / 2 })
      })

      test('keeps every field of an entry exactly', async () => {
        const partition = await madePartition()
        const entries: IndexEntry[] = [
          inlineEntry(1, { maxTimestampMs: -1, createdMs: 0 }),
          inlineEntry(1_000_000, { maxTimestampMs: 0, createdMs: Number.MAX_SAFE_INTEGER }),
          inlineEntry(2, { bytes: 0, place: { kind: 'inline', payload: new Uint8Array(0) } }),
          inlineEntry(3, {
            bytes: 4096,
            place: { kind: 'inline', payload: Uint8Array.from({ length: 4096 }, (_, byte) => byte % 256) },
          }),
          objectEntry(2 ** 40 + 1, { bytes: 2 ** 33 + 7, maxTimestampMs: Number.MAX_SAFE_INTEGER - 1 }),
          objectEntry(5, {
            place: { kind: 'object', object: freshId(), epoch: 0, position: toPosition(2 ** 36 + 5) },
            marks: [
              { span: 1, bytes: 65_536 },
              { span: 2, bytes: 140_000 },
              { span: 4, bytes: 2 ** 32 + 1 },
            ],
          }),
          objectEntry(9, {
            id: '00000000000000000000000000000000',
            marks: Array.from({ length: 120 }, (_, mark) => ({ span: mark + 1, bytes: mark * 65_600 })),
          }),
          objectEntry(9, { id: 'ffffffffffffffffffffffffffffffff' }),
        ]
        for (const entry of entries) await appended(partition, entry)
        const head = await index.readHead(partition)
        expect(head?.tail.map(plainEntry)).toEqual(entries.map(plainEntry))
        expect(head?.nextOffset).toBe(spanOf(entries))
        const block = blockOfTail(head!, entries.length)
        await index.putBlock(partition, block)
        expect(await index.readBlocks(partition, ZERO, 1)).toEqual([block])
      })

      test('of a head that was read does not change what was read', async () => {
        const partition = await madePartition()
        const other = await madePartition()
        const entry = inlineEntry(3)
        await appended(partition, entry)
        const before = await index.readHead(partition)
        const copy = plainEntry(before!.tail[0]!)
        for (let number = 0; number < 20; number += 1) {
          await appended(partition, inlineEntry(3))
          await appended(other, inlineEntry(3))
          await index.readHead(other)
        }
        expect(before?.tail).toHaveLength(1)
        expect(plainEntry(before!.tail[0]!)).toEqual(copy)
      })

      test('does not hold on to the bytes that it was given', async () => {
        const partition = await madePartition()
        const payload = new Uint8Array(40).fill(7)
        await appended(partition, inlineEntry(1, { bytes: 40, place: { kind: 'inline', payload } }))
        payload.fill(9)
        const place = (await index.readHead(partition))!.tail[0]!.place
        expect(place.kind === 'inline' && [...new Set(place.payload)]).toEqual([7])
      })
    })

    describe('idempotent producers', () => {
      const run = (sequence: number, overrides: Partial<ProducerRun> = {}): ProducerRun => ({
        producerId: 7n,
        epoch: 0,
        sequence,
        records: 2,
        spanBefore: 0,
        ...overrides,
      })
      const entryOf = (...producers: ProducerRun[]) => inlineEntry(2 * producers.length, { producers })
      const last = (lastSequence: number, epoch = 0) => ({ epoch, lastSequence })
      const idsOf = ({ producers }: IndexEntry) => new Set(producers.map(({ producerId }) => producerId))
      /** By a writer who has looked up all of the entry's producers. */
      const begun = (partition: PartitionId, entry: IndexEntry, seen = ZERO) =>
        appended(partition, entry, seen, idsOf(entry))
      const flushed = (
        runs: readonly [sequence: number, baseOffset: number][],
        overrides: Partial<FlushedProducer> = {},
      ): FlushedProducer => ({
        epoch: 0,
        createdMs: 1_700_000_000_000,
        runs: runs.map(([sequence, baseOffset]) => ({
          sequence,
          records: 2,
          baseOffset: toOffset(baseOffset),
        })),
        ...overrides,
      })

      test('are taken as far as their entries follow on what is there', async () => {
        const partition = await madePartition()
        await begun(partition, entryOf(run(0)))
        const head = await appended(partition, entryOf(run(2), run(4, { spanBefore: 2 })))
        expect(head.producers).toEqual(new Map([[7n, last(5)]]))
        for (const sequence of [0, 2, 4, 5, 7, 8]) {
          expect((await refused(partition, entryOf(run(sequence)), ZERO)).nextOffset).toBe(6)
        }
        expect(await index.readHead(partition)).toMatchObject({ nextOffset: 6, producers: head.producers })
        expect(head.tail.map(({ producers }) => producers)).toEqual([
          [run(0)],
          [run(2), run(4, { spanBefore: 2 })],
        ])
        expect((await appended(partition, entryOf(run(6)))).producers).toEqual(new Map([[7n, last(7)]]))
      })

      test('begin anew with a higher epoch, and with no other number then', async () => {
        const partition = await madePartition()
        await begun(partition, entryOf(run(0, { epoch: 3 })))
        await refused(partition, entryOf(run(0, { epoch: 2 })), ZERO)
        await refused(partition, entryOf(run(2, { epoch: 4 })), ZERO)
        const head = await appended(partition, entryOf(run(0, { epoch: 4 })))
        expect(head.producers).toEqual(new Map([[7n, last(1, 4)]]))
        await refused(partition, entryOf(run(2, { epoch: 3 })), ZERO)
      })

      test('go on with 0 after the last number there is', async () => {
        const partition = await madePartition()
        const highest = { producerId: 2n ** 63n - 1n, epoch: 2 ** 15 - 1 }
        await begun(partition, entryOf(run(2 ** 31 - 2, highest)))
        await refused(partition, entryOf(run(1, highest)), ZERO)
        const head = await appended(partition, entryOf(run(0, highest)))
        expect(head.producers).toEqual(new Map([[highest.producerId, last(1, highest.epoch)]]))
      })

      test('stand side by side, as many as an entry takes, whole or not at all', async () => {
        const partition = await madePartition()
        const runs = (sequence: number) =>
          Array.from({ length: ENTRY_PRODUCERS_MAX }, (_, number) =>
            run(sequence, { producerId: BigInt(-2 - number), spanBefore: 2 * number }),
          )
        await begun(partition, entryOf(...runs(0)))
        const wrong = [...runs(2).slice(1), run(3, { producerId: -2n })]
        const head = await refused(partition, entryOf(...wrong), ZERO)
        expect(head.producers.size).toBe(ENTRY_PRODUCERS_MAX)
        for (const state of head.producers.values()) expect(state).toEqual(last(1))
        const after = await appended(partition, entryOf(...runs(2)))
        for (const state of after.producers.values()) expect(state).toEqual(last(3))
      })

      test('whose entries leave gaps within themselves are refused', async () => {
        const partition = await madePartition()
        const head = await refused(partition, entryOf(run(0), run(3, { spanBefore: 2 })), ZERO)
        expect(head.nextOffset).toBe(0)
      })

      test('are remembered by their last runs when these leave the tail', async () => {
        const partition = await madePartition()
        await begun(partition, entryOf(run(0)))
        const head = await begun(partition, entryOf(run(0, { producerId: 8n }), run(2, { spanBefore: 2 })))
        const block = blockOfTail(head, 2)
        await index.putBlock(partition, block)
        const changes = foldProducers(head, block)
        const trimmed = await index.trimTail(partition, block, changes, NOTHING_MOVED)
        expect(trimmed?.producers).toEqual(head.producers)
        expect(trimmed?.flushedProducers).toEqual(changes.flushedProducers)
        expect(trimmed?.flushedProducers.get(7n)?.runs).toEqual([
          { sequence: 0, records: 2, baseOffset: 0 },
          { sequence: 2, records: 2, baseOffset: 4 },
        ])
        expect(await index.readHead(partition)).toEqual(trimmed)
        await refused(partition, entryOf(run(2)), trimmed!.nextOffset)
        await appended(partition, entryOf(run(4)), trimmed!.nextOffset)
      })

      test('leave the head with a trim, unless one of them has gone on since', async () => {
        const partition = await madePartition()
        const many = Array.from({ length: PRODUCERS_RETIRED_MAX }, (_, number) => BigInt(100 + number))
        for (const producerId of many) await begun(partition, entryOf(run(0, { producerId })))
        const head = await begun(partition, entryOf(run(0)))
        const block = blockOfTail(head, many.length + 1)
        await index.putBlock(partition, block)
        const retired = new Map(many.map((producerId, number) => [producerId, flushed([[0, 2 * number]])]))
        const changes = { flushedProducers: new Map(), retired }
        const stale = { ...changes, retired: new Map([...retired, [7n, flushed([[2, 130]])] as const]) }
        expect(await index.trimTail(partition, block, stale, NOTHING_MOVED)).toBeUndefined()
        const untouched = await index.readHead(partition)
        expect(untouched).toMatchObject({ tailOffset: 0, producers: head.producers })
        const trimmed = await index.trimTail(partition, block, changes, NOTHING_MOVED)
        expect(trimmed).toMatchObject({ tail: [] })
        expect(trimmed?.producers).toEqual(new Map([[7n, last(1)]]))
        expect(await index.readHead(partition)).toEqual(trimmed)
      })

      test('that the head does not know are taken from writers who have looked them up', async () => {
        const partition = await madePartition()
        for (const sequence of [0, 40]) await refused(partition, entryOf(run(sequence)), ZERO)
        const both = entryOf(run(40), run(0, { producerId: 8n, spanBefore: 2 }))
        for (const newcomers of [new Set<bigint>(), new Set([7n]), new Set([8n, 9n])]) {
          const outcome = await index.append(partition, both, ZERO, newcomers)
          expect(outcome).toMatchObject({ kind: 'refused', head: { nextOffset: 0, tail: [] } })
        }
        const head = await appended(partition, both, ZERO, new Set([7n, 8n, 9n]))
        expect(head.producers).toEqual(
          new Map([
            [7n, last(41)],
            [8n, last(1)],
          ]),
        )
      })

      test('that the head knows must follow on what it has, whoever has looked', async () => {
        const partition = await madePartition()
        await begun(partition, entryOf(run(0, { epoch: 1 })))
        for (const wrong of [run(0, { epoch: 1 }), run(4, { epoch: 1 }), run(0), run(4, { epoch: 2 })]) {
          const entry = entryOf(wrong)
          expect(await index.append(partition, entry, ZERO, idsOf(entry))).toMatchObject({ kind: 'refused' })
        }
        await begun(partition, entryOf(run(2, { epoch: 1 })))
      })

      test('of twenty that send the same at once, one is taken', async () => {
        const partition = await madePartition()
        const outcomes = await Promise.all(
          Array.from({ length: 20 }, () => index.append(partition, entryOf(run(0)), ZERO, new Set([7n]))),
        )
        expect(outcomes.filter(({ kind }) => kind === 'appended')).toHaveLength(1)
        expect((await index.readHead(partition))?.nextOffset).toBe(2)
      })

      describe('outside of the head', () => {
        const NOW_MS = 1_700_000_000_000
        const read = (partition: PartitionId, producerId = 7n) => index.readProducer(partition, producerId)

        test('are kept with every field, each by its id', async () => {
          const partition = await madePartition()
          const other = { ...partition, partition: 1 }
          expect(await read(partition)).toBeUndefined()
          const producers = new Map([
            [0n, flushed([[0, 0]])],
            [-(2n ** 63n), flushed([[2 ** 31 - 1, 2 ** 53 - 2]], { epoch: 2 ** 15 - 1, createdMs: 2 ** 45 })],
            [
              2n ** 63n - 1n,
              flushed([
                [2, 4],
                [4, 10],
                [6, 12],
                [8, 100],
                [10, 2 ** 40],
              ]),
            ],
          ])
          for (const [id, producer] of producers) await index.putProducer(partition, id, producer, NOW_MS)
          for (const [id, producer] of producers) expect(await read(partition, id)).toEqual(producer)
          expect(await read(partition)).toBeUndefined()
          expect(await read(other, 0n)).toBeUndefined()
          expect(await index.readHead(partition)).toMatchObject({ nextOffset: 0, producers: new Map() })
        })

        test('never go back, whatever comes late or again', async () => {
          const partition = await madePartition()
          const older = flushed([
            [0, 0],
            [2, 2],
          ])
          // Its sequence begins anew, and its epoch is lower: only offsets tell what is newer.
          const newer = flushed([[0, 4]], { epoch: 3 })
          const newest = flushed([[0, 6]], { epoch: 2 })
          for (const producer of [older, newer, older, newest, newer, newest, older]) {
            await index.putProducer(partition, 7n, producer, NOW_MS)
          }
          expect(await read(partition)).toEqual(newest)
        })

        test('keep their earlier runs of the same epoch, as many as there is room for', async () => {
          const partition = await madePartition()
          await index.putProducer(
            partition,
            7n,
            flushed([
              [0, 0],
              [2, 2],
              [4, 8],
            ]),
            NOW_MS,
          )
          await index.putProducer(
            partition,
            7n,
            flushed([
              [4, 8],
              [6, 20],
            ]),
            NOW_MS,
          )
          expect(await read(partition)).toEqual(
            flushed([
              [0, 0],
              [2, 2],
              [4, 8],
              [6, 20],
            ]),
          )
          await index.putProducer(
            partition,
            7n,
            flushed(
              [
                [8, 30],
                [10, 40],
              ],
              { createdMs: NOW_MS + 9 },
            ),
            NOW_MS,
          )
          expect(await read(partition)).toEqual(
            flushed(
              [
                [2, 2],
                [4, 8],
                [6, 20],
                [8, 30],
                [10, 40],
              ],
              { createdMs: NOW_MS + 9 },
            ),
          )
        })

        test('by many at once end with the newest, and nothing of it is lost', async () => {
          const partition = await madePartition()
          const all = Array.from({ length: 12 }, (_, number) => flushed([[2 * number, 2 * number]]))
          await Promise.all(
            all
              .toSorted((_, other) => (other.runs[0]!.sequence % 3) - 1)
              .map(producer => index.putProducer(partition, 7n, producer, NOW_MS)),
          )
          const { runs } = (await read(partition))!
          expect(runs.at(-1)).toEqual(all.at(-1)!.runs[0])
          expect(runs.length).toBeLessThanOrEqual(PRODUCER_ENTRIES_KEPT)
        })

        test('that have expired are dropped, or told as they were, and nobody else is', async () => {
          const partition = await madePartition()
          const other = { ...partition, partition: 1 }
          const old = flushed([[0, 0]])
          const young = flushed([[0, 2]], { createdMs: NOW_MS + 1 })
          const count = 40n
          for (let id = 0n; id < count; id += 1n) await index.putProducer(partition, id, old, NOW_MS)
          await index.putProducer(partition, count, young, NOW_MS)
          await index.putProducer(other, 1n, old, NOW_MS)
          const nowMs = NOW_MS + PRODUCER_EXPIRATION_MS
          // One that comes back when it would have been dropped stays.
          const late = flushed([[2, 4]], { createdMs: nowMs })
          await index.putProducer(partition, 3n, late, nowMs)
          for (let id = count + 1n; id < 2n * count; id += 1n) {
            await index.putProducer(partition, id, young, nowMs)
          }
          expect((await read(partition, 3n))?.runs.at(-1)).toEqual(late.runs[0])
          for (let id = count; id < 2n * count; id += 1n) expect(await read(partition, id)).toEqual(young)
          for (let id = 0n; id < count; id += 1n) {
            if (id !== 3n) expect([undefined, old]).toContainEqual(await read(partition, id))
          }
          expect(await read(other, 1n)).toEqual(old)
        })

        test('go with their partition, and no other', async () => {
          const partition = await madePartition(1)
          const others = [0, 10, 11].map(number => ({ ...partition, partition: number }))
          for (const id of [partition, ...others]) {
            for (let producerId = 0n; producerId < 40n; producerId += 1n) {
              await index.putProducer(id, producerId, flushed([[0, 0]]), NOW_MS)
            }
          }
          await index.removePartition(partition)
          for (let producerId = 0n; producerId < 40n; producerId += 1n) {
            expect(await read(partition, producerId)).toBeUndefined()
            for (const id of others) expect(await read(id, producerId)).toEqual(flushed([[0, 0]]))
          }
        })

        test('are in no way of blocks', async () => {
          const partition = await madePartition()
          for (const offset of [0, 10, 20]) await index.putBlock(partition, looseBlock(offset, 10))
          await index.putProducer(partition, 7n, flushed([[0, 0]]), NOW_MS)
          expect(await blockOffsets(partition, 1_000_000, 10)).toEqual([20])
          expect(await blockOffsets(partition, 0, 10)).toEqual([0, 10, 20])
          await index.removeBlocksBelow(partition, toOffset(2 ** 53 - 1))
          expect(await blockOffsets(partition, 0, 10)).toEqual([])
          expect(await read(partition)).toEqual(flushed([[0, 0]]))
        })
      })
    })

    describe('putBlock', () => {
      test('puts a block, and whoever comes second is told of the one that stands', async () => {
        const partition = await madePartition()
        const winner = looseBlock(0, 5)
        const loser = looseBlock(0, 9)
        expect(await index.putBlock(partition, winner)).toEqual(winner)
        expect(await index.putBlock(partition, loser)).toEqual(winner)
        expect(await index.putBlock(partition, winner)).toEqual(winner)
        expect(await index.readBlocks(partition, ZERO, 10)).toEqual([winner])
      })

      test('by many at once lets one win, and tells everybody which', async () => {
        const partition = await madePartition()
        const blocks = Array.from({ length: 10 }, (_, number) => looseBlock(0, number + 1))
        const standing = await Promise.all(blocks.map(block => index.putBlock(partition, block)))
        const [stored] = await index.readBlocks(partition, ZERO, 1)
        for (const told of standing) expect(told).toEqual(stored)
        expect(blocks).toContainEqual(stored)
      })

      test('leaves the head as it is', async () => {
        const partition = await madePartition()
        const head = await appended(partition, inlineEntry(3))
        await index.putBlock(partition, blockOfTail(head, 1))
        const after = await index.readHead(partition)
        expect(after).toMatchObject({ tailOffset: 0, nextOffset: 3 })
        expect(after?.tail).toHaveLength(1)
      })
    })

    describe('an append that takes the tail along', () => {
      const cutOf = (head: Head) => {
        const block = makeBlock(head, head.tail)
        return { block, changes: foldProducers(head, block, 0), movedEpoch: movedEpoch(head, block) }
      }

      test('leaves nothing in the tail but its entry, and the payloads in the block', async () => {
        const partition = await madePartition()
        const run: ProducerRun = { producerId: 7n, epoch: 1, sequence: 0, records: 2, spanBefore: 0 }
        await appended(partition, inlineEntry(2, { producers: [run] }), ZERO, new Set([7n]))
        const head = await appended(partition, inlineEntry(3))
        const cut = cutOf(head)
        await index.putBlock(partition, cut.block)
        const entry = inlineEntry(4, { producers: [{ ...run, sequence: 2, records: 4 }] })
        const outcome = await index.append(partition, entry, head.nextOffset, undefined, cut)
        expect(outcome).toMatchObject({
          kind: 'appended',
          head: {
            tailOffset: 5,
            nextOffset: 9,
            flushed: cut.block.summary,
            producers: new Map([[7n, { lastSequence: 5 }]]),
          },
        })
        const after = (await index.readHead(partition))!
        expect(after.tail.map(plainEntry)).toEqual([plainEntry(entry)])
        expect(after.flushedProducers).toEqual(cut.changes.flushedProducers)
        const [block] = await index.readBlocks(partition, ZERO, 2)
        expect(block!.entries.map(plainEntry)).toEqual(head.tail.map(plainEntry))
        await everyEntry(index, partition)
      })

      test('is refused where somebody has appended since, or cut, and tells the head as it is', async () => {
        const partition = await madePartition()
        const head = await appended(partition, inlineEntry(2))
        const cut = cutOf(head)
        await index.putBlock(partition, cut.block)
        await appended(partition, inlineEntry(3), head.nextOffset)
        const late = () => index.append(partition, inlineEntry(4), head.nextOffset, undefined, cut)
        expect(await late()).toMatchObject({ kind: 'refused', head: { tailOffset: 0, nextOffset: 5 } })
        await index.trimTail(partition, cut.block, NO_CHANGES, NOTHING_MOVED)
        expect(await late()).toMatchObject({ kind: 'refused', head: { tailOffset: 2, nextOffset: 5 } })
      })

      test('is refused where the floor has passed what its block moves into an object', async () => {
        const partition = await madePartition()
        const head = await appended(partition, inlineEntry(2))
        await index.raiseFloor(partition, 5)
        const cut = { ...cutOf(head), movedEpoch: 4 }
        const entry = inlineEntry(4)
        expect(await index.append(partition, entry, head.nextOffset, undefined, cut)).toMatchObject({
          kind: 'refused',
        })
        const allowed = { ...cut, movedEpoch: 5 }
        expect(await index.append(partition, entry, head.nextOffset, undefined, allowed)).toMatchObject({
          kind: 'appended',
        })
      })

      test('by twelve who know the same takes it along once, and loses nobody', async () => {
        const partition = await madePartition()
        const head = await appended(partition, inlineEntry(1))
        const cut = cutOf(head)
        await index.putBlock(partition, cut.block)
        const outcomes = await Promise.all(
          Array.from({ length: 12 }, () =>
            index.append(partition, inlineEntry(1), head.nextOffset, undefined, cut),
          ),
        )
        expect(outcomes.filter(({ kind }) => kind === 'appended')).toHaveLength(1)
        expect((await everyEntry(index, partition)).size).toBe(2)
      })
    })

    describe('trimTail', () => {
      test('takes the entries of the block out of the tail and keeps the others', async () => {
        const partition = await madePartition()
        const entries = [inlineEntry(2), objectEntry(3), inlineEntry(4), inlineEntry(5)]
        for (const entry of entries) await appended(partition, entry)
        const head = (await index.readHead(partition))!
        const block = blockOfTail(head, 3)
        await index.putBlock(partition, block)
        const trimmed = await index.trimTail(partition, block, NO_CHANGES, NOTHING_MOVED)
        expect(trimmed).toMatchObject({ startOffset: 0, tailOffset: 9, nextOffset: 14 })
        expect(trimmed?.tail.map(plainEntry)).toEqual([plainEntry(entries[3]!)])
        expect(trimmed?.flushed).toEqual(block.summary)
        expect(await index.readHead(partition)).toEqual(trimmed)
      })

      test('can empty the tail', async () => {
        const partition = await madePartition()
        await appended(partition, inlineEntry(2))
        const head = await appended(partition, inlineEntry(3))
        const block = blockOfTail(head, 2)
        await index.putBlock(partition, block)
        expect(await index.trimTail(partition, block, NO_CHANGES, NOTHING_MOVED)).toMatchObject({
          tailOffset: 5,
          tail: [],
        })
      })

      test('is refused where the tail has moved on, the second time too', async () => {
        const partition = await madePartition()
        for (let number = 0; number < 4; number += 1) await appended(partition, inlineEntry(1))
        const block = blockOfTail((await index.readHead(partition))!, 2)
        await index.putBlock(partition, block)
        expect(await index.trimTail(partition, block, NO_CHANGES, NOTHING_MOVED)).toMatchObject({
          tailOffset: 2,
          nextOffset: 4,
        })
        expect(await index.trimTail(partition, block, NO_CHANGES, NOTHING_MOVED)).toBeUndefined()
        expect(await index.readHead(partition)).toMatchObject({ tailOffset: 2, nextOffset: 4 })
      })

      test('by many at once takes the entries out once', async () => {
        const partition = await madePartition()
        for (let number = 0; number < 6; number += 1) await appended(partition, inlineEntry(1))
        const block = blockOfTail((await index.readHead(partition))!, 3)
        await index.putBlock(partition, block)
        const heads = await Promise.all(
          Array.from({ length: 8 }, () => index.trimTail(partition, block, NO_CHANGES, NOTHING_MOVED)),
        )
        expect(heads.filter(head => head !== undefined)).toHaveLength(1)
        expect((await index.readHead(partition))?.tail).toHaveLength(3)
      })

      test('while others append loses nothing and doubles nothing', async () => {
        const partition = await madePartition()
        const entries = Array.from({ length: 40 }, (_, number) => inlineEntry((number % 3) + 1))
        let isDone = false
        const append = async (entry: IndexEntry) => {
          let seen = ZERO
          for (;;) {
            const outcome = await index.append(partition, entry, seen)
            if (outcome.kind === 'appended') return outcome.head.nextOffset - entry.span
            if (outcome.kind === 'missing') throw new Error('the head is gone')
            seen = outcome.head.nextOffset
          }
        }
        const appending = (async () => {
          const offsets: number[] = []
          for (let start = 0; start < entries.length; start += 8) {
            offsets.push(...(await Promise.all(entries.slice(start, start + 8).map(append))))
          }
          isDone = true
          return offsets
        })()
        const trimming = (async () => {
          while (!isDone) {
            const head = (await index.readHead(partition))!
            const block = blockOfTail(head, Math.ceil(head.tail.length / 2))
            if (block.entries.length > 0) {
              await index.trimTail(
                partition,
                await index.putBlock(partition, block),
                NO_CHANGES,
                NOTHING_MOVED,
              )
            }
            await new Promise(resolve => setImmediate(resolve))
          }
        })()
        const [offsets] = await Promise.all([appending, trimming])
        const found = await everyEntry(index, partition)
        expect(found.size).toBe(entries.length)
        for (const [number, entry] of entries.entries()) expect(found.get(entry.id)).toBe(offsets[number])
      })

      test('tells that there is no head', async () => {
        expect(
          await index.trimTail(freshPartition(), looseBlock(0, 1), NO_CHANGES, NOTHING_MOVED),
        ).toBeUndefined()
      })
    })

    describe('readBlocks', () => {
      test('gives the last block at or below the offset and those that follow, in order', async () => {
        const partition = await madePartition()
        for (const offset of [30, 0, 20, 10]) await index.putBlock(partition, looseBlock(offset, 10))
        expect(await blockOffsets(partition, 0, 10)).toEqual([0, 10, 20, 30])
        expect(await blockOffsets(partition, 9, 10)).toEqual([0, 10, 20, 30])
        expect(await blockOffsets(partition, 10, 10)).toEqual([10, 20, 30])
        expect(await blockOffsets(partition, 11, 10)).toEqual([10, 20, 30])
        expect(await blockOffsets(partition, 35, 10)).toEqual([30])
        expect(await blockOffsets(partition, 1_000_000, 10)).toEqual([30])
      })

      test('gives no more than the limit', async () => {
        const partition = await madePartition()
        for (const offset of [0, 10, 20, 30]) await index.putBlock(partition, looseBlock(offset, 10))
        expect(await blockOffsets(partition, 15, 1)).toEqual([10])
        expect(await blockOffsets(partition, 15, 2)).toEqual([10, 20])
        expect(await blockOffsets(partition, 0, 4)).toEqual([0, 10, 20, 30])
      })

      test('begins with the first block where all lie above the offset', async () => {
        const partition = await madePartition()
        for (const offset of [40, 50]) await index.putBlock(partition, looseBlock(offset, 10))
        expect(await blockOffsets(partition, 5, 10)).toEqual([40, 50])
        expect(await blockOffsets(partition, 5, 1)).toEqual([40])
      })

      test('gives nothing where there are none', async () => {
        expect(await blockOffsets(await madePartition(), 5, 10)).toEqual([])
        expect(await blockOffsets(freshPartition(), 0, 1)).toEqual([])
      })

      test('sorts by number and not by digits', async () => {
        const partition = await madePartition()
        const offsets = [0, 1, 9, 10, 11, 99, 100, 101, 1000, 2 ** 32, 2 ** 40, 2 ** 53 - 2]
        for (const offset of offsets.toReversed()) await index.putBlock(partition, looseBlock(offset, 1))
        expect(await blockOffsets(partition, 0, 100)).toEqual(offsets)
        for (const [number, offset] of offsets.entries()) {
          expect(await blockOffsets(partition, offset, 2)).toEqual(offsets.slice(number, number + 2))
        }
        expect(await blockOffsets(partition, 98, 2)).toEqual([11, 99])
        expect(await blockOffsets(partition, 2 ** 53 - 1, 2)).toEqual([2 ** 53 - 2])
      })

      test('leads through hundreds of blocks page by page, none skipped or repeated', async () => {
        const partition = await madePartition()
        const blocks = await fillBlocks(index, partition, 230)
        const read: number[] = []
        for (let next = 0; next < blocks.length; ) {
          const page = await index.readBlocks(partition, toOffset(next), 7)
          read.push(...page.map(({ baseOffset }) => baseOffset))
          next = blockEnd(page.at(-1)!)
        }
        expect(read).toEqual(blocks.map(({ baseOffset }) => baseOffset))
        expect(await index.readBlocks(partition, ZERO, 1_000)).toEqual(blocks)
      })
    })

    describe('moveStart', () => {
      test('moves the start forward and tells the head', async () => {
        const partition = await madePartition()
        await appended(partition, inlineEntry(10))
        expect(await index.moveStart(partition, toOffset(4))).toMatchObject({
          startOffset: 4,
          nextOffset: 10,
        })
        expect(await index.readHead(partition)).toMatchObject({ startOffset: 4 })
      })

      test('can move it up to the end', async () => {
        const partition = await madePartition()
        await appended(partition, inlineEntry(10))
        expect(await index.moveStart(partition, toOffset(10))).toMatchObject({ startOffset: 10 })
      })

      test('never moves it back', async () => {
        const partition = await madePartition()
        await appended(partition, inlineEntry(10))
        await index.moveStart(partition, toOffset(6))
        expect(await index.moveStart(partition, toOffset(3))).toMatchObject({ startOffset: 6 })
        expect(await index.moveStart(partition, toOffset(6))).toMatchObject({ startOffset: 6 })
        expect(await index.readHead(partition)).toMatchObject({ startOffset: 6 })
      })

      test('never moves it past the end', async () => {
        const partition = await madePartition()
        await appended(partition, inlineEntry(10))
        expect(await index.moveStart(partition, toOffset(11))).toMatchObject({
          startOffset: 0,
          nextOffset: 10,
        })
        expect(await index.readHead(partition)).toMatchObject({ startOffset: 0 })
      })

      test('ends at the furthest of several moves at once', async () => {
        const partition = await madePartition()
        await appended(partition, inlineEntry(100))
        await Promise.all([30, 80, 10, 60].map(offset => index.moveStart(partition, toOffset(offset))))
        expect(await index.readHead(partition)).toMatchObject({ startOffset: 80 })
      })

      test('tells that there is no head', async () => {
        expect(await index.moveStart(freshPartition(), ZERO)).toBeUndefined()
      })
    })

    describe('removeBlocksBelow', () => {
      test('removes all that begin below the offset, also the one that reaches beyond it', async () => {
        const partition = await madePartition()
        for (const offset of [0, 10, 20, 30]) await index.putBlock(partition, looseBlock(offset, 10))
        await index.removeBlocksBelow(partition, toOffset(25))
        expect(await blockOffsets(partition, 0, 10)).toEqual([30])
        await index.removeBlocksBelow(partition, toOffset(30))
        expect(await blockOffsets(partition, 0, 10)).toEqual([30])
        await index.removeBlocksBelow(partition, toOffset(1_000))
        expect(await blockOffsets(partition, 0, 10)).toEqual([])
      })

      test('removes nothing where no block begins below the offset', async () => {
        const partition = await madePartition()
        for (const offset of [10, 20]) await index.putBlock(partition, looseBlock(offset, 10))
        await index.removeBlocksBelow(partition, toOffset(5))
        await index.removeBlocksBelow(partition, toOffset(10))
        expect(await blockOffsets(partition, 0, 10)).toEqual([10, 20])
        await index.removeBlocksBelow(freshPartition(), toOffset(5))
      })

      test('leaves the head and other partitions alone, and can be repeated', async () => {
        const partition = await madePartition(1)
        const others = [2, 10, 11].map(number => ({ ...partition, partition: number }))
        for (const id of [partition, ...others]) {
          await index.createHead(id, 0)
          for (const offset of [0, 10, 20]) await index.putBlock(id, looseBlock(offset, 10))
        }
        await index.removeBlocksBelow(partition, toOffset(20))
        await index.removeBlocksBelow(partition, toOffset(20))
        expect(await blockOffsets(partition, 0, 10)).toEqual([20])
        for (const other of others) expect(await blockOffsets(other, 0, 10)).toEqual([0, 10, 20])
        expect(await index.readHead(partition)).toEqual(EMPTY_HEAD)
      })

      test('removes many', async () => {
        const partition = await madePartition()
        await fillBlocks(index, partition, 120)
        await index.removeBlocksBelow(partition, toOffset(115))
        expect(await blockOffsets(partition, 0, 200)).toEqual([115, 116, 117, 118, 119])
      })
    })

    describe('removePartition', () => {
      test('removes the head and the blocks, and nothing can be appended afterwards', async () => {
        const partition = await madePartition()
        const blocks = await fillBlocks(index, partition, 60)
        await appended(partition, inlineEntry(1), blockEnd(blocks.at(-1)!))
        await index.removePartition(partition)
        expect(await index.readHead(partition)).toBeUndefined()
        expect(await blockOffsets(partition, 0, 100)).toEqual([])
        expect(await index.append(partition, inlineEntry(1), toOffset(1_000))).toEqual({ kind: 'missing' })
        expect(await index.trimTail(partition, blocks[0]!, NO_CHANGES, NOTHING_MOVED)).toBeUndefined()
        expect(await index.moveStart(partition, toOffset(1))).toBeUndefined()
      })

      test('can be repeated, and called for what never was', async () => {
        const partition = await madePartition()
        await index.removePartition(partition)
        await index.removePartition(partition)
        await index.removePartition(freshPartition())
        expect(await index.readHead(partition)).toBeUndefined()
      })

      test('has no effect on other partitions of the topic or on other topics', async () => {
        const partition = await madePartition(1)
        const others = [0, 2, 10, 11, 100].map(number => ({ ...partition, partition: number }))
        const elsewhere = freshPartition(1)
        for (const id of [partition, ...others, elsewhere]) {
          await index.createHead(id, 0)
          await fillBlocks(index, id, 2)
        }
        await index.removePartition(partition)
        for (const id of [...others, elsewhere]) {
          expect(await index.readHead(id)).toMatchObject({ nextOffset: 2 })
          expect(await blockOffsets(id, 0, 10)).toEqual([0, 1])
        }
      })

      test('is for ever: whoever comes late with a head makes none, also where there never was one', async () => {
        const partition = await madePartition()
        await fillBlocks(index, partition, 2)
        for (const removed of [partition, freshPartition()]) {
          expect(await index.isRemoved(removed)).toBe(false)
          await index.removePartition(removed)
          expect(await index.isRemoved(removed)).toBe(true)
          expect(await index.createHead(removed, 0)).toBeUndefined()
          expect(await index.readHead(removed)).toBeUndefined()
          expect(await index.append(removed, inlineEntry(1), ZERO)).toEqual({ kind: 'missing' })
          expect(await index.moveStart(removed, ZERO)).toBeUndefined()
        }
      })

      test('takes along what a late flush has left, when it is repeated', async () => {
        const partition = await madePartition()
        await index.removePartition(partition)
        await index.putBlock(partition, looseBlock(0, 1))
        await index.removePartition(partition)
        expect(await blockOffsets(partition, 0, 10)).toEqual([])
        expect(await index.isRemoved(partition)).toBe(true)
      })
    })

    describe('partitions', () => {
      async function listed(topicId: string): Promise<number[]> {
        const found: number[] = []
        for await (const id of index.partitions()) if (id.topicId === topicId) found.push(id.partition)
        return found.sort((left, right) => left - right)
      }

      test('gives each partition once, whatever it has of a head and blocks', async () => {
        const { topicId } = freshPartition()
        for (const partition of [0, 1, 2, 10, 11]) await index.createHead({ topicId, partition }, 0)
        await fillBlocks(index, { topicId, partition: 1 }, 25)
        await index.putBlock({ topicId, partition: 3 }, looseBlock(0, 1))
        await index.putBlock({ topicId, partition: 3 }, looseBlock(1, 1))
        const producer = { epoch: 0, createdMs: 0, runs: [{ sequence: 0, records: 1, baseOffset: ZERO }] }
        for (let producerId = 0n; producerId < 150n; producerId += 1n) {
          for (const partition of [2, 4])
            await index.putProducer({ topicId, partition }, producerId, producer, 0)
        }
        expect(await listed(topicId)).toEqual([0, 1, 2, 3, 4, 10, 11])
        for (const partition of [1, 4]) await index.removePartition({ topicId, partition })
        expect(await listed(topicId)).toEqual([0, 2, 3, 10, 11])
        // What comes too late for the removal is there all the same.
        await index.putBlock({ topicId, partition: 1 }, looseBlock(0, 1))
        await index.putProducer({ topicId, partition: 4 }, 7n, producer, 0)
        expect(await listed(topicId)).toEqual([0, 1, 2, 3, 4, 10, 11])
      })

      test('lets others change the index while it is being read', async () => {
        const { topicId } = freshPartition()
        for (let partition = 0; partition < 30; partition += 1)
          await index.createHead({ topicId, partition }, 0)
        const found = new Set<number>()
        for await (const id of index.partitions()) {
          if (id.topicId !== topicId) continue
          expect(found.has(id.partition)).toBe(false)
          found.add(id.partition)
          await appended(id, inlineEntry(1))
        }
        expect(found.size).toBe(30)
      })
    })
  })
}
