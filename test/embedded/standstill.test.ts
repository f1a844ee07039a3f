/** What becomes of answers while this process itself stands still: stopped, or held up by its disk. */
import { Socket } from 'node:net'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Connections } from '../../src/embedded/connections.ts'
import { OwnTime } from '../../src/embedded/own-time.ts'

const CHECK_MS = 1_000
const PACE_MS = 10_000

let nowMs = 0
beforeEach(() => void vi.spyOn(performance, 'now').mockImplementation(() => nowMs))
afterEach(() => void vi.restoreAllMocks())

test('a client has not taken too little of what nobody here sent', () => {
  const connections = new Connections({ connections: 1, spare: 0 })
  const socket = new Socket()
  vi.spyOn(socket, 'writableLength', 'get').mockReturnValue(1_000)
  const destroy = vi.spyOn(socket, 'destroy')
  connections.add(socket)
  const time = new OwnTime(2 * CHECK_MS)
  const check = () => connections.check(time.passedMs(), PACE_MS, 100)
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
