import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Turnstile } from '../../src/embedded/turnstile.ts'

let turnstile: Turnstile
let begun: number[]
const enter = (number: number) => turnstile.enter(() => begun.push(number))
let nowMs: number
/** Lets the event loop go round once. */
const round = () => vi.runOnlyPendingTimers()

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setImmediate'] })
  nowMs = 1_000
  vi.spyOn(performance, 'now').mockImplementation(() => nowMs)
  turnstile = new Turnstile()
  begun = []
})
afterEach(() => {
  vi.useRealTimers()
  vi.restoreAllMocks()
})

test('a request begins at once while no connections come', () => {
  enter(1)
  expect(begun).toEqual([1])
  turnstile.accepted()
  round()
  enter(2)
  expect(begun).toEqual([1, 2])
})

test('requests make way for connections that come, and begin in their order a few at a time', () => {
  turnstile.accepted()
  for (let number = 0; number < 20; number += 1) enter(number)
  turnstile.accepted()
  round()
  expect(begun).toEqual([])
  // None came in this round.
  round()
  expect(begun).toEqual([0, 1, 2, 3, 4, 5, 6, 7])
  enter(20)
  expect(begun).toHaveLength(8)
  vi.runAllTimers()
  expect(begun).toEqual(Array.from({ length: 21 }, (_, number) => number))
})

test('connections that come without end keep no request from beginning', () => {
  turnstile.accepted()
  enter(1)
  for (let passed = 0; passed < 4; passed += 1) {
    turnstile.accepted()
    nowMs += 10
    round()
  }
  expect(begun).toEqual([])
  turnstile.accepted()
  nowMs += 10
  round()
  expect(begun).toEqual([1])
})
