import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { POLL_TOLD_MS, SLOW_LOOK_MS, SLOW_LOOK_MS_MAX, WAKE_PAUSE_MS } from '../../../src/core/limits.ts'
import { Vigil } from '../../../src/core/waking/vigil.ts'
import { type Faults, listenThrough } from './listening-world.ts'

/** One that has been armed, and looked at, at 0. */
function armedVigil(places: readonly string[] = ['p']): Vigil<string> {
  const vigil = new Vigil<string>(0)
  vigil.open()
  for (const place of places) {
    vigil.asked(place, 'arm', 0)
    vigil.answered(place, { armed: 'yes', hasNews: false }, 0)
  }
  return vigil
}

describe('what a partition is asked for', () => {
  test('without a socket it is polled', () => {
    const vigil = new Vigil<string>(0)
    expect(vigil.askFor('p', false, 0)).toBe('poll')
    vigil.open()
    expect(vigil.askFor('p', false, 0)).toBe('arm')
    vigil.close()
    expect(vigil.askFor('p', false, 0)).toBe('poll')
  })

  test('once it is armed, nothing until it is woken, and then at once', () => {
    const vigil = armedVigil()
    expect(vigil.askFor('p', false, SLOW_LOOK_MS - 1)).toBe(undefined)
    expect(vigil.dueMs(['p'])).toBe(SLOW_LOOK_MS)
    expect(vigil.woken('p')).toBe(true)
    expect(vigil.askFor('p', false, 5_000)).toBe('arm')
  })

  test('woken again within a second, it is looked at when that is over', () => {
    const vigil = armedVigil()
    vigil.woken('p')
    expect(vigil.askFor('p', false, 300)).toBe('arm')
    vigil.asked('p', 'arm', 300)
    vigil.answered('p', { armed: 'yes', hasNews: true }, 320)
    vigil.woken('p')
    expect(vigil.askFor('p', false, 400)).toBe(undefined)
    expect(vigil.dueMs(['p'])).toBe(300 + WAKE_PAUSE_MS)
    expect(vigil.askFor('p', false, 300 + WAKE_PAUSE_MS)).toBe('arm')
  })

  test('woken for nothing, it is looked at at once when something comes', () => {
    const vigil = armedVigil()
    vigil.woken('p')
    vigil.asked('p', 'arm', 300)
    vigil.answered('p', { armed: 'yes', hasNews: false }, 320)
    vigil.woken('p')
    expect(vigil.askFor('p', false, 400)).toBe('arm')
  })

  test('one second after the last look that brought something, it is looked at at once, whatever it was woken for meanwhile', () => {
    const vigil = armedVigil()
    vigil.woken('p')
    vigil.asked('p', 'arm', 0)
    vigil.answered('p', { armed: 'yes', hasNews: true }, 20)
    vigil.woken('p')
    expect(vigil.askFor('p', false, WAKE_PAUSE_MS)).toBe('arm')
    vigil.asked('p', 'arm', WAKE_PAUSE_MS)
    vigil.answered('p', { armed: 'yes', hasNews: false }, WAKE_PAUSE_MS + 20)
    vigil.woken('p')
    expect(vigil.askFor('p', false, WAKE_PAUSE_MS + 100)).toBe('arm')
  })

  test('woken for nothing all the time, it takes no more than a few requests a second', () => {
    const vigil = armedVigil()
    let requests = 0
    for (let nowMs = 0; nowMs < 60_000; nowMs += 10) {
      vigil.woken('p')
      if (vigil.askFor('p', false, nowMs) === undefined) continue
      requests += 1
      vigil.asked('p', 'arm', nowMs)
      vigil.answered('p', { armed: 'yes', hasNews: false }, nowMs + 5)
    }
    expect(requests).toBeLessThanOrEqual(3 * 61)
  })

  test('what is known to be there is read on, armed or not', () => {
    const vigil = armedVigil()
    expect(vigil.askFor('p', true, 10)).toBe('read')
    vigil.asked('p', 'read', 10)
    vigil.answered('p', { armed: 'yes', hasNews: true }, 20)
    expect(vigil.askFor('p', false, 20)).toBe(undefined)
  })

  test('one that was woken while it was being armed is not armed any more', () => {
    const vigil = new Vigil<string>(0)
    vigil.open()
    vigil.asked('p', 'arm', 0)
    vigil.woken('p')
    vigil.answered('p', { armed: 'yes', hasNews: true }, 50)
    expect(vigil.askFor('p', false, WAKE_PAUSE_MS)).toBe('arm')
  })

  test('after long silence it is looked at, and not armed anew unless there was something', () => {
    const vigil = armedVigil()
    expect(vigil.askFor('p', false, SLOW_LOOK_MS)).toBe('look')
    vigil.asked('p', 'look', SLOW_LOOK_MS)
    vigil.answered('p', { armed: 'poll', hasNews: false }, SLOW_LOOK_MS)
    expect(vigil.askFor('p', false, SLOW_LOOK_MS + 10)).toBe(undefined)
    vigil.asked('p', 'look', 2 * SLOW_LOOK_MS)
    vigil.answered('p', { armed: 'poll', hasNews: true }, 2 * SLOW_LOOK_MS)
    expect(vigil.askFor('p', false, 2 * SLOW_LOOK_MS)).toBe('arm')
  })

  test('with the first that is due, all are looked at that would be soon', () => {
    const vigil = armedVigil(['a', 'b', 'c'])
    vigil.asked('b', 'look', 10_000)
    vigil.asked('c', 'look', SLOW_LOOK_MS - 10_000)
    const asks = ['a', 'b', 'c'].map(place => vigil.askFor(place, false, SLOW_LOOK_MS))
    expect(asks).toEqual(['look', 'look', undefined])
  })

  test('a thousand are looked at less often', () => {
    const places = Array.from({ length: 1_000 }, (_, index) => `p${index}`)
    expect(armedVigil(places).dueMs(places)).toBe(SLOW_LOOK_MS_MAX)
    expect(armedVigil(places.slice(0, 100)).dueMs(places.slice(0, 100))).toBe(SLOW_LOOK_MS)
  })

  test('where too many listen it is polled for a while', () => {
    const vigil = new Vigil<string>(0)
    vigil.open()
    vigil.asked('p', 'arm', 0)
    vigil.answered('p', { armed: 'poll', hasNews: false }, 100)
    expect(vigil.askFor('p', false, POLL_TOLD_MS)).toBe('poll')
    expect(vigil.askFor('p', false, 100 + POLL_TOLD_MS)).toBe('arm')
    vigil.told('p', 500, POLL_TOLD_MS)
    expect(vigil.askFor('p', false, POLL_TOLD_MS + 499)).toBe('poll')
  })

  test('after a failure, and with another socket, it is armed anew', () => {
    const vigil = armedVigil()
    vigil.asked('p', 'look', 10)
    vigil.failed('p')
    expect(vigil.askFor('p', false, 11)).toBe('arm')
    const other = armedVigil()
    other.open()
    expect(other.askFor('p', false, 1)).toBe('arm')
  })

  test('who is not read is not woken', () => {
    const vigil = armedVigil()
    vigil.forget('p')
    expect([vigil.woken('p'), vigil.woken('q')]).toEqual([false, false])
  })
})

