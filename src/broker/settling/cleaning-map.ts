import { batchesOf } from '../../core/batches/batch-run.ts'
import { mapKeys } from '../../core/log/compaction/clean-batch.ts'
import type { KeyMap } from '../../core/log/compaction/key-map.ts'
import type { Segment } from '../../core/log/settled/segment.ts'
import { advance, type Offset } from '../../core/numbers.ts'
import type { PartitionId } from '../../core/topic/partition-id.ts'
import type { Ports } from '../../ports/index.ts'
import type { Budget } from './budget.ts'
import { readRuns, segmentSource } from './read-runs.ts'

/** The newest offset of each key in a part of a log. */
export interface MappedKeys {
  readonly map: KeyMap
  /** Up to where all keys are in it: the part's end, or the beginning of the first batch for which there was no room or no time. */
  readonly end: Offset
}

export interface MapRequest {
  readonly partition: PartitionId
  /** Those that count, in order. */
  readonly chain: readonly Segment[]
  readonly from: Offset
  readonly to: Offset
  readonly mapBytes: number
  /** By the monotonic clock: then it ends where it is. */
  readonly untilMs: number
  /** An empty map, for so many keys at most; the one before is needed no more. */
  newMap(keys: number, bytesMax: number): KeyMap
  hasMoved(): Promise<boolean>
}

const NOTHING = new Uint8Array()

/**
 * Reads the keys of a part of a log, until its end, or until the map is full or the time is over. It takes one batch at least,
 * however many keys that has: else a log could never be cleaned.
 */
export async function mapDirty(ports: Ports, request: MapRequest, budget: Budget): Promise<MappedKeys> {
  const { partition, from, to } = request
  const dirty = request.chain.filter(({ baseOffset, end }) => end > from && baseOffset < to)
  const records = dirty.reduce((sum, segment) => sum + segment.records, 0)
  let map = request.newMap(records, request.mapBytes)
  const sources = dirty.map(segment => segmentSource(partition, segment))
  let isFirst = true
  let reached = from
  for await (const stretch of readRuns(ports, sources, request.hasMoved, budget.deadlineMs)) {
    const bytes = stretch.kind === 'batches' ? stretch.bytes : NOTHING
    const isOver = ports.clock.monotonicMs() >= request.untilMs
    for (const { position, header, offset, span } of batchesOf(
      bytes,
      stretch.baseOffset,
      'stored',
      stretch.end,
    )) {
      // A segment may begin before the one before it ends; it counts from there.
      if (offset < reached) continue
      if (offset >= to) return { map, end: to }
      // A batch whose keys might not all fit is left whole: what is in the map is what lies below its end, and nothing else.
      const isFull = map.room < header.recordCount
      if ((isFull || isOver) && !isFirst) return { map, end: offset }
      if (isFull) map = request.newMap(header.recordCount, Number.POSITIVE_INFINITY)
      mapKeys(map, bytes, position)
      if (isFull) return { map, end: advance(offset, span) }
      isFirst = false
    }
    if (stretch.end > reached) reached = stretch.end
    await budget.pace(bytes.length)
  }
  return { map, end: to }
}
