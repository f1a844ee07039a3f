import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Block, blockEnd } from '../../src/core/log/block.ts'
import { applyMove, type Boundaries, type Move } from '../../src/core/log/changes/rearrange.ts'
import type { IndexEntry, ObjectPlace } from '../../src/core/log/entry.ts'
import { findHeadProblems, type Head } from '../../src/core/log/head.ts'
import type { Level, Segment } from '../../src/core/log/settled/segment.ts'
import { sumOf } from '../../src/core/log/settled/segment-sum.ts'
import { UNSETTLED } from '../../src/core/log/settled/settled.ts'
import { movedEpoch } from '../../src/core/log/tail.ts'
import { type Offset, toOffset } from '../../src/core/numbers.ts'
import type { PartitionId } from '../../src/core/topic/partition-id.ts'
import type { LogIndex, Rearranged } from '../../src/ports/log-index.ts'
import type { OpenedLogIndex } from './log-index.ts'
import {
  blockOfTail,
  fillBlocks,
  freshId,
  freshPartition,
  inlineEntry,
  looseBlock,
  NO_CHANGES,
  NOTHING_MOVED,
  objectEntry,
} from './samples.ts'

const ZERO = toOffset(0)

/** A segment of some object. */
export function segmentOf(from: number, to: number, overrides: Partial<Segment> = {}): Segment {
  return {
    baseOffset: toOffset(from),
    end: toOffset(to),
    id: freshId(),
    bytes: (to - from) * 100,
    footerBytes: 90,
    records: to - from,
    writes: 2,
    loggedBytes: to * 100,
    maxTimestampMs: 1_700_000_000_000 + to,
    firstTimestampMs: 1_700_000_000_000 + from,
    createdMs: 1_700_000_000_001,
    startOffset: ZERO,
    tombstonesMs: 0,
    ...overrides,
  }
}

/** An entry in an object of this epoch. */
function entryOfEpoch(span: number, epoch: number): IndexEntry {
  const entry = objectEntry(span)
  return { ...entry, place: { ...(entry.place as ObjectPlace), epoch } }
}

