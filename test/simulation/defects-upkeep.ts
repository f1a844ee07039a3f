import { DECISIONS } from '../../src/adapters/items/decisions.ts'
import type { Move } from '../../src/core/log/changes/rearrange.ts'
import { advance } from '../../src/core/numbers.ts'
import { logObjectKey, parseLogObjectKey } from '../../src/core/storage-layout.ts'
import type { PartitionId } from '../../src/core/topic/partition-id.ts'
import type { Ports } from '../../src/ports/index.ts'
import type { PlacedSegment } from '../../src/ports/log-index.ts'
import { OutcomeUnknown } from '../../src/ports/outcome.ts'
import { ofIndex, type PlantedDefect, type PlantPorts, withMethods } from './planted-defect.ts'

/** Those who write to a log that settles. */
export const SETTLING_ACTORS = ['writers', 'deletions', 'flushes', 'upkeep']

const UPKEEP = { actors: SETTLING_ACTORS, seeds: 500 }

/** How old an intent is that is taken for one that nobody goes on with. */
const OLD_MS = 3_000
/** How old by its own clock what a process appends is at most, which takes clocks for a floor. */
const UPLOADED_MS_MAX = 6_000

/** Of how many appends one loses its answer, and after how long. */
const LOST_EVERY = 10
const LOST_AFTER_MS = 3_000

const { applyAppend } = DECISIONS

