import type { Clock } from '../../src/ports/clock.ts'
import type { SleepyProcess } from './sleepy-process.ts'

/** How long past its time a read may be answered: its looks, each as slow as can be, and the tries for which there is time. */
const LATE_MS_MAX = 15_000

/**
 * The answer of a process to a read that waits for so long; undefined where it died; 'late' where there is none long after. One that
 * sleeps meanwhile has all of the time again from then on.
 */
export async function answerOrLate<T>(
  clock: Clock,
  process: SleepyProcess,
  answer: Promise<T>,
  maxWaitMs: number,
): Promise<T | 'late' | undefined> {
  for (;;) {
    const sinceMs = clock.monotonicMs()
    const late = clock.sleep(maxWaitMs + LATE_MS_MAX).then(() => 'late' as const)
    const first = await Promise.race([answer, process.died, late])
    if (first !== 'late') return first as T | undefined
    if (!process.hasSleptSince(sinceMs)) return 'late'
  }
}
