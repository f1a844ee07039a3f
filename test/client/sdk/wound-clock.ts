import { vi } from 'vitest'

/** From now on no timer ends, and no time passes, but as `timed` winds it. `vi.useRealTimers()` is the end of that. */
export function stopClock(): void {
  vi.useFakeTimers({
    toFake: [
      'setTimeout',
      'clearTimeout',
      'setInterval',
      'clearInterval',
      'setImmediate',
      'clearImmediate',
      'performance',
      'Date',
    ],
  })
}

export interface Timed<T> {
  readonly ms: number
  readonly value?: T
  readonly error?: { kafkaName?: string; written?: string; message?: string }
}

/** Winds the clock until `promise` settles. Answers how long that took, and what came. */
export async function timed<T>(promise: Promise<T>): Promise<Timed<T>> {
  const beganMs = performance.now()
  let settled: { value?: T; error?: object } | undefined
  promise.then(
    value => {
      settled = { value }
    },
    (error: object) => {
      settled = { error }
    },
  )
  while (!settled) await vi.advanceTimersByTimeAsync(50)
  return { ms: performance.now() - beganMs, ...settled }
}
