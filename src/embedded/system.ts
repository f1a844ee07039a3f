import { randomBytes } from 'node:crypto'
import type { Clock } from '../ports/clock.ts'
import type { Entropy } from '../ports/entropy.ts'

/** setTimeout's own limit; a longer sleep ends early, and whoever sleeps looks at the time anyway. */
const TIMEOUT_MS_MAX = 2 ** 31 - 1

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  sleep: (durationMs, signal) =>
    new Promise(resolve => {
      if (signal?.aborted) return resolve()
      const end = () => {
        clearTimeout(timer)
        signal?.removeEventListener('abort', end)
        resolve()
      }
      const timer = setTimeout(end, Math.min(Math.max(0, durationMs), TIMEOUT_MS_MAX))
      signal?.addEventListener('abort', end)
    }),
  turn: () => new Promise(resolve => setImmediate(resolve)),
}

/** The machine's randomness: ids from the cryptographic generator, jitter from the cheap one. */
export const systemEntropy: Entropy = {
  id: () => randomBytes(16).toString('hex'),
  fraction: () => Math.random(),
}
