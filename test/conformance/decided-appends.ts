import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type IndexEntry, spanOf } from '../../src/core/log/entry.ts'
import type { Head } from '../../src/core/log/head.ts'
import { foldProducers } from '../../src/core/log/producers/fold-producers.ts'
import { makeBlock, movedEpoch } from '../../src/core/log/tail.ts'
import { toOffset, toPosition } from '../../src/core/numbers.ts'
import type { PartitionId } from '../../src/core/topic/partition-id.ts'
import type { LogIndex } from '../../src/ports/log-index.ts'
import type { OpenedLogIndex } from './log-index.ts'
import { freshPartition, inlineEntry, objectEntry, plainEntry } from './samples.ts'

const ZERO = toOffset(0)
const NEWCOMER = new Set([7n])

/** An entry with one run of producer 7. */
function run(epoch: number, sequence: number, records: number, inEpoch?: number): IndexEntry {
  const producers = [{ producerId: 7n, epoch, sequence, records, spanBefore: 0 }]
  if (inEpoch === undefined) return inlineEntry(records, { producers })
  const { id } = objectEntry(records)
  const place = { kind: 'object', object: id, epoch: inEpoch, position: toPosition(0) } as const
  return objectEntry(records, { id, producers, place })
}

/** What every LogIndex promises of what was decided elsewhere. */
export function describeDecidedAppends(name: string, open: () => Promise<OpenedLogIndex>): void {
  describe(`${name} as a log index that takes what is decided`, () => {
    let opened: OpenedLogIndex
    let index: LogIndex

    beforeAll(async () => {
      opened = await open()
      index = opened.index
    })
    afterAll(async () => {
      await opened.close()
    })

    async function madePartition(floor = 0): Promise<PartitionId> {
      const id = freshPartition()
      await index.createHead(id, floor)
      return id
    }

    async function decided(
      partition: PartitionId,
      entries: readonly IndexEntry[],
      seen = ZERO,
      isNew = true,
    ) {
      const outcome = await index.appendDecided(partition, entries, seen, isNew ? NEWCOMER : undefined)
      return { kind: outcome.kind, head: outcome.kind === 'missing' ? undefined : outcome.head }
    }

    test('all of it is appended in one step, in order, and tells the head', async () => {
      const partition = await madePartition()
      const before = inlineEntry(5)
      await index.append(partition, before, ZERO)
      const entries = [run(2, 0, 3), run(2, 3, 4, 0), run(2, 7, 1)]
      const { kind, head } = await decided(partition, entries)
      expect(kind).toBe('appended')
      expect((await index.readHead(partition))?.tail.map(plainEntry)).toEqual(head!.tail.map(plainEntry))
      expect(head!.nextOffset).toBe(5 + spanOf(entries))
      expect(head!.tail.map(plainEntry)).toEqual([before, ...entries].map(plainEntry))
      expect(head!.producers).toEqual(new Map([[7n, { epoch: 2, lastSequence: 7 }]]))
    })

    test('what is there is refused, however often, with a state that says so', async () => {
      const partition = await madePartition()
      const entries = [run(0, 0, 3)]
      await decided(partition, entries)
      await decided(partition, [run(0, 3, 2)], ZERO, false)
      for (const isNew of [true, false]) {
        const { kind, head } = await decided(partition, entries, ZERO, isNew)
        expect(kind).toBe('refused')
        expect(head!.nextOffset).toBe(5)
        expect(head!.producers.get(7n)).toEqual({ epoch: 0, lastSequence: 4 })
      }
    })

    test('of twenty at once one appends it', async () => {
      const partition = await madePartition()
      const entries = [run(0, 0, 3), run(0, 3, 3)]
      const outcomes = await Promise.all(Array.from({ length: 20 }, () => decided(partition, entries)))
      expect(outcomes.filter(({ kind }) => kind === 'appended')).toHaveLength(1)
      expect((await index.readHead(partition))?.nextOffset).toBe(6)
    })

    test('numbers that an aborted transaction had need not have come', async () => {
      const partition = await madePartition()
      await decided(partition, [run(0, 0, 3)])
      expect((await decided(partition, [run(0, 100, 1)], ZERO, false)).kind).toBe('appended')
      expect((await decided(partition, [run(0, 50, 50)], ZERO, false)).kind).toBe('refused')
      expect((await index.readHead(partition))?.producers.get(7n)).toEqual({ epoch: 0, lastSequence: 100 })
    })

    test('a higher epoch begins anywhere, and a lower one is over', async () => {
      const partition = await madePartition()
      await decided(partition, [run(3, 0, 3)])
      expect((await decided(partition, [run(4, 9, 1)], ZERO, false)).kind).toBe('appended')
      expect((await decided(partition, [run(3, 3, 1)], ZERO, false)).kind).toBe('refused')
      const highest = { epoch: 32_766, lastSequence: 2 ** 31 - 1 }
      expect((await decided(partition, [run(32_766, 2 ** 31 - 1, 1)], ZERO, false)).kind).toBe('appended')
      expect((await index.readHead(partition))?.producers.get(7n)).toEqual(highest)
    })

    test('a producer that the head does not know has to be a newcomer', async () => {
      const partition = await madePartition()
      expect((await decided(partition, [run(0, 0, 3)], ZERO, false)).kind).toBe('refused')
      expect((await decided(partition, [run(0, 0, 3)])).kind).toBe('appended')
    })

    test('what a tail has lost since the look is refused', async () => {
      const partition = await madePartition()
      const { head } = await decided(partition, [run(0, 0, 3), run(0, 3, 1)])
      await trimmed(partition, head!)
      const refused = await decided(partition, [run(0, 4, 1)], ZERO, false)
      expect(refused.kind).toBe('refused')
      expect((await decided(partition, [run(0, 4, 1)], refused.head!.nextOffset, false)).kind).toBe(
        'appended',
      )
    })

    async function trimmed(partition: PartitionId, head: Head): Promise<void> {
      const block = makeBlock(head, head.tail)
      await index.putBlock(partition, block)
      const changes = foldProducers(head, block)
      const after = await index.trimTail(partition, block, changes, movedEpoch(head, block))
      expect(after?.tailOffset).toBe(head.nextOffset)
    }

    test('nothing of it is taken where one object is of an epoch below the floor', async () => {
      const partition = await madePartition(5)
      expect((await decided(partition, [run(0, 0, 1, 5), run(0, 1, 1, 4)])).kind).toBe('refused')
      expect((await decided(partition, [run(0, 0, 1), run(0, 1, 1, 5), run(0, 2, 1, 6)])).kind).toBe(
        'appended',
      )
      expect((await index.readHead(partition))?.tail).toHaveLength(3)
    })

    test('there has to be a head', async () => {
      const partition = freshPartition()
      expect((await decided(partition, [run(0, 0, 1)])).kind).toBe('missing')
      await index.createHead(partition, 0)
      await index.removePartition(partition)
      expect((await decided(partition, [run(0, 0, 1)])).kind).toBe('missing')
    })

    test('what leaves no receipt is a mistake', async () => {
      const partition = await madePartition()
      for (const entries of [[], [inlineEntry(1)], [run(0, 0, 1), run(0, 2, 1)]]) {
        await expect(decided(partition, entries)).rejects.toThrow(RangeError)
      }
      expect((await index.readHead(partition))?.nextOffset).toBe(0)
    })

    test('what plain producers append beside it loses nothing', async () => {
      const partition = await madePartition()
      const plain = Array.from({ length: 10 }, () => inlineEntry(1))
      const others = plain.map((_, epoch) => [run(epoch, 0, 2), run(epoch, 2, 1)] as const)
      const outcomes = await Promise.all([
        ...plain.map(async entry => (await index.append(partition, entry, ZERO)).kind),
        ...others.map(async entries => (await decided(partition, entries)).kind),
      ])
      const head = await index.readHead(partition)
      const appended = outcomes.slice(10).filter(kind => kind === 'appended').length
      expect(outcomes.slice(0, 10)).toEqual(plain.map(() => 'appended'))
      expect(head?.nextOffset).toBe(10 + 3 * appended)
      expect(appended).toBeGreaterThan(0)
    })
  })
}