/** What every LogIndex promises of what settles. The store is opened once, and need not be empty nor used by nobody else. */
export function describeSettledLog(name: string, open: () => Promise<OpenedLogIndex>, runs = 60): void {
  describe(`${name} as an index of settled logs`, () => {
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

    /** A log of `blocks` blocks of one record each, and a tail of `tail` such entries. */
    async function laidOut(blocks: number, tail: number): Promise<PartitionId> {
      const partition = await madePartition()
      await fillBlocks(index, partition, blocks)
      for (let number = 0; number < tail; number += 1) {
        await index.append(partition, objectEntry(1), toOffset(blocks))
      }
      return partition
    }

    const headOf = async (partition: PartitionId) => (await index.readHead(partition))!
    const bases = async (partition: PartitionId, level: Level, offset: number, limit: number) =>
      (await index.readSegments(partition, level, toOffset(offset), limit)).map(
        ({ baseOffset }) => baseOffset,
      )

    async function moved(partition: PartitionId, move: Move): Promise<Head> {
      const made = await index.rearrange(partition, move)
      expect(made?.moved).toBe(true)
      expect(await headOf(partition)).toEqual(made?.head)
      return made!.head
    }

    async function refused(partition: PartitionId, move: Move): Promise<void> {
      const before = await headOf(partition)
      expect(await index.rearrange(partition, move)).toEqual({ moved: false, head: before })
      expect(await headOf(partition)).toEqual(before)
    }

    describe('the floor', () => {
      test('refuses objects of older epochs, and takes what is inline or newer', async () => {
        const partition = await madePartition(3)
        const old = await index.append(partition, entryOfEpoch(1, 2), ZERO)
        expect(old).toEqual({ kind: 'refused', head: await headOf(partition) })
        expect(await index.append(partition, objectEntry(1), ZERO)).toMatchObject({ kind: 'refused' })
        const taken = [entryOfEpoch(1, 3), inlineEntry(1), entryOfEpoch(1, 4)]
        for (const entry of taken) {
          expect(await index.append(partition, entry, ZERO)).toMatchObject({ kind: 'appended' })
        }
        const { tail } = await headOf(partition)
        expect(tail.map(({ id }) => id)).toEqual(taken.map(({ id }) => id))
        expect(tail[0]!.place).toEqual(taken[0]!.place)
      })

      test('is raised and never lowered, and tells the head', async () => {
        const partition = await madePartition()
        const made = await index.raiseFloor(partition, 2)
        expect(made).toMatchObject({ appendFloor: 2, drained: 0 })
        expect(await headOf(partition)).toEqual(made)
        expect(await index.raiseFloor(partition, 1)).toEqual(made)
        expect(await index.raiseFloor(partition, 2, made)).toEqual(made)
        expect(await index.append(partition, entryOfEpoch(1, 1), ZERO)).toMatchObject({ kind: 'refused' })
        expect(await index.raiseFloor(freshPartition(), 1)).toBeUndefined()
      })

      test('drains in the same step where the head is as it was seen', async () => {
        const partition = await madePartition()
        const seen = await headOf(partition)
        expect(await index.raiseFloor(partition, 2, seen)).toMatchObject({ appendFloor: 2, drained: 2 })
        await index.append(partition, inlineEntry(1), ZERO)
        expect(await index.raiseFloor(partition, 3, seen)).toMatchObject({ appendFloor: 3, drained: 2 })
        expect(await headOf(partition)).toMatchObject({ appendFloor: 3, drained: 2 })
      })

      test('does not drain where something inline was moved into an object since', async () => {
        const partition = await madePartition()
        await index.append(partition, inlineEntry(1), ZERO)
        const seen = await headOf(partition)
        const block = blockOfTail(seen, 1)
        await index.putBlock(partition, block)
        await index.trimTail(partition, block, NO_CHANGES, 1)
        expect(await index.raiseFloor(partition, 2, seen)).toMatchObject({ appendFloor: 2, drained: 0 })
      })

      test('keeps a cut back whose object is of an older epoch', async () => {
        const partition = await madePartition()
        for (let number = 0; number < 3; number += 1) await index.append(partition, inlineEntry(1), ZERO)
        const head = await headOf(partition)
        const block = blockOfTail(head, 2)
        expect(movedEpoch(head, block)).toBe(0)
        await index.putBlock(partition, block)
        await index.raiseFloor(partition, 1)
        expect(await index.trimTail(partition, block, NO_CHANGES, movedEpoch(head, block))).toBeUndefined()
        expect(await headOf(partition)).toMatchObject({ tailOffset: 0, nextOffset: 3 })
        expect(await index.trimTail(partition, block, NO_CHANGES, 1)).toMatchObject({ tailOffset: 2 })
      })

      test('is noted as drained once it is as high', async () => {
        const partition = await madePartition()
        expect(await index.noteDrained(partition, 1)).toBe(false)
        await index.raiseFloor(partition, 2)
        expect(await index.noteDrained(partition, 1)).toBe(true)
        expect(await index.noteDrained(partition, 2)).toBe(true)
        expect(await index.noteDrained(partition, 1)).toBe(true)
        expect(await index.noteDrained(partition, 3)).toBe(false)
        expect(await headOf(partition)).toMatchObject({ appendFloor: 2, drained: 2 })
        expect(await index.noteDrained(freshPartition(), 0)).toBe(false)
      })
    })

    describe('a dead block', () => {
      test('is replaced by who names exactly this one', async () => {
        const partition = await madePartition()
        const [dead, other, next] = [1, 2, 3].map(span => looseBlock(0, span)) as [Block, Block, Block]
        await index.putBlock(partition, dead)
        expect(await index.putBlock(partition, next, other)).toEqual(dead)
        expect(await index.putBlock(partition, next, dead)).toEqual(next)
        expect(await index.putBlock(partition, other, dead)).toEqual(next)
        expect(await index.readBlocks(partition, ZERO, 10)).toEqual([next])
      })

      test('that is gone meanwhile is no obstacle', async () => {
        const partition = await madePartition()
        const next = looseBlock(0, 1)
        expect(await index.putBlock(partition, next, looseBlock(0, 2))).toEqual(next)
      })

      test('is replaced by one of many', async () => {
        const partition = await madePartition()
        const dead = looseBlock(0, 1)
        await index.putBlock(partition, dead)
        const blocks = Array.from({ length: 16 }, (_, number) => looseBlock(0, number + 2))
        const told = await Promise.all(blocks.map(block => index.putBlock(partition, block, dead)))
        const [standing] = await index.readBlocks(partition, ZERO, 1)
        expect(told).toEqual(blocks.map(() => standing))
      })
    })

    describe('segments', () => {
      const LEVELS: readonly Level[] = ['rolled', 0, 1, 12]

      test.each(LEVELS)(
        'of level %s come back, and whoever comes second is told which one stands',
        async level => {
          const partition = await madePartition()
          const winner = segmentOf(10, 20)
          expect(await index.putSegment(partition, level, winner)).toEqual(winner)
          expect(await index.putSegment(partition, level, segmentOf(10, 30))).toEqual(winner)
          expect(await index.putSegment(partition, level, winner)).toEqual(winner)
          expect(await index.readSegments(partition, level, toOffset(15), 5)).toEqual([winner])
          for (const other of LEVELS) {
            if (other !== level) expect(await bases(partition, other, 15, 5)).toEqual([])
          }
        },
      )

      test('are read from the last one at or below an offset', async () => {
        const partition = await madePartition()
        await index.putBlock(partition, looseBlock(0, 60))
        await index.putProducer(partition, 7n, PRODUCER, 0)
        for (const base of [10, 20, 30, 40]) {
          await index.putSegment(partition, 'rolled', segmentOf(base, base + 10))
          await index.putSegment(partition, 3, segmentOf(base + 1, base + 11))
        }
        expect(await bases(partition, 'rolled', 25, 10)).toEqual([20, 30, 40])
        expect(await bases(partition, 'rolled', 20, 2)).toEqual([20, 30])
        expect(await bases(partition, 'rolled', 19, 1)).toEqual([10])
        expect(await bases(partition, 'rolled', 5, 2)).toEqual([10, 20])
        expect(await bases(partition, 'rolled', 1_000, 10)).toEqual([40])
        expect(await bases(partition, 3, 20, 2)).toEqual([11, 21])
        expect(await bases(partition, 3, 21, 2)).toEqual([21, 31])
        expect(await index.readBlocks(partition, toOffset(1_000), 10)).toHaveLength(1)
      })

      test('are removed where exactly this one stands', async () => {
        const partition = await madePartition()
        const standing = segmentOf(10, 20)
        await index.putSegment(partition, 'rolled', standing)
        await index.removeSegment(partition, 'rolled', { ...standing, id: freshId() })
        await index.removeSegment(partition, 'rolled', { ...standing, end: toOffset(21) })
        await index.removeSegment(partition, 0, standing)
        expect(await bases(partition, 'rolled', 10, 5)).toEqual([10])
        await index.removeSegment(partition, 'rolled', standing)
        await index.removeSegment(partition, 'rolled', standing)
        expect(await bases(partition, 'rolled', 10, 5)).toEqual([])
      })

      test('are all listed, by their levels, and go with their partition', async () => {
        const partition = await madePartition()
        const placed: readonly [Level, number][] = [
          [0, 5],
          [0, 7],
          [2, 1],
          [10, 0],
          ['rolled', 0],
          ['rolled', 9],
        ]
        for (const [level, base] of placed.toReversed()) {
          await index.putSegment(partition, level, segmentOf(base, base + 1))
        }
        const listed = async () => {
          const found: [Level, Offset][] = []
          for await (const { level, segment } of index.segments(partition))
            found.push([level, segment.baseOffset])
          return found
        }
        expect(await listed()).toEqual(placed)
        await index.removePartition(partition)
        expect(await listed()).toEqual([])
        // What comes late stands there until it is removed once more, and can be found.
        await index.putSegment(partition, 'rolled', segmentOf(3, 4))
        const found: string[] = []
        for await (const { topicId } of index.partitions()) found.push(topicId)
        expect(found).toContain(partition.topicId)
        await index.removePartition(partition)
        expect(await listed()).toEqual([])
      })

      test('that many put at once are one', async () => {
        const partition = await madePartition()
        const segments = Array.from({ length: 16 }, (_, number) => segmentOf(5, number + 6))
        const told = await Promise.all(
          segments.map(segment => index.putSegment(partition, 'rolled', segment)),
        )
        const [standing] = await index.readSegments(partition, 'rolled', toOffset(5), 2)
        expect(told).toEqual(segments.map(() => standing))
      })
    })

    describe('a move', () => {
      const from = ({ settled }: Head): Boundaries => settled

      test('has what was rolled count, once, from where the level ends', async () => {
        const partition = await laidOut(6, 2)
        const first = segmentOf(0, 4)
        const head = await moved(partition, { kind: 'settle', segment: first, nowMs: 77 })
        expect(head.settled).toEqual({
          ...UNSETTLED,
          settledOffset: 4,
          ...sumOf([first]),
          loggedBytes: first.loggedBytes,
          settledMs: 77,
        })
        await refused(partition, { kind: 'settle', segment: first, nowMs: 78 })
        await refused(partition, { kind: 'settle', segment: segmentOf(5, 6), nowMs: 78 })
        // Not what still is in the tail.
        await refused(partition, { kind: 'settle', segment: segmentOf(4, 7), nowMs: 78 })
        await moved(partition, { kind: 'settle', segment: segmentOf(4, 6), nowMs: 79 })
      })

      test('moves no boundary back, however it was planned', async () => {
        const partition = await laidOut(8, 0)
        const rolled = [segmentOf(0, 4), segmentOf(4, 8)]
        for (const segment of rolled) await moved(partition, { kind: 'settle', segment, nowMs: 1 })
        const pass = { cleaning: 1, rules: 0 }
        await moved(partition, {
          kind: 'begin cleaning',
          ...pass,
          resumes: 0,
          to: toOffset(3),
          clean: toOffset(3),
        })
        await index.moveStart(partition, toOffset(4))
        const before = (await index.readHead(partition))!
        const removed = sumOf(rolled.slice(0, 1))
        const head = await moved(partition, { kind: 'drop', from: from(before), to: toOffset(4), removed })
        await refused(partition, {
          kind: 'clean',
          ...pass,
          from: from(head),
          sums: sumOf([]),
          removed: sumOf([]),
        })
      })

      test('merges, drops and cleans as it says, and appends go on beside', async () => {
        const partition = await laidOut(8, 1)
        const rolled = [segmentOf(0, 2), segmentOf(2, 4), segmentOf(4, 7)]
        for (const segment of rolled) await moved(partition, { kind: 'settle', segment, nowMs: 1 })
        const merged = segmentOf(0, 4)
        const merge: Move = {
          kind: 'merge',
          generation: 0,
          segment: merged,
          inputs: sumOf(rolled.slice(0, 2)),
        }
        await refused(partition, { ...merge, generation: 1 })
        await refused(partition, { ...merge, segment: segmentOf(0, 8) })
        let head = await moved(partition, merge)
        expect(head.settled).toMatchObject({ mergedOffset: 4, ...sumOf([merged, rolled[2]!]) })
        await index.append(partition, inlineEntry(1), toOffset(8))

        head = await moved(partition, { kind: 'alter' })
        const rules = head.settled.rules
        const begin: Move = {
          kind: 'begin cleaning',
          cleaning: 1,
          resumes: 0,
          to: toOffset(6),
          clean: toOffset(5),
          rules,
        }
        await refused(partition, { ...begin, rules: rules - 1 })
        await refused(partition, { ...begin, cleaning: 2 })
        await refused(partition, { ...begin, to: toOffset(3), clean: ZERO })
        head = await moved(partition, begin)
        await refused(partition, begin)
        await refused(partition, { ...begin, cleaning: 2, resumes: 1, clean: toOffset(4) })
        head = await moved(partition, { ...begin, cleaning: 2, resumes: 1 })

        const cleaned = [segmentOf(0, 3), segmentOf(3, 6)]
        const clean: Move = {
          kind: 'clean',
          cleaning: 2,
          from: from(head),
          rules,
          sums: sumOf(cleaned),
          removed: sumOf([merged]),
        }
        await refused(partition, { ...clean, cleaning: 1 })
        await refused(partition, { ...clean, from: { ...from(head), mergedOffset: toOffset(2) } })
        head = await moved(partition, clean)
        expect(head.settled).toMatchObject({
          generation: 2,
          resumes: 0,
          mergedOffset: 6,
          cleanOffset: 5,
          ...sumOf([...cleaned, rolled[2]!]),
        })

        const drop: Move = {
          kind: 'drop',
          from: from(head),
          to: toOffset(3),
          removed: sumOf([cleaned[0]!]),
          startOffset: toOffset(4),
          rules,
        }
        await refused(partition, { ...drop, rules: rules + 1 })
        await refused(partition, { ...drop, to: toOffset(5) })
        await refused(partition, { ...drop, startOffset: toOffset(11) })
        head = await moved(partition, drop)
        expect(head).toMatchObject({ startOffset: 4, settled: { firstOffset: 3, mergedOffset: 6 } })
        await refused(partition, drop)
        // All of both levels goes, up to the tail.
        await index.moveStart(partition, toOffset(10))
        head = await moved(partition, {
          kind: 'drop',
          from: from(head),
          to: toOffset(8),
          removed: sumOf([cleaned[1]!, rolled[2]!]),
          loggedBytes: 800,
        })
        expect(head.settled).toMatchObject({
          firstOffset: 8,
          mergedOffset: 8,
          settledOffset: 8,
          segmentSum: 0,
          bytes: 0,
          loggedBytes: 800,
        })
        expect(findHeadProblems(head)).toEqual([])
      })

      test('may move the start of a log of which nothing has settled, twice', async () => {
        const partition = await laidOut(4, 1)
        const drop = (start: number): Move => ({
          kind: 'drop',
          from: UNSETTLED,
          to: ZERO,
          removed: sumOf([]),
          startOffset: toOffset(start),
          rules: 0,
        })
        expect(await moved(partition, drop(2))).toMatchObject({ startOffset: 2, settled: UNSETTLED })
        expect(await moved(partition, drop(3))).toMatchObject({ startOffset: 3, settled: UNSETTLED })
        await moved(partition, { kind: 'settle', segment: segmentOf(0, 4), nowMs: 1 })
      })

      test('adopts a log only where nothing was ever appended', async () => {
        const settled = { ...UNSETTLED, mergedOffset: toOffset(7), settledOffset: toOffset(9), bytes: 5 }
        const adopt: Move = {
          kind: 'adopt',
          settled,
          startOffset: toOffset(1),
          nextOffset: toOffset(9),
          flushed: { bytes: 12, maxTimestampMs: 34 },
        }
        const partition = await madePartition(6)
        expect(await moved(partition, adopt)).toMatchObject({
          startOffset: 1,
          tailOffset: 9,
          nextOffset: 9,
          tail: [],
          settled,
          appendFloor: 6,
          flushed: { bytes: 12, maxTimestampMs: 34 },
        })
        await refused(partition, adopt)
        await refused(await laidOut(0, 1), adopt)
        const altered = await madePartition()
        await moved(altered, { kind: 'alter' })
        await refused(altered, adopt)
      })

      test('is told that there is no head', async () => {
        expect(await index.rearrange(freshPartition(), { kind: 'alter' })).toBeUndefined()
        const partition = await laidOut(2, 0)
        await index.removePartition(partition)
        expect(
          await index.rearrange(partition, { kind: 'settle', segment: segmentOf(0, 2), nowMs: 1 }),
        ).toBeUndefined()
      })

      test('of sixteen at once that exclude one another is made once, and the others all', async () => {
        const partition = await laidOut(4, 0)
        const settles = Array.from({ length: 8 }, (_, number) => segmentOf(0, 1 + (number % 4)))
        const moves: Move[] = settles.flatMap((segment): Move[] => [
          { kind: 'settle', segment, nowMs: 1 },
          { kind: 'alter' },
        ])
        const made = await Promise.all(moves.map(move => index.rearrange(partition, move)))
        const won = settles.filter((_, number) => made[number * 2]?.moved)
        expect(won).toHaveLength(1)
        expect(made.filter((each, number) => number % 2 === 1 && each?.moved)).toHaveLength(8)
        const { settled } = await headOf(partition)
        expect(settled).toMatchObject({ settledOffset: won[0]!.end, rules: 8, ...sumOf(won) })
      })

      test('is what the core decides, for any moves one after the other', async () => {
        await fc.assert(
          fc.asyncProperty(fc.array(wildMove, { minLength: 1, maxLength: 12 }), async wild => {
            const partition = await laidOut(6, 2)
            let head = await headOf(partition)
            for (const makeMove of wild) {
              const move = makeMove(head)
              const after = applyMove(head, move)
              const made: Rearranged | undefined = await index.rearrange(partition, move)
              expect(made).toEqual({ moved: after !== undefined, head: after ?? head })
              head = await headOf(partition)
              expect(head).toEqual(made?.head)
              expect(findHeadProblems(head)).toEqual([])
            }
          }),
          { numRuns: runs },
        )
      })
    })

    test('those of expired producers go, and nobody else', async () => {
      const partition = await madePartition()
      await index.putProducer(partition, 7n, PRODUCER, 0)
      await index.dropExpiredProducers(partition, PRODUCER.createdMs)
      expect(await index.readProducer(partition, 7n)).toEqual(PRODUCER)
    })

    test('a block of entries of epochs comes back', async () => {
      const partition = await madePartition()
      const block: Block = { ...looseBlock(0, 1), entries: [entryOfEpoch(2, 9), entryOfEpoch(1, 0)] }
      await index.putBlock(partition, block)
      const [standing] = await index.readBlocks(partition, ZERO, 1)
      expect(standing).toEqual(block)
      expect(blockEnd(standing!)).toBe(3)
    })

    test('trims that move nothing hold whatever the floor is', async () => {
      const partition = await madePartition()
      await index.append(partition, entryOfEpoch(1, 1), ZERO)
      const head = await headOf(partition)
      const block = blockOfTail(head, 1)
      expect(movedEpoch(head, block)).toBe(NOTHING_MOVED)
      await index.putBlock(partition, block)
      await index.raiseFloor(partition, 5)
      expect(await index.trimTail(partition, block, NO_CHANGES, NOTHING_MOVED)).toMatchObject({
        tailOffset: 1,
      })
    })
  })
}

