import { MERGE_SEGMENTS_MAX, MERGE_SEGMENTS_MIN } from '../../limits.ts'
import type { Offset } from '../../numbers.ts'
import type { Segment } from './segment.ts'
import { agingMs, waitMsMax } from './waiting.ts'

export interface MergeRules {
  /** The topic's `segment.bytes`. */
  readonly segmentBytes: number
  /** The topic's `retention.ms`; -1, or left out: none. */
  readonly retentionMs?: number
  readonly mergedOffset: Offset
  /** Limits that tests lower. */
  readonly limits?: { readonly mergeSegmentsMin?: number; readonly mergeSegmentsMax?: number }
}

export type MergePlan =
  /** One new object of all of these. */
  | { readonly kind: 'write'; readonly inputs: readonly Segment[] }
  /** Its item goes one level up, and its object stays. */
  | { readonly kind: 'take over'; readonly input: Segment }

/**
 * Which rolled segments become one merged; undefined: none yet. What was merged is never merged again, so every byte is
 * written three times at most.
 * @param rolled those that count, from mergedOffset on, without a gap
 */
export function planMerge(rolled: readonly Segment[], rules: MergeRules): MergePlan | undefined {
  const [first] = rolled
  if (!first) return undefined
  const { mergeSegmentsMin = MERGE_SEGMENTS_MIN, mergeSegmentsMax = MERGE_SEGMENTS_MAX } = rules.limits ?? {}
  const enough = rules.segmentBytes / 2
  const group: Segment[] = []
  let bytes = 0
  for (const next of rolled) {
    const isFull = group.length === mergeSegmentsMax || bytes >= enough
    if (group.length > 0 && (isFull || !fits(next, group, bytes, rules))) return planOf(group, rules)
    group.push(next)
    bytes += next.bytes
  }
  return bytes >= enough || group.length >= mergeSegmentsMin ? planOf(group, rules) : undefined
}

function fits(next: Segment, group: readonly Segment[], bytes: number, rules: MergeRules): boolean {
  // A large one is taken over as it is, in its turn.
  if (next.bytes >= rules.segmentBytes / 2 || bytes + next.bytes > rules.segmentBytes) return false
  return agingMs(next) - agingMs(group[0]!) <= waitMsMax(rules.retentionMs)
}

function planOf(group: readonly Segment[], { mergedOffset }: MergeRules): MergePlan {
  const [first, second] = group
  // What begins below the boundary counts from there only, and its item cannot say so.
  const isAlone = second === undefined && first!.baseOffset === mergedOffset
  return isAlone ? { kind: 'take over', input: first! } : { kind: 'write', inputs: group }
}
