import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  ARMING_WAKES_MAX,
  LISTENERS_PER_PARTITION_MAX,
  POLL_TOLD_MS,
  WAKE_PAUSE_MS,
} from '../../src/core/limits.ts'
import { toOffset } from '../../src/core/numbers.ts'
import type { ListenerStore } from '../../src/ports/listener-store.ts'
import { freshId, freshPartition } from './samples.ts'

export interface OpenedListenerStore {
  readonly listeners: ListenerStore
  close(): Promise<void>
}

const NOW_MS = 1_780_000_000_000
const TIMES = { nowMs: NOW_MS, expiresMs: NOW_MS + 7_200_000 }

/** What every ListenerStore promises. The store is opened once, with no key of tickets in it. */
export function describeListenerStore(name: string, open: () => Promise<OpenedListenerStore>): void {
  describe(`${name} as a listener store`, () => {
    let opened: OpenedListenerStore
    let listeners: ListenerStore

    beforeAll(async () => {
      opened = await open()
      listeners = opened.listeners
    })
    afterAll(async () => {
      await opened.close()
    })

    // As API Gateway makes them.
    const freshSocket = () => `${freshId().slice(0, 15)}=`
    const taken = (sockets: readonly string[]) => ({ sockets: sockets.toSorted(), isCrowded: false })

    test('nobody is armed where nobody was', async () => {
      expect(await listeners.take(freshPartition(), NOW_MS)).toEqual(taken([]))
    })

    test('each arming is taken once, and at its own partition', async () => {
      const [first, second] = [freshPartition(1), freshPartition(2)]
      const [one, other] = [freshSocket(), freshSocket()]
      expect(await listeners.arm(one, [first, second], TIMES)).toEqual([])
      expect(await listeners.arm(other, [first], TIMES)).toEqual([])
      const { sockets, isCrowded } = await listeners.take(first, NOW_MS)
      expect([sockets.toSorted(), isCrowded]).toEqual([[one, other].toSorted(), false])
      expect(await listeners.take(first, NOW_MS)).toEqual(taken([]))
      expect(await listeners.take(second, NOW_MS)).toEqual(taken([one]))
    })

    test('who is armed twice is taken once, and who is armed again is taken again', async () => {
      const partition = freshPartition()
      const socket = freshSocket()
      for (let round = 0; round < 2; round += 1) {
        await listeners.arm(socket, [partition], TIMES)
        await listeners.arm(socket, [partition], { ...TIMES, nowMs: NOW_MS + 1 })
        expect(await listeners.take(partition, NOW_MS)).toEqual(taken([socket]))
        expect(await listeners.take(partition, NOW_MS)).toEqual(taken([]))
      }
    })

    test('whoever knows the log as far as it is stays armed; others, and who did not say, are taken', async () => {
      const partition = freshPartition()
      const [below, at, beyond, unsaid] = Array.from({ length: 4 }, freshSocket) as [
        string,
        string,
        string,
        string,
      ]
      for (const [socket, from] of [
        [below, 16],
        [at, 17],
        [beyond, 18],
      ] as const)
        await listeners.arm(socket, [{ ...partition, from: toOffset(from) }], TIMES)
      await listeners.arm(unsaid, [partition], TIMES)
      const takeAt = async (end?: number) => {
        const found = await listeners.take(partition, NOW_MS, async () =>
          end === undefined ? undefined : toOffset(end),
        )
        return [found.sockets.toSorted(), found.endOffset]
      }
      expect(await takeAt(17)).toEqual([[below, unsaid].toSorted(), 17])
      expect(await takeAt(17)).toEqual([[], 17])
      expect(await takeAt(18)).toEqual([[at], 18])
      // Where nobody knows how far it is, all are.
      expect(await takeAt()).toEqual([[beyond], undefined])
    })

    test('how far a log is, is not asked where nobody is armed', async () => {
      let asked = 0
      const end = async () => {
        asked += 1
        return toOffset(1)
      }
      const partition = freshPartition()
      await listeners.take(partition, NOW_MS, end)
      expect(asked).toBe(0)
      await listeners.arm(freshSocket(), [partition], TIMES)
      await listeners.take(partition, NOW_MS, end)
      expect(asked).toBe(1)
    })

    test('who has armed from the end since it was looked up who is armed stays so', async () => {
      const partition = freshPartition()
      const [again, other] = [freshSocket(), freshSocket()]
      for (const socket of [again, other])
        await listeners.arm(socket, [{ ...partition, from: toOffset(0) }], TIMES)
      const end = async () => {
        await listeners.arm(again, [{ ...partition, from: toOffset(1) }], TIMES)
        return toOffset(1)
      }
      expect((await listeners.take(partition, NOW_MS, end)).sockets).toEqual([other])
      expect((await listeners.take(partition, NOW_MS, async () => toOffset(2))).sockets).toEqual([again])
    })

    /** Each look at a partition that ends there, so long after the arming. */
    const takeAt = (partition: ReturnType<typeof freshPartition>, end: number, afterMs: number) =>
      listeners.take(partition, NOW_MS + afterMs, async () => toOffset(end))
    const stayingOf = ({ staying }: { staying?: ReadonlyMap<string, number> | undefined }) => [
      ...(staying ?? []),
    ]

    test('who was armed or woken a while ago stays armed, from the end that is told; who was just now does not', async () => {
      const partition = freshPartition()
      const socket = freshSocket()
      await listeners.arm(socket, [{ ...partition, from: toOffset(5) }], TIMES)
      const first = await takeAt(partition, 6, WAKE_PAUSE_MS)
      expect([first.sockets, stayingOf(first)]).toEqual([[socket], [[socket, 5]]])
      // What is delivered twice, and what brings no record, wakes nobody.
      expect((await takeAt(partition, 6, 2 * WAKE_PAUSE_MS)).sockets).toEqual([])
      const second = await takeAt(partition, 9, 3 * WAKE_PAUSE_MS)
      expect([second.sockets, stayingOf(second)]).toEqual([[socket], [[socket, 6]]])
      const soon = await takeAt(partition, 10, 4 * WAKE_PAUSE_MS - 1)
      expect([soon.sockets, stayingOf(soon)]).toEqual([[socket], []])
      expect((await takeAt(partition, 11, 9 * WAKE_PAUSE_MS)).sockets).toEqual([])
    })

    test('who did not say how far he knows the log, and where that is not known, is armed no more', async () => {
      const partition = freshPartition()
      const [unsaid, said] = [freshSocket(), freshSocket()]
      await listeners.arm(unsaid, [partition], TIMES)
      expect(stayingOf(await takeAt(partition, 6, WAKE_PAUSE_MS))).toEqual([])
      await listeners.arm(said, [{ ...partition, from: toOffset(0) }], TIMES)
      const unknown = await listeners.take(partition, NOW_MS + WAKE_PAUSE_MS, async () => undefined)
      expect([unknown.sockets, stayingOf(unknown)]).toEqual([[said], []])
    })

    test('an arming is good for so many wake-ups, and then is over', async () => {
      const partition = freshPartition()
      const socket = freshSocket()
      await listeners.arm(socket, [{ ...partition, from: toOffset(0) }], TIMES)
      const stayed: boolean[] = []
      for (let wake = 1; wake <= ARMING_WAKES_MAX + 1; wake += 1) {
        const { sockets, staying } = await takeAt(partition, wake, wake * WAKE_PAUSE_MS)
        if (sockets.length > 0) stayed.push(staying?.has(socket) === true)
      }
      expect(stayed).toEqual([...Array(ARMING_WAKES_MAX - 1).fill(true), false])
    })

    test('who arms anew begins anew, and whose socket is gone is armed no more', async () => {
      const [partition, other] = [freshPartition(1), freshPartition(2)]
      const [gone, there] = [freshSocket(), freshSocket()]
      const armed = [partition, other].map(each => ({ ...each, from: toOffset(0) }))
      for (const socket of [gone, there]) await listeners.arm(socket, armed, TIMES)
      const late = WAKE_PAUSE_MS
      expect(stayingOf(await takeAt(partition, 1, late))).toHaveLength(2)
      const again = { ...TIMES, nowMs: NOW_MS + late }
      await listeners.arm(there, [{ ...partition, from: toOffset(1) }], again)
      await listeners.disarm(gone, [partition])
      const { sockets, staying } = await takeAt(partition, 2, 2 * late - 1)
      expect([sockets, staying]).toEqual([[there], undefined])
      expect((await takeAt(other, 1, late)).sockets.toSorted()).toEqual([gone, there].toSorted())
    })

    test('each end is told to one of several who take at the same time', async () => {
      const partition = freshPartition()
      const sockets = Array.from({ length: 20 }, freshSocket)
      await Promise.all(
        sockets.map(socket => listeners.arm(socket, [{ ...partition, from: toOffset(0) }], TIMES)),
      )
      for (const end of [1, 2]) {
        const given = await Promise.all(
          Array.from({ length: 4 }, () => takeAt(partition, end, end * WAKE_PAUSE_MS)),
        )
        expect(given.flatMap(each => each.sockets).toSorted()).toEqual(sockets.toSorted())
        expect(given.flatMap(stayingOf).length).toBe(sockets.length)
      }
    })

    test('where too many know the log as far as it is, none of them is told to poll', async () => {
      const partition = { ...freshPartition(), from: toOffset(5) }
      const sockets = Array.from({ length: LISTENERS_PER_PARTITION_MAX + 1 }, freshSocket)
      await Promise.all(sockets.map(socket => listeners.arm(socket, [partition], TIMES)))
      expect(await listeners.take(partition, NOW_MS, async () => toOffset(5))).toMatchObject(taken([]))
      const { isCrowded, sockets: told } = await listeners.take(partition, NOW_MS, async () => toOffset(6))
      expect([isCrowded, told.length]).toEqual([true, sockets.length])
    })

    test('each arming is given to one of several who take at the same time', async () => {
      const partition = freshPartition()
      const sockets = Array.from({ length: 30 }, freshSocket)
      await Promise.all(sockets.map(socket => listeners.arm(socket, [partition], TIMES)))
      const given = await Promise.all(Array.from({ length: 5 }, () => listeners.take(partition, NOW_MS)))
      expect(given.flatMap(each => each.sockets).toSorted()).toEqual(sockets.toSorted())
    })

    test('who arms while others take is given to one of them, or to the next', async () => {
      const partition = freshPartition()
      const sockets = Array.from({ length: 40 }, freshSocket)
      const given: string[] = []
      let isArming = true
      const takeOn = async () => {
        while (isArming) given.push(...(await listeners.take(partition, NOW_MS)).sockets)
      }
      const taking = [takeOn(), takeOn()]
      for (const socket of sockets) await listeners.arm(socket, [partition], TIMES)
      isArming = false
      await Promise.all(taking)
      given.push(...(await listeners.take(partition, NOW_MS)).sockets)
      expect(given.toSorted()).toEqual(sockets.toSorted())
    })

    test('whose time is over is not taken, whether the store has dropped him or not', async () => {
      const partition = freshPartition()
      const [gone, there] = [freshSocket(), freshSocket()]
      await listeners.arm(gone, [partition], { nowMs: NOW_MS, expiresMs: NOW_MS + 1_000 })
      await listeners.arm(there, [partition], TIMES)
      expect(await listeners.take(partition, NOW_MS + 2_000)).toEqual(taken([there]))
    })

    test('as many as there may be are taken; one more, and all are too many, for a while', async () => {
      const partition = freshPartition()
      const sockets = Array.from({ length: LISTENERS_PER_PARTITION_MAX + 1 }, freshSocket)
      const armAll = async (some: readonly string[], times = TIMES) =>
        (await Promise.all(some.map(socket => listeners.arm(socket, [partition], times)))).flat()
      expect(await armAll(sockets.slice(1))).toEqual([])
      const enough = await listeners.take(partition, NOW_MS)
      expect([enough.sockets.length, enough.isCrowded]).toEqual([LISTENERS_PER_PARTITION_MAX, false])

      expect(await armAll(sockets)).toEqual([])
      const { sockets: told, isCrowded } = await listeners.take(partition, NOW_MS)
      expect([told.toSorted(), isCrowded]).toEqual([sockets.toSorted(), true])
      const [socket] = sockets as [string]
      const other = freshPartition()
      expect(await listeners.arm(socket, [partition, other], TIMES)).toEqual([partition])
      expect(await listeners.take(partition, NOW_MS)).toEqual(taken([]))
      expect(await listeners.take(other, NOW_MS)).toEqual(taken([socket]))

      const laterMs = NOW_MS + POLL_TOLD_MS + 1_000
      expect(await listeners.arm(socket, [partition], { ...TIMES, nowMs: laterMs })).toEqual([])
      expect(await listeners.take(partition, laterMs)).toEqual(taken([socket]))
    })

    test('all who ask for the key at the same time get the same, and so does everyone after', async () => {
      expect(await listeners.readKey()).toBe(undefined)
      const made = await Promise.all(
        Array.from({ length: 10 }, () => listeners.key(() => Uint8Array.from(randomBytes(32)))),
      )
      const [key] = made as [Uint8Array]
      expect(key).toHaveLength(32)
      for (const each of made) expect(Buffer.from(each).equals(key)).toBe(true)
      const again = await listeners.key(() => {
        throw new Error('there is one')
      })
      expect(Buffer.from(again).equals(key)).toBe(true)
      expect(Buffer.from((await listeners.readKey())!).equals(key)).toBe(true)
    })
  })
}
