import { expect, test } from 'vitest'
import { Trouble } from '../../../src/adapters/local/trouble.ts'
import { withResolvers } from '../../../src/core/since-node-22.ts'

test('a look waits for nothing that takes long, and the next one tells what came of it', async () => {
  const { promise, resolve } = withResolvers<void>()
  const tries: string[] = []
  const trouble = new Trouble(async () => {
    tries.push('tried')
    await promise
  })
  // Nothing is known, and nothing is tried that nobody asked for.
  expect(await trouble.look()).toBeUndefined()
  expect(tries).toEqual([])
  expect(await trouble.look(true)).toBeUndefined()
  trouble.failed(new Error('the disk failed'))
  expect(await trouble.look()).toBe('the disk failed')
  // One try at a time, however often somebody looks.
  expect(tries).toEqual(['tried'])
  resolve()
  await expect.poll(() => trouble.look()).toBeUndefined()
})

test('what worked just now is not tried', async () => {
  const trouble = new Trouble(() => Promise.reject(new Error('the disk is full')))
  trouble.worked()
  expect(await trouble.look(true)).toBeUndefined()
  expect(await trouble.lookAgain()).toBeUndefined()
  expect(await new Trouble(() => Promise.reject(new Error('the disk is full'))).look(true)).toBe(
    'the disk is full',
  )
})
