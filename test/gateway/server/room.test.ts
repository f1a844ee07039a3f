import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Place, Room } from '../../../src/gateway/server/room.ts'

const LIMITS = { bytesMax: 100, smallBytesMax: 10, smallOnlyBytes: 20 }

test('large ones leave room for small ones, and wait in their order', async () => {
  const room = new Room(LIMITS)
  const first = room.tryEnter(80)!
  expect(room.tryEnter(11)).toBe(undefined)
  const small = room.tryEnter(10)!
  const entered: string[] = []
  room.wait(60, () => entered.push('60'))
  room.wait(15, () => entered.push('15'))
  expect(room.isPressed).toBe(true)
  small.leave()
  await Promise.resolve()
  expect(entered).toEqual([])
  first.leave()
  expect(entered).toEqual(['60', '15'])
  expect(room.bytes).toBe(75)
})

test('one that is larger than the room is let in alone', async () => {
  const room = new Room(LIMITS)
  const other = room.tryEnter(30)!
  expect(room.tryEnter(1_000)).toBe(undefined)
  let isIn = false
  const place = room.wait(1_000, () => {
    isIn = true
  })
  // Nobody slips past it for ever.
  expect(room.tryEnter(30)).toBe(undefined)
  other.leave()
  expect(isIn).toBe(true)
  // A small one need not wait until it is gone.
  expect(room.tryEnter(5)?.leave()).toBe(undefined)
  place.leave()
  expect(room.bytes).toBe(0)
})

test('who gives up lets those behind him in', async () => {
  const room = new Room(LIMITS)
  room.tryEnter(50)
  const entered: string[] = []
  const first = room.wait(60, () => entered.push('60'))
  room.wait(20, () => entered.push('20'))
  await Promise.resolve()
  expect(entered).toEqual([])
  first.leave()
  expect(entered).toEqual(['20'])
})

test('however it is used, it is empty in the end, and nobody waits for ever', async () => {
  const steps = fc.array(fc.record({ bytes: fc.integer({ min: 1, max: 150 }), leaves: fc.nat(5) }), {
    maxLength: 40,
  })
  await fc.assert(
    fc.asyncProperty(steps, async all => {
      const room = new Room(LIMITS)
      const inside: Place[] = []
      let waiting = 0
      for (const { bytes, leaves } of all) {
        const place = room.tryEnter(bytes)
        if (place) inside.push(place)
        else {
          waiting += 1
          const later: Place = room.wait(bytes, () => {
            waiting -= 1
            inside.push(later)
          })
        }
        await Promise.resolve()
        for (const left of inside.splice(0, leaves)) {
          left.leave()
          left.leave()
        }
      }
      while (inside.length > 0) inside.shift()!.leave()
      expect([waiting, room.bytes, room.isPressed]).toEqual([0, 0, false])
    }),
  )
})