/** What is broken of whatever settles a log, drains epochs and collects garbage. */
export const UPKEEP_DEFECTS: Readonly<Record<string, PlantedDefect>> = {
  'a look-up below settledOffset answers no': {
    ...UPKEEP,
    seeds: 2_000,
    message: /doubled/,
    ports: (_, clock) => {
      let appends = 0
      return ports => ({
        ...ports,
        index: withMethods(ports.index, {
          append: async (partition, entry, seen, newcomers) => {
            const outcome = await ports.index.append(partition, entry, seen, newcomers)
            if (outcome.kind === 'appended') {
              appends += 1
              // Answers that are lost only once the log may have settled: there are few of these else.
              if (appends % LOST_EVERY !== 0) return outcome
              await clock.sleep(LOST_AFTER_MS)
              throw new OutcomeUnknown('lost by the defect')
            }
            const hasSettled = outcome.kind === 'refused' && outcome.head.settled.settledOffset > seen
            // As if the tail had all that came since.
            return hasSettled ? { ...outcome, head: { ...outcome.head, tailOffset: seen } } : outcome
          },
        }),
      })
    },
  },
  'a floor goes by a clock': {
    ...UPKEEP,
    message: /^undrained|^dangling/,
    decisions: {
      applyAppend: (head, entry, seen, newcomers) => {
        const changed = applyAppend({ ...head, appendFloor: 0 }, entry, seen, newcomers)
        return changed && { ...changed, appendFloor: head.appendFloor }
      },
    },
    ports: () => ports => ({
      ...ports,
      index: withMethods(ports.index, {
        append: async (partition, entry, seen, newcomers) => {
          const isOld = ports.clock.nowMs() - entry.createdMs > UPLOADED_MS_MAX
          const head = isOld ? await ports.index.readHead(partition) : undefined
          return head
            ? { kind: 'refused', head }
            : await ports.index.append(partition, entry, seen, newcomers)
        },
      }),
    }),
  },
  'a maker of heads does not read the floor again': {
    actors: ['topics', 'writers', 'flushes', 'upkeep'],
    seeds: 2_000,
    message: /^undrained/,
    ports: () => (ports, process) => {
      if (!process.startsWith('operator')) return ports
      let first: ReturnType<Ports['upkeep']['readIngest']> | undefined
      const readIngest = () => {
        first ??= ports.upkeep.readIngest()
        return first
      }
      return { ...ports, upkeep: withMethods(ports.upkeep, { readIngest }) }
    },
  },
  'items go when the move is planned that has them cease to count': {
    ...UPKEEP,
    message: /^gap/,
    ports: beforeMoves(async ({ index }, partition, { level, segment }) => {
      await index.removeSegment(partition, level, segment)
    }),
  },
  'objects go before the move that has their items cease to count': {
    ...UPKEEP,
    message: /^dangling/,
    ports: beforeMoves(async ({ objects }, partition, { segment }) => {
      await objects.remove(logObjectKey(partition, segment.baseOffset, segment.id))
    }),
  },
  'an intent is dead when it is old': {
    ...UPKEEP,
    seeds: 3_000,
    message: /^dangling/,
    ports: () => ports => ({
      ...ports,
      upkeep: withMethods(ports.upkeep, {
        async *notes(kind, ...times) {
          for await (const note of ports.upkeep.notes(kind, ...times)) {
            yield note
            const { kind: what, notedMs, ...rest } = note
            if (what !== 'intent' || ports.clock.nowMs() - notedMs <= OLD_MS || !('key' in rest)) continue
            if (!(await isNamed(ports, `${rest.key}`))) await ports.objects.remove(`${rest.key}`)
          }
        },
      }),
    }),
  },
  'nobody notes an object before its item goes': {
    ...UPKEEP,
    message: /^left: .*leaked object: log/,
    ports: () => ports => ({
      ...ports,
      upkeep: withMethods(ports.upkeep, {
        putNote: async note => {
          if (note.kind !== 'dead') await ports.upkeep.putNote(note)
        },
      }),
    }),
  },
  'an object is uploaded before it is noted': {
    ...UPKEEP,
    message: /^left: .*leaked object: log/,
    ports: () => ports => ({
      ...ports,
      upkeep: withMethods(ports.upkeep, {
        putNote: async note => {
          if (note.kind !== 'intent') await ports.upkeep.putNote(note)
        },
      }),
    }),
  },
  'a deleted topic leaves no word of itself': {
    actors: ['topics', 'writers', 'flushes', 'upkeep'],
    seeds: 500,
    message: /^left: /,
    ports: () => ports => ({
      ...ports,
      upkeep: withMethods(ports.upkeep, {
        putNote: async note => {
          if (note.kind !== 'topic') await ports.upkeep.putNote(note)
        },
      }),
    }),
  },
  'epochs are swept that are being drained': {
    ...UPKEEP,
    message: /^undrained|^dangling/,
    ports: () => (ports, process) => ({
      ...ports,
      upkeep: withMethods(ports.upkeep, {
        readIngest: async () => {
          const ingest = await ports.upkeep.readIngest()
          if (!ingest || !process.startsWith('upkeep')) return ingest
          return { ...ingest, drained: ingest.epoch, drainedMs: 0 }
        },
      }),
    }),
  },
  'what does not count is swept above its boundary': {
    ...UPKEEP,
    message: /^gap|^dangling|^stuck/,
    ports: ofIndex(
      () => index =>
        withMethods(index, {
          removeBlocksBelow: (partition, offset) => index.removeBlocksBelow(partition, advance(offset, 1)),
        }),
    ),
  },
}

/** Does something with each segment that a drop or a merge has cease to count, before it is made. */
function beforeMoves(
  work: (ports: Ports, partition: PartitionId, placed: PlacedSegment) => Promise<void>,
): PlantPorts {
  return () => ports => ({
    ...ports,
    index: withMethods(ports.index, {
      rearrange: async (partition, move) => {
        const end = endOf(move)
        if (end !== undefined) {
          for await (const placed of ports.index.segments(partition)) {
            const isMerged = move.kind === 'merge' && placed.level !== 'rolled'
            if (placed.segment.end <= end && !isMerged) await work(ports, partition, placed)
          }
        }
        return await ports.index.rearrange(partition, move)
      },
    }),
  })
}

/** Up to where what has counted does no more. */
function endOf(move: Move): number | undefined {
  if (move.kind === 'merge') return move.segment.end
  return move.kind === 'drop' ? move.to : undefined
}

/** Whether some item has the object. */
async function isNamed({ index }: Ports, key: string): Promise<boolean> {
  const place = parseLogObjectKey(key)
  if (!place) return false
  for await (const { segment } of index.segments(place.partition)) if (segment.id === place.id) return true
  return false
}