const PRODUCER = {
  epoch: 1,
  createdMs: 1_700_000_000_000,
  runs: [{ sequence: 0, records: 1, baseOffset: ZERO }],
}

const small = fc.nat({ max: 8 }).map(toOffset)
const sums = fc.record({ segmentSum: fc.constant(0), bytes: fc.constant(0) })

/** A move that is near to what a head allows: most often its condition holds, or nearly. */
const wildMove: fc.Arbitrary<(head: Head) => Move> = fc.oneof(
  fc.tuple(small, fc.boolean()).map(([end, isOff]) => (head: Head): Move => {
    const base = isOff ? end : head.settled.settledOffset
    return { kind: 'settle', segment: segmentOf(base, Math.max(base + 1, end)), nowMs: 5 }
  }),
  fc.tuple(small, fc.nat({ max: 1 }), sums).map(([end, off, inputs]) => (head: Head): Move => {
    const { mergedOffset, generation } = head.settled
    const segment = segmentOf(mergedOffset, Math.max(mergedOffset + 1, end))
    return { kind: 'merge', generation: generation + off, segment, inputs }
  }),
  fc
    .record({ to: small, start: fc.option(small), isOff: fc.boolean(), logged: fc.boolean(), removed: sums })
    .map(({ to, start, isOff, logged, removed }) => (head: Head): Move => {
      const { settled } = head
      return {
        kind: 'drop',
        from: isOff ? { ...settled, mergedOffset: to } : settled,
        to,
        removed,
        ...(start !== null && { startOffset: start }),
        ...(logged && { loggedBytes: to * 100 }),
        ...(!isOff && { rules: settled.rules }),
      }
    }),
  fc.record({ to: small, clean: small, resumes: fc.boolean(), goesOn: fc.boolean() }).map(
    ({ to, clean, resumes, goesOn }) =>
      ({ settled }: Head): Move => ({
        kind: 'begin cleaning',
        cleaning: settled.cleaning + 1,
        resumes: resumes ? settled.cleaning : 0,
        to: goesOn ? settled.cleaningTo : to,
        clean: goesOn ? settled.cleaningClean : clean,
        rules: settled.rules,
      }),
  ),
  fc.tuple(sums, sums, fc.boolean()).map(
    ([added, removed, isOff]) =>
      ({ settled }: Head): Move => ({
        kind: 'clean',
        cleaning: settled.cleaning,
        from: isOff ? { ...settled, firstOffset: toOffset(settled.firstOffset + 1) } : settled,
        rules: settled.rules,
        sums: added,
        removed,
      }),
  ),
  fc.constant((): Move => ({ kind: 'alter' })),
)
