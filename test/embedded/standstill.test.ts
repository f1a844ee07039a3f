/** What becomes of transfers while this process itself stands still: stopped, or held up by its disk. */
import { Socket } from 'node:net'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Connections } from '../../src/embedded/connections.ts'
import { Paces } from '../../src/embedded/paces.ts'

const CHECK_MS = 1_000
const PACE_MS = 10_000

let nowMs = 0
beforeEach(() => void vi.spyOn(performance, 'now').mockImplementation(() => nowMs))
afterEach(() => void vi.restoreAllMocks())

test('a body is not too slow because nobody here read it', () => {
  const paces = new Paces()
  const stop = vi.fn()
  paces.watch({ paceMs: PACE_MS, paceBytes: 100, movedBytes: () => 0, stop })
  paces.check()
  nowMs += 3_600_000
  paces.check()
  expect(stop).not.toHaveBeenCalled()
  // From now on it has to keep its pace again.
  for (let passedMs = 0; passedMs <= PACE_MS; passedMs += CHECK_MS) {
    nowMs += CHECK_MS
    paces.check()
  }
  expect(stop).toHaveBeenCalledTimes(1)
})

test('nor has a client taken too little of what nobody here sent', () => {
  const connections = new Connections({ connections: 1, spare: 0 })
  const socket = new Socket()
  vi.spyOn(socket, 'writableLength', 'get').mockReturnValue(1_000)
  const destroy = vi.spyOn(socket, 'destroy')
  connections.add(socket)
  const check = () => connections.check(PACE_MS, 100)
  check()
  nowMs += 3_600_000
  check()
  expect(destroy).not.toHaveBeenCalled()
  for (let passedMs = 0; passedMs <= PACE_MS; passedMs += CHECK_MS) {
    nowMs += CHECK_MS
    check()
  }
  expect(destroy).toHaveBeenCalled()
})
