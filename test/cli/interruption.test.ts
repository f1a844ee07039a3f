import { expect, test } from 'vitest'
import { itemsUntil, resultUntil } from '../../src/cli/interruption.ts'
import { InterruptedError } from '../../src/cli/output/failure.ts'

async function* endless(onEnd = () => {}) {
  try {
    for (let number = 0; ; number++) yield number
  } finally {
    onEnd()
  }
}

test('items come until the signal, and the source is ended', async () => {
  const controller = new AbortController()
  const seen: number[] = []
  let ended = false
  const source = endless(() => {
    ended = true
  })
  for await (const item of itemsUntil(source, controller.signal)) {
    seen.push(item)
    if (item === 2) controller.abort()
  }
  expect(seen).toEqual([0, 1, 2])
  await expect.poll(() => ended).toBe(true)
})

test('a step that never ends is not waited for', async () => {
  const controller = new AbortController()
  async function* stuck() {
    yield 'first'
    await new Promise(() => {})
  }
  const seen: string[] = []
  setTimeout(() => controller.abort(), 10)
  for await (const item of itemsUntil(stuck(), controller.signal)) seen.push(item)
  expect(seen).toEqual(['first'])
})

test('failures pass through', async () => {
  const { signal } = new AbortController()
  async function* failing() {
    yield 'first'
    throw new Error('the disk is gone')
  }
  const read = async () => {
    for await (const _ of itemsUntil(failing(), signal)) {
    }
  }
  await expect(read()).rejects.toThrow('the disk is gone')
  await expect(resultUntil(Promise.reject(new Error('no')), signal)).rejects.toThrow('no')
})

test('a result comes, or the signal before it', async () => {
  const controller = new AbortController()
  expect(await resultUntil(Promise.resolve(7), controller.signal)).toBe(7)
  const waiting = resultUntil(new Promise(() => {}), controller.signal)
  controller.abort()
  await expect(waiting).rejects.toThrow(InterruptedError)
  await expect(resultUntil(new Promise(() => {}), controller.signal)).rejects.toThrow(InterruptedError)
})
