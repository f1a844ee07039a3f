import { expect, test } from 'vitest'
import { VirtualClock } from '../../src/adapters/memory/virtual-clock.ts'
import { answerOrLate } from './answer-or-late.ts'
import { SleepyProcess } from './sleepy-process.ts'

test('a sleep during a longer one ends neither of them early', async () => {
  const clock = new VirtualClock(0)
  const process = new SleepyProcess('sleeper', clock)
  const beganMs = clock.monotonicMs()
  process.fallAsleep(40_000)
  await clock.runUntilSettled(clock.sleep(1_000))
  process.fallAsleep(2_000)
  await clock.runUntilSettled(process.receive(Promise.resolve()))
  expect(clock.monotonicMs() - beganMs).toBe(40_000)
})

test('a sleep that begins during another one goes on past it', async () => {
  const clock = new VirtualClock(0)
  const process = new SleepyProcess('sleeper', clock)
  const beganMs = clock.monotonicMs()
  process.fallAsleep(2_000)
  await clock.runUntilSettled(clock.sleep(1_000))
  process.fallAsleep(40_000)
  await clock.runUntilSettled(process.receive(Promise.resolve()))
  expect(clock.monotonicMs() - beganMs).toBe(41_000)
  expect(process.isAsleep).toBe(false)
})

test('a process is held up once by what holds it up at the same time', async () => {
  const clock = new VirtualClock(0)
  const process = new SleepyProcess('slow', clock)
  process.holdUp(3_000)
  await clock.runUntilSettled(clock.sleep(1_000))
  expect(process.heldUpMs).toBe(1_000)
  process.holdUp(1_000)
  process.fallAsleep(5_000)
  await clock.runUntilSettled(clock.sleep(10_000))
  expect(process.heldUpMs).toBe(6_000)
  process.holdUp(500)
  await clock.runUntilSettled(clock.sleep(10_000))
  expect(process.heldUpMs).toBe(6_500)
})

/** When a read that waits for a second is called late, by how long after its beginning. */
async function lateAfterMs(prepare: (process: SleepyProcess) => void): Promise<number> {
  const clock = new VirtualClock(0)
  const process = new SleepyProcess('reader', clock)
  const beganMs = clock.monotonicMs()
  prepare(process)
  const answered = answerOrLate(clock, process, new Promise(() => {}), 1_000)
  expect(await clock.runUntilSettled(answered)).toBe('late')
  return clock.monotonicMs() - beganMs
}

test('a read is late a bounded time after its wait, which lasts longer by what holds its process up', async () => {
  const boundMs = await lateAfterMs(() => {})
  expect(boundMs).toBeLessThan(10_000)
  expect(await lateAfterMs(process => process.holdUp(3_000))).toBe(boundMs + 3_000)
  expect(await lateAfterMs(process => process.fallAsleep(40_000))).toBe(boundMs + 40_000)
})
