import fc from 'fast-check'
import { expect, test } from 'vitest'
import { InOrder } from '../../../src/gateway/server/in-order.ts'

/** Requests by their number; those of `ahead` run ahead. */
function open() {
  const sent: number[] = []
  const begun: number[] = []
  const dropped: number[] = []
  const settles = new Map<number, () => void>()
  const order = new InOrder<number>(answer => sent.push(answer))
  const add = (number: number, runsAhead: boolean) =>
    order.add(
      runsAhead,
      settle => {
        begun.push(number)
        settles.set(number, () => settle(number))
      },
      () => dropped.push(number),
    )
  return { order, add, sent, begun, dropped, settle: (number: number) => settles.get(number)!() }
}

test('writes run ahead of writes, and everything else waits', () => {
  const { add, sent, begun, settle } = open()
  add(1, true)
  add(2, true)
  add(3, false)
  add(4, true)
  expect(begun).toEqual([1, 2])
  settle(2)
  expect(sent).toEqual([])
  settle(1)
  expect(sent).toEqual([1, 2])
  expect(begun).toEqual([1, 2, 3])
  settle(3)
  expect(begun).toEqual([1, 2, 3, 4])
})

test('whatever settles when, answers go out in order and nothing begins too early', () => {
  fc.assert(
    fc.property(fc.array(fc.boolean(), { maxLength: 12 }), fc.infiniteStream(fc.nat()), (kinds, chances) => {
      const { add, sent, begun, settle } = open()
      const settled = new Set<number>()
      for (const [number, runsAhead] of kinds.entries()) add(number, runsAhead)
      while (settled.size < kinds.length) {
        for (const number of begun) {
          const before = [...Array(number).keys()].filter(other => !sent.includes(other))
          if (!settled.has(number) && !sent.includes(number)) {
            expect(before.every(other => kinds[other] && kinds[number])).toBe(true)
          }
        }
        const ready = begun.filter(number => !settled.has(number))
        const next = ready[chances.next().value % ready.length]!
        settled.add(next)
        settle(next)
      }
      expect(sent).toEqual([...kinds.keys()])
    }),
  )
})

test('what is answered at once makes way at once', () => {
  const sent: number[] = []
  const order = new InOrder<number>(answer => sent.push(answer))
  for (const number of [1, 2, 3]) {
    order.add(
      number !== 2,
      settle => settle(number),
      () => {},
    )
  }
  expect(sent).toEqual([1, 2, 3])
  expect(order.size).toBe(0)
})

test('while it is held, nothing begins; what has begun is answered', () => {
  const { order, add, sent, begun, settle } = open()
  add(1, false)
  order.hold()
  add(2, true)
  settle(1)
  expect([begun, sent]).toEqual([[1], [1]])
  order.letGoOn()
  expect(begun).toEqual([1, 2])
})

test('what has not begun can be dropped', () => {
  const { order, add, sent, dropped, settle } = open()
  add(1, true)
  add(2, true)
  add(3, false)
  add(4, true)
  order.dropWaiting()
  expect(dropped).toEqual([3, 4])
  settle(2)
  settle(1)
  expect(sent).toEqual([1, 2])
  expect(order.size).toBe(0)
})
