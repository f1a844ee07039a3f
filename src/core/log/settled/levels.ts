import type { Offset } from '../../numbers.ts'
import type { Level } from './segment.ts'
import type { Settled } from './settled.ts'

/** A level and the offsets between which its segments count. */
export interface LevelRange {
  readonly level: Level
  readonly lo: Offset
  readonly hi: Offset
}

/** The two levels that count, in the order of their offsets. */
export function levelsOf({ generation, firstOffset, mergedOffset, settledOffset }: Settled): LevelRange[] {
  return [
    { level: generation, lo: firstOffset, hi: mergedOffset },
    { level: 'rolled', lo: mergedOffset, hi: settledOffset },
  ]
}
