import { expect, test } from 'vitest'
import { VirtualClock } from '../../../src/adapters/memory/virtual-clock.ts'
import { retryUntil } from '../../../src/broker/store-calls/retry.ts'
import { NotApplied } from '../../../src/ports/outcome.ts'

/** Of pauses that end a little before the deadline, where the clock gets there a little after it. */
test('a step whose time is over is told with what its last try failed of', async () => {
  const clock = new VirtualClock(0)
  const late = {
    nowMs: () => clock.nowMs(),
    monotonicMs: () => clock.monotonicMs(),
    turn: () => clock.turn(),
    sleep: (durationMs: number, signal?: AbortSignal) => clock.sleep(durationMs + 1_000, signal),
  }
  const entropy = { id: () => 'id', fraction: () => 0.5 }
  const step = () => Promise.reject(new NotApplied('no concurrency left'))
  const retried = retryUntil({ clock: late, entropy }, clock.monotonicMs() + 900, 'no', step)
  let isOver = false
  const told = expect(retried.finally(() => (isOver = true))).rejects.toThrow('no concurrency left')
  await Promise.all([told, clock.runUntil(() => isOver)])
})
