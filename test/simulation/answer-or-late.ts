import type { Clock } from '../../src/ports/clock.ts'
import type { SleepyProcess } from './sleepy-process.ts'

/**
 * The answer of a process; undefined where it died; 'late' where there is none after so long. One that sleeps meanwhile has all of
 * the time again from then on.
 */
export async function answerOrLate<T>(
  clock: Clock,
  process: SleepyProcess,
  answer: Promise<T>,
  durationMs: number,
): Promise<T | 'late' | undefined> {
  for (;;) {
    const sinceMs = clock.monotonicMs()
    const late = clock.sleep(durationMs).then(() => 'late' as const)
    const first = await Promise.race([answer, process.died, late])
    if (first !== 'late') return first as T | undefined
    if (!process.hasSleptSince(sinceMs)) return 'late'
  }
}
