import { DECISIONS } from '../../src/adapters/items/decisions.ts'
import type { Head } from '../../src/core/log/head.ts'
import type { Level, Segment } from '../../src/core/log/settled/segment.ts'
import { toOffset } from '../../src/core/numbers.ts'
import { type PartitionId, partitionKey } from '../../src/core/topic/partition-id.ts'
import type { LogIndex } from '../../src/ports/log-index.ts'
import { ofIndex, type PlantedDefect, withMethods } from './planted-defect.ts'

const CLEANING = { actors: ['cleaners', 'upkeep'], seeds: 2_000 }

/** Between what it decides by and what it does. */
const RETAINER_SLEEPS_MS = 5_000

const { applyMove } = DECISIONS

/** What retention and compaction rely on, each left out in turn. */
export const CLEANING_DEFECTS: Readonly<Record<string, PlantedDefect>> = {
  'retention goes by rules that were altered': {
    ...CLEANING,
    message: /^expired/,
    ports: ofIndex(
      (_, clock) => index =>
        withMethods(index, {
          rearrange: async (partition, move) => {
            if (move.kind !== 'drop' || move.rules === undefined)
              return await index.rearrange(partition, move)
            // Asleep, as anybody may be; and then by whatever rules there are.
            await clock.sleep(RETAINER_SLEEPS_MS)
            const { rules } = (await index.readHead(partition))?.settled ?? move
            return await index.rearrange(partition, { ...move, rules: rules! })
          },
        }),
    ),
  },
  'compaction goes by rules that were altered': {
    ...CLEANING,
    message: /^(sum|hole|back|gap)/,
    decisions: {
      applyMove: (head, move) =>
        applyMove(head, move.kind === 'clean' ? { ...move, rules: head.settled.rules } : move),
    },
  },
  'a pass counts although the log has moved since it was read': {
    ...CLEANING,
    message: /^(sum|gap|order|back)|cannot be encoded/,
    decisions: {
      applyMove: (head, move) =>
        applyMove(head, move.kind === 'clean' ? { ...move, from: head.settled } : move),
    },
  },
  "a pass goes on under another's number": {
    ...CLEANING,
    message: /^(stuck|gap|sum|dangling|left)/,
    ports: ofIndex(sharedNumbers),
  },
  'the sweep takes what is being cleaned': {
    ...CLEANING,
    message: /^gap|^left/,
    ports: ofIndex(() => sweepingWhatIsCleaned),
  },
  'a tombstone has no time': {
    ...CLEANING,
    message: /^hole/,
    ports: ofIndex(() => index => {
      const asRead = new Map<string, Segment>()
      const aged = (segment: Segment): Segment => {
        if (segment.tombstonesMs === 0) return segment
        asRead.set(segment.id, segment)
        return { ...segment, tombstonesMs: 1 }
      }
      return withMethods(index, {
        readSegments: async (...args) => (await index.readSegments(...args)).map(aged),
        removeSegment: (partition, level, segment) =>
          index.removeSegment(partition, level, asRead.get(segment.id) ?? segment),
      })
    }),
  },
}

interface SharedNumber {
  /** By which this process knows the pass. */
  readonly own: number
  /** By which the one knows it that has begun it. */
  readonly real: number
}

/** Whoever finds a pass that was begun goes on with it under its own number, so that two may be at it at once. */
function sharedNumbers(): (index: LogIndex) => LogIndex {
  return index => {
    const shared = new Map<string, SharedNumber>()
    const of = (partition: PartitionId) => shared.get(partitionKey(partition))
    const real = (partition: PartitionId, level: Level): Level => {
      const number = of(partition)
      return number?.own === level ? number.real : level
    }
    const seen = (partition: PartitionId, head: Head): Head => {
      const number = of(partition)
      if (number?.real !== head.settled.cleaning) return head
      return { ...head, settled: { ...head.settled, cleaning: number.own, resumes: number.real } }
    }
    return withMethods(index, {
      readHead: async partition => {
        const head = await index.readHead(partition)
        return head && seen(partition, head)
      },
      readSegments: (partition, level, ...args) =>
        index.readSegments(partition, real(partition, level), ...args),
      putSegment: (partition, level, segment) => index.putSegment(partition, real(partition, level), segment),
      rearrange: async (partition, move) => {
        if (move.kind === 'begin cleaning' && move.resumes !== 0) {
          const number = { own: move.cleaning, real: real(partition, move.resumes) as number }
          shared.set(partitionKey(partition), number)
          const head = await index.readHead(partition)
          return head && { moved: head.settled.cleaning === number.real, head: seen(partition, head) }
        }
        const cleaning = 'cleaning' in move ? (real(partition, move.cleaning) as number) : 0
        const made = await index.rearrange(partition, move.kind === 'clean' ? { ...move, cleaning } : move)
        return made && { ...made, head: seen(partition, made.head) }
      },
    })
  }
}

/** Whoever settles removes the items of a pass that is under way, as if it were one of before. */
function sweepingWhatIsCleaned(index: LogIndex): LogIndex {
  return withMethods(index, {
    rearrange: async (partition, move) => {
      const made = await index.rearrange(partition, move)
      const settled = made?.head.settled
      if (move.kind !== 'settle' || !settled || settled.cleaning === settled.generation) return made
      const [first] = await index.readSegments(partition, settled.cleaning, toOffset(0), 1)
      if (first) await index.removeSegment(partition, settled.cleaning, first)
      return made
    },
  })
}
