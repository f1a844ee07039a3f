import { beforeEach, describe, expect, test } from 'vitest'
import { LoopRounds } from '../../../src/adapters/local/loop-rounds.ts'
import { WriteLoop } from '../../../src/adapters/local/write-loop.ts'

/** What was done, one transaction or sync a line. */
let done: string[]
let changes: string[]
let failing: Error | undefined
let syncs: ((failure?: Error) => void)[]
let loop: WriteLoop

beforeEach(() => {
  done = []
  changes = []
  failing = undefined
  syncs = []
  const steps = {
    begin: async () => undefined,
    commit: (apply: () => void) => {
      changes = []
      apply()
      done.push(`${failing ? 'not ' : ''}${changes.join(' ')}`)
      return failing && Promise.resolve(failing)
    },
    sync: () => new Promise<unknown>(resolve => syncs.push(failure => resolve(failure))),
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
/** Once the sync under way is over. */
const sync = async (failure?: Error) => {
  await expect.poll(() => syncs.length).toBe(1)
  syncs.shift()!(failure)
}

describe('a change', () => {
  test('that lasts at once is answered when it is synced; one in order is not waited for', async () => {
    let isAnswered = false
    const first = atOnce('first').then(() => {
      isAnswered = true
    })
    expect(await inOrder('second')).toBe('second')
    expect(done).toEqual(['first second'])
    const late = [atOnce('third'), atOnce('fourth')]
    // While one is synced, those that wait for no sync go on.
    expect(await inOrder('fifth')).toBe('fifth')
    expect([done, isAnswered]).toEqual([['first second', 'fifth'], false])
    await sync()
    await first
    await expect.poll(() => done.length).toBe(3)
    await sync()
    expect(await Promise.all(late)).toEqual(['third', 'fourth'])
    expect(done).toEqual(['first second', 'fifth', 'third fourth'])
    await loop.idle()
    expect(loop.synced).toBe(undefined)
  })

  test('is refused where its sync fails, and no other is', async () => {
    const first = expect(atOnce('first')).rejects.toThrow('EIO')
    await inOrder('second')
    const third = atOnce('third')
    await sync(new Error('EIO'))
    await first
    await sync()
    expect(await third).toBe('third')
  })

  test('that cannot be made fails alone', async () => {
    const failed = expect(
      loop.write(() => {
        throw new Error('it is not so')
      }, 'in order'),
    ).rejects.toThrow('it is not so')
    expect(await inOrder('other')).toBe('other')
    await failed
  })
})

describe('a change that comes along', () => {
  test('is made before the next, in one step with it', async () => {
    along('a')
    along('b')
    await inOrder('first')
    expect(done).toEqual(['a b first', 'a is there', 'b is there'])
    await inOrder('second')
    expect(done.at(-1)).toBe('second')
  })

  test('is made by itself where nobody asks for another', async () => {
    along('a')
    await expect.poll(() => done).toEqual(['a', 'a is there'])
    await loop.idle()
  })

  test('is part of each transaction until one is committed', async () => {
    along('a')
    failing = new Error('full')
    for (let times = 0; times < 2; times += 1) await expect(atOnce('first')).rejects.toThrow('full')
    along('b')
    failing = undefined
    await inOrder('second')
    expect(done.slice(0, 2)).toEqual(['not a first', 'not a first'])
    expect(done.slice(2)).toEqual(['a b second', 'a is there', 'b is there'])
  })
})
