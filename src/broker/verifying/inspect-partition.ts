import type { Note } from '../../core/garbage.ts'
import { blockEnd } from '../../core/log/block.ts'
import { type IndexEntry, type PlacedEntry, placeEntries } from '../../core/log/entry.ts'
import { countedIn } from '../../core/log/settled/counted.ts'
import { levelsOf } from '../../core/log/settled/levels.ts'
import type { Level, Segment } from '../../core/log/settled/segment.ts'
import type { Settled } from '../../core/log/settled/settled.ts'
import { logObjectKey, logObjectsPrefix, placeKey } from '../../core/storage-layout.ts'
import type { PartitionId } from '../../core/topic/partition-id.ts'
import type { Ports } from '../../ports/index.ts'

const BLOCKS_PER_READ = 64

/** One thing that the index has of a partition, in the order of the log. */
export type Inspected =
  | {
      readonly kind: 'head'
      readonly startOffset: number
      readonly tailOffset: number
      readonly nextOffset: number
      readonly settled: Settled
      readonly appendFloor: number
      readonly drained: number
      readonly producers: number
    }
  | {
      readonly kind: 'segment'
      readonly level: Level
      /** Whether readers go by it; else it waits to be removed, or to come to count. */
      readonly counts: boolean
      readonly key: string
      readonly segment: Segment
    }
  | {
      readonly kind: 'block'
      readonly counts: boolean
      readonly baseOffset: number
      readonly end: number
      readonly entries: readonly InspectedEntry[]
    }
  | { readonly kind: 'tail'; readonly entries: readonly InspectedEntry[] }
  | { readonly kind: 'note'; readonly note: Note }

export interface InspectedEntry {
  readonly baseOffset: number
  readonly span: number
  readonly bytes: number
  readonly maxTimestampMs: number
  readonly createdMs: number
  /** The object in which it lies, and where; null: in the entry itself. */
  readonly key: string | null
  readonly position: number
}

/** Everything that the index has of a partition, what does not count too. Undefined: it has no head. */
export async function* inspectPartition(ports: Ports, partition: PartitionId): AsyncGenerator<Inspected> {
  const { index, upkeep } = ports
  const head = await index.readHead(partition)
  if (!head) return
  const { startOffset, tailOffset, nextOffset, settled, appendFloor, drained } = head
  const producers = head.producers.size + head.flushedProducers.size
  yield { kind: 'head', startOffset, tailOffset, nextOffset, settled, appendFloor, drained, producers }
  yield* inspectSegments(ports, partition, settled)
  let from = 0 as typeof startOffset
  for (;;) {
    const blocks = await index.readBlocks(partition, from, BLOCKS_PER_READ)
    const fresh = blocks.filter(({ baseOffset }) => baseOffset >= from)
    for (const block of fresh) {
      const { baseOffset, entries } = block
      const counts = baseOffset >= settled.settledOffset && baseOffset < tailOffset
      yield { kind: 'block', counts, baseOffset, end: blockEnd(block), entries: shown(baseOffset, entries) }
    }
    const last = fresh.at(-1)
    if (!last) break
    from = blockEnd(last)
  }
  yield { kind: 'tail', entries: shown(tailOffset, head.tail) }
  const prefix = logObjectsPrefix(partition.topicId, partition.partition)
  for (const kind of ['intent', 'dead'] as const) {
    for await (const note of upkeep.notes(kind)) {
      if (note.key.startsWith(prefix)) yield { kind: 'note', note }
    }
  }
}

async function* inspectSegments(
  { index }: Ports,
  partition: PartitionId,
  settled: Settled,
): AsyncGenerator<Inspected> {
  const ranges = levelsOf(settled)
  const levels = new Map<Level, Segment[]>()
  for await (const { level, segment } of index.segments(partition)) {
    const standing = levels.get(level)
    if (standing) standing.push(segment)
    else levels.set(level, [segment])
  }
  for (const [level, segments] of levels) {
    const range = ranges.find(each => each.level === level)
    const counted = new Set(range ? countedIn(segments, range.lo, range.hi) : [])
    for (const segment of segments) {
      const key = logObjectKey(partition, segment.baseOffset, segment.id)
      yield { kind: 'segment', level, counts: counted.has(segment), key, segment }
    }
  }
}

function shown(baseOffset: PlacedEntry['baseOffset'], entries: readonly IndexEntry[]): InspectedEntry[] {
  return placeEntries(baseOffset, entries).map(({ baseOffset: at, entry }) => {
    const { span, bytes, maxTimestampMs, createdMs, place } = entry
    const lies =
      place.kind === 'inline'
        ? { key: null, position: 0 }
        : { key: placeKey(place), position: place.position }
    return { baseOffset: at, span, bytes, maxTimestampMs, createdMs, ...lies }
  })
}
