import type { Offset } from '../../numbers.ts'
import type { Segment } from './segment.ts'

/**
 * Which segments of a level count between its boundaries: those that begin from `lo` to below `hi`, and the last one below
 * `lo` where none begins at `lo` and it reaches beyond it, since a pass or a drop may end in its midst. Only the last one:
 * whoever came late may have put one far below whose end lies above.
 * @param level in the order of their offsets; what lies before or behind may be left out, but not the last one below `lo`
 */
export function countedIn(level: readonly Segment[], lo: Offset, hi: Offset): Segment[] {
  if (lo >= hi) return []
  const within = level.filter(({ baseOffset }) => lo <= baseOffset && baseOffset < hi)
  if (within[0]?.baseOffset === lo) return within
  const below = level.findLast(({ baseOffset }) => baseOffset < lo)
  return below && below.end > lo ? [below, ...within] : within
}
