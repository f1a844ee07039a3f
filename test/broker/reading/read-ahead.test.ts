import { describe, expect, test } from 'vitest'
import { readAhead } from '../../../src/broker/reading/read-ahead.ts'
import { fewAtATime } from '../../../src/broker/store-calls/few-at-a-time.ts'

/** Work that ends when it is told to, and of which is known what has begun. */
function work() {
  const begun: string[] = []
  const ends = new Map<string, PromiseWithResolvers<string>>()
  return {
    begun,
    begin: (name: string) => {
      begun.push(name)
      const end = Promise.withResolvers<string>()
      ends.set(name, end)
      return end.promise
    },
    end: async (name: string) => {
      ends.get(name)!.resolve(name.toUpperCase())
      await new Promise(setImmediate)
    },
    fail: async (name: string) => {
      ends.get(name)!.reject(new Error(name))
      await new Promise(setImmediate)
    },
  }
}

describe('reads ahead', () => {
  test('come in order, and the next one begins when any has come', async () => {
    const { begun, begin, end } = work()
    const reads = readAhead(['a', 'b', 'c', 'd'], 2, begin)
    const first = reads.next()
    expect(begun).toEqual(['a', 'b'])
    await end('b')
    expect(begun).toEqual(['a', 'b', 'c'])
    await end('c')
    await end('a')
    expect((await first).value).toEqual(['a', 'A'])
    expect((await reads.next()).value).toEqual(['b', 'B'])
    await end('d')
    const rest: string[] = []
    for await (const [, read] of reads) rest.push(read)
    expect(rest).toEqual(['C', 'D'])
  })

  test('are not begun any more once nobody wants them, and their failures hurt nobody', async () => {
    const { begun, begin, end, fail } = work()
    const reads = readAhead(['a', 'b', 'c'], 2, begin)
    const first = reads.next()
    await end('a')
    await first
    expect(begun).toEqual(['a', 'b', 'c'])
    await reads.return(undefined)
    await fail('c')
    await fail('b')
    expect(begun).toHaveLength(3)
  })

  test('fail in their turn', async () => {
    const { begin, end, fail } = work()
    const reads = readAhead(['a', 'b'], 2, begin)
    const first = reads.next()
    await fail('b')
    await end('a')
    expect((await first).value).toEqual(['a', 'A'])
    await expect(reads.next()).rejects.toThrow('b')
  })
})

describe('few at a time', () => {
  test('the next one is begun when any has ended, and results are in order', async () => {
    const { begun, begin, end } = work()
    const all = fewAtATime(['a', 'b', 'c', 'd'], 2, begin)
    await end('b')
    await end('c')
    expect(begun).toEqual(['a', 'b', 'c', 'd'])
    await end('d')
    await end('a')
    expect(await all).toEqual(['A', 'B', 'C', 'D'])
  })

  test('after a failure no other is begun', async () => {
    const { begun, begin, end, fail } = work()
    const all = fewAtATime(['a', 'b', 'c', 'd'], 2, begin)
    const failing = expect(all).rejects.toThrow('a')
    await fail('a')
    await end('b')
    await failing
    expect(begun).toEqual(['a', 'b'])
  })
})
