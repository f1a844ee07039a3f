import { describe, expect, test } from 'vitest'
import { VirtualClock } from '../../../src/adapters/memory/virtual-clock.ts'

async function run<T>(clock: VirtualClock, promise: Promise<T>): Promise<T> {
  let isDone = false
  void promise.then(() => {
    isDone = true
  })
  await clock.runUntil(() => isDone)
  return await promise
}

describe('virtual time', () => {
  test('passes only when it is let', async () => {
    const clock = new VirtualClock(1_000)
    const woken = clock.sleep(500).then(() => clock.nowMs())
    await new Promise(resolve => setImmediate(resolve))
    expect(clock.nowMs()).toBe(1_000)
    expect(await run(clock, woken)).toBe(1_500)
    expect(clock.nowMs()).toBe(1_500)
  })

  test('wakes sleepers in the order of their time, those of one moment in the order in which they lay down', async () => {
    const clock = new VirtualClock(0)
    const woken: string[] = []
    const sleeps = [
      ['c', 30],
      ['a1', 10],
      ['b', 20],
      ['a2', 10],
      ['now', 0],
      ['before', -5],
    ] as const
    await run(clock, Promise.all(sleeps.map(([name, ms]) => clock.sleep(ms).then(() => woken.push(name)))))
    expect(woken).toEqual(['now', 'before', 'a1', 'a2', 'b', 'c'])
  })

  test('lets what a sleeper sets off come to rest before the next one wakes', async () => {
    const clock = new VirtualClock(0)
    const seen: string[] = []
    const first = clock.sleep(10).then(async () => {
      for (let step = 0; step < 50; step += 1) await Promise.resolve()
      seen.push('first is done')
    })
    const second = clock.sleep(10).then(() => {
      seen.push('second')
    })
    await run(clock, Promise.all([first, second]))
    expect(seen).toEqual(['first is done', 'second'])
  })

  test('wakes whose signal aborts, at once and once', async () => {
    const clock = new VirtualClock(0)
    const controller = new AbortController()
    const sleeping = clock.sleep(1_000, controller.signal)
    void clock.sleep(10).then(() => controller.abort())
    await run(clock, sleeping)
    expect(clock.nowMs()).toBe(10)
    await clock.sleep(1_000, controller.signal)
    expect(clock.nowMs()).toBe(10)
  })

  test('says so where nothing is left that could happen', async () => {
    await expect(new VirtualClock(0).runUntil(() => false)).rejects.toThrow('nothing is left')
  })

  test('gives a turn in which all that is ready runs, without time passing', async () => {
    const clock = new VirtualClock(5)
    await run(clock, clock.turn())
    expect(clock.nowMs()).toBe(5)
  })
})
