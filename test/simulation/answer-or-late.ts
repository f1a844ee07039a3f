import type { Clock } from '../../src/ports/clock.ts'
import type { SleepyProcess } from './sleepy-process.ts'

/** How long past its time a read may be answered, beside what holds its process up: its last look, and what it then reads. */
const LATE_MS_MAX = 5_000

/**
 * The answer of a process to a read that waits for so long; undefined where it died; 'late' where there is none long after. For
 * as long as the process sleeps, or calls of it are slow, it has more time: a read calls several times, one after the other, and
 * each of them may take long.
 */
export async function answerOrLate<T>(
  clock: Clock,
  process: SleepyProcess,
  answer: Promise<T>,
  maxWaitMs: number,
): Promise<T | 'late' | undefined> {
  let leftMs = maxWaitMs + LATE_MS_MAX
  while (leftMs > 0) {
    const before = process.heldUpMs
    const late = clock.sleep(leftMs).then(() => 'late' as const)
    const first = await Promise.race([answer, process.died, late])
    if (first !== 'late') return first as T | undefined
    leftMs = process.heldUpMs - before
  }
  return 'late'
}