const CALM: Faults = { lost: 0, doubled: 0, lateMsMax: 200, cuts: 0, failing: 0 }
const WORLD = fc.record({
  partitions: fc.integer({ min: 1, max: 14 }),
  appends: fc.array(fc.record({ afterMs: fc.nat({ max: 90_000 }), partition: fc.nat({ max: 13 }) }), {
    minLength: 1,
    maxLength: 60,
  }),
  seed: fc.nat(),
})

describe('in a world of its own, in virtual time', () => {
  test('without faults every record is there as soon as its wake-up is, or a second after the one before', () => {
    fc.assert(
      fc.property(WORLD, world => {
        const { latenciesMs } = listenThrough({ ...world, faults: CALM })
        expect(Math.max(...latenciesMs)).toBeLessThanOrEqual(WAKE_PAUSE_MS + 1_000)
      }),
      { numRuns: 200 },
    )
  })

  test('wake-ups lost, doubled and late, requests that fail, sockets cut: no record is missed, and none is later than a slow look', () => {
    const faults = fc.record({
      lost: fc.constantFrom(0, 0.1, 0.5, 1),
      doubled: fc.constantFrom(0, 0.3),
      lateMsMax: fc.constantFrom(100, 5_000, 200_000),
      cuts: fc.constantFrom(0, 0.02, 0.2),
      failing: fc.constantFrom(0, 0.1),
    })
    fc.assert(
      fc.property(WORLD, faults, (world, chosen) => {
        const { latenciesMs } = listenThrough({ ...world, faults: chosen })
        expect(latenciesMs).toHaveLength(world.appends.length)
        expect(Math.max(...latenciesMs)).toBeLessThanOrEqual(SLOW_LOOK_MS + WAKE_PAUSE_MS + 15_000)
      }),
      { numRuns: 400 },
    )
  })

  test('while nothing comes, there is a slow look now and then, and nothing else', () => {
    const appends = [{ afterMs: 3_600_000, partition: 0 }]
    const { asks } = listenThrough({ partitions: 12, appends, seed: 1, faults: CALM })
    const looks = asks.filter(({ kinds }) => kinds.has('look'))
    expect(looks.length).toBeLessThanOrEqual(Math.ceil(3_600_000 / (SLOW_LOOK_MS * 0.9)))
    expect(asks.length - looks.length).toBeLessThanOrEqual(4)
    expect(new Set(looks.map(({ places }) => places))).toEqual(new Set([12]))
  })

  test('a partition that changes all the time takes a request a second', () => {
    const appends = Array.from({ length: 600 }, () => ({ afterMs: 100, partition: 0 }))
    const { asks, endMs } = listenThrough({ partitions: 1, appends, seed: 1, faults: CALM })
    // Until there is a socket, it polls.
    const woken = asks.filter(({ kinds }) => !kinds.has('poll'))
    expect(woken.length).toBeLessThanOrEqual(endMs / WAKE_PAUSE_MS + 2)
  })
})
