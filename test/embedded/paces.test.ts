import { afterEach, expect, test, vi } from 'vitest'
import { OwnTime } from '../../src/embedded/own-time.ts'
import { Paces } from '../../src/embedded/paces.ts'

afterEach(() => {
  vi.restoreAllMocks()
})

/** Checks every second from now on, `seconds` times. */
function checkFor(paces: Paces, clock: { ms: number }, seconds: number): void {
  for (let second = 0; second < seconds; second++) {
    clock.ms += 1_000
    paces.check()
  }
}

test('a process that was stopped itself stops nobody for that time, and goes on counting', () => {
  const clock = { ms: 5_000 }
  vi.spyOn(performance, 'now').mockImplementation(() => clock.ms)
  const paces = new Paces(new OwnTime(2_000))
  const stop = vi.fn()
  paces.watch({ paceMs: 10_000, paceBytes: 10, movedBytes: () => 5, stop })
  checkFor(paces, clock, 5)
  clock.ms += 60_000
  checkFor(paces, clock, 3)
  expect(stop).not.toHaveBeenCalled()
  checkFor(paces, clock, 2)
  expect(stop).toHaveBeenCalledOnce()
})
