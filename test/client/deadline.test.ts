import { expect, test } from 'vitest'
import { DeadlinePassed, withDeadline } from '../../src/client/deadline.ts'

const untilAborted = (signal: AbortSignal) =>
  new Promise<never>((_, reject) => {
    if (signal.aborted) reject(signal.reason)
    signal.addEventListener('abort', () => reject(new Error('some other error')))
  })

test('passes on what comes in time', async () => {
  expect(await withDeadline(1_000, undefined, async () => 1)).toBe(1)
  const error = new Error('in time')
  await expect(withDeadline(1_000, undefined, () => Promise.reject(error))).rejects.toBe(error)
})

test('says that the time was up, whatever the action made of it', async () => {
  await expect(withDeadline(10, undefined, untilAborted)).rejects.toBeInstanceOf(DeadlinePassed)
})

test('ends with the outer signal, and that is no deadline', async () => {
  const controller = new AbortController()
  const running = withDeadline(10_000, controller.signal, untilAborted)
  controller.abort()
  await expect(running).rejects.toThrow('some other error')
  await expect(withDeadline(10_000, AbortSignal.abort(new Error('before')), untilAborted)).rejects.toThrow(
    'before',
  )
})

test('leaves nothing behind on the outer signal', async () => {
  const outer = new AbortController().signal
  let listeners = 0
  const { addEventListener, removeEventListener } = outer
  outer.addEventListener = (...parameters: Parameters<typeof addEventListener>) => {
    listeners += 1
    addEventListener.apply(outer, parameters)
  }
  outer.removeEventListener = (...parameters: Parameters<typeof removeEventListener>) => {
    listeners -= 1
    removeEventListener.apply(outer, parameters)
  }
  for (let n = 0; n < 10; n++) await withDeadline(1_000, outer, async () => n)
  expect(listeners).toBe(0)
})
