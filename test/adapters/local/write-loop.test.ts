import { beforeEach, describe, expect, test } from 'vitest'
import { LoopRounds } from '../../../src/adapters/local/loop-rounds.ts'
import { WriteLoop } from '../../../src/adapters/local/write-loop.ts'

/** What was done, one transaction a line. */
let done: string[]
let changes: string[]
let failing: Error | undefined
/** What whoever waits to begin goes on with. */
let begin: (() => void)[]
let loop: WriteLoop

beforeEach(() => {
  done = []
  changes = []
  failing = undefined
  begin = []
  let isSynced = false
  const steps = {
    begin: async (isToSync: boolean) => {
      isSynced = isToSync
      await new Promise<void>(goOn => begin.push(goOn))
      return undefined
    },
    commit: (apply: () => void) => {
      changes = []
      apply()
      done.push(`${failing ? 'not ' : ''}${changes.join(' ')}${isSynced ? ', synced' : ''}`)
      return failing && Promise.resolve(failing)
    },
  }
  loop = new WriteLoop(steps, new LoopRounds())
})

const change = (name: string) => () => {
  changes.push(name)
  return name
}
const inOrder = (name: string) => loop.write(change(name), 'in order')
const atOnce = (name: string) => loop.write(change(name))
const along = (name: string) =>
  loop.writeAlong({ apply: change(name), done: () => done.push(`${name} is there`) })
/** Once the next transaction is about to begin. */
const goOn = async () => {
  await expect.poll(() => begin.length, { timeout: 10_000 }).toBe(1)
  begin.shift()!()
}
const through = async <T>(asked: Promise<T>): Promise<T> => {
  await goOn()
  return await asked
}

describe('a change', () => {
  test('shares a transaction with those of its turn, which syncs where one lasts at once', async () => {
    expect(await through(Promise.all([inOrder('a'), inOrder('b')]))).toEqual(['a', 'b'])
    await through(Promise.all([inOrder('c'), atOnce('d'), inOrder('e')]))
    await through(inOrder('f'))
    expect(done).toEqual(['a b', 'c d e, synced', 'f'])
  })

  test('that comes while another waits to begin comes along, as far as that one does for it', async () => {
    const first = inOrder('first')
    await expect.poll(() => begin.length, { timeout: 10_000 }).toBe(1)
    const late = [inOrder('second'), atOnce('third'), inOrder('fourth')]
    await through(first)
    await through(Promise.all(late))
    expect(done).toEqual(['first second', 'third fourth, synced'])
  })

  test('is refused where its transaction is, and no other is', async () => {
    failing = new Error('EIO')
    await expect(through(atOnce('first'))).rejects.toThrow('EIO')
    failing = undefined
    expect(await through(atOnce('second'))).toBe('second')
  })

  test('that cannot be made fails alone', async () => {
    const failed = loop.write(() => {
      throw new Error('it is not so')
    }, 'in order')
    const other = inOrder('other')
    const told = expect(failed).rejects.toThrow('it is not so')
    expect(await through(other)).toBe('other')
    await told
  })
})

describe('a change that comes along', () => {
  test('is made before the next, in one step with it', async () => {
    along('a')
    along('b')
    await through(atOnce('first'))
    expect(done).toEqual(['a b first, synced', 'a is there', 'b is there'])
    await through(inOrder('second'))
    expect(done.at(-1)).toBe('second')
  })

  test('is made by itself where nobody asks for another', async () => {
    along('a')
    await goOn()
    await expect.poll(() => done, { timeout: 10_000 }).toEqual(['a', 'a is there'])
    await loop.close()
  })

  test('is part of each transaction until one is committed', async () => {
    along('a')
    failing = new Error('full')
    for (let times = 0; times < 2; times += 1) await expect(through(inOrder('first'))).rejects.toThrow('full')
    along('b')
    failing = undefined
    await through(inOrder('second'))
    expect(done.slice(0, 2)).toEqual(['not a first', 'not a first'])
    expect(done.slice(2)).toEqual(['a b second', 'a is there', 'b is there'])
  })
})
