import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { decideMove, type Lane, newLane } from '../../src/core/outbox/lane.ts'
import type { OutboxItem } from '../../src/core/outbox/outbox-item.ts'
import { partitionKey } from '../../src/core/topic/partition-id.ts'
import type { OutboxStore } from '../../src/ports/outbox-store.ts'
import { freshId, freshPartition } from './samples.ts'

export interface OpenedOutboxStore {
  readonly outboxes: OutboxStore
  close(): Promise<void>
}

const PARKING = { error: 'MESSAGE_TOO_LARGE', reason: 'too large' } as const
const PARKED_MS = 1_780_000_000_001

/** What every OutboxStore promises. */
export function describeOutboxStore(name: string, open: () => Promise<OpenedOutboxStore>): void {
  describe(`${name} as an outbox store`, () => {
    let opened: OpenedOutboxStore
    let outboxes: OutboxStore

    beforeAll(async () => {
      opened = await open()
      outboxes = opened.outboxes
    })
    afterAll(() => opened.close())

    const itemOf = (key: string, bytes = 3): OutboxItem => ({
      key,
      topic: 'orders',
      batch: new Uint8Array(bytes).fill(7),
      createdMs: 1_780_000_000_000,
    })
    const plain = (items: readonly OutboxItem[]) => items.map(({ key }) => key)

    test('items of one partition come in the order of their keys, and as they were put', async () => {
      const [partition, other] = [freshPartition(1), freshPartition(2)]
      for (const key of ['b', 'a', 'c']) await outboxes.put([{ partition, item: itemOf(key) }])
      await outboxes.put([{ partition: other, item: itemOf('x') }])
      const found = await outboxes.waiting(partition, 10, 1_000)
      expect(plain(found)).toEqual(['a', 'b', 'c'])
      expect({ ...found[0], batch: [...found[0]!.batch] }).toEqual({ ...itemOf('a'), batch: [7, 7, 7] })
      expect(plain(await outboxes.waiting(other, 10, 1_000))).toEqual(['x'])
    })

    test('a look gives no more than it may, but one item in any case', async () => {
      const partition = freshPartition()
      for (let number = 0; number < 45; number += 1)
        await outboxes.put([{ partition, item: itemOf(String(number).padStart(2, '0'), 10) }])
      expect(await outboxes.waiting(partition, 100, 1_000)).toHaveLength(45)
      expect(await outboxes.waiting(partition, 7, 1_000)).toHaveLength(7)
      expect(await outboxes.waiting(partition, 100, 25)).toHaveLength(2)
      expect(await outboxes.waiting(partition, 100, 1)).toHaveLength(1)
      expect(await outboxes.waiting(freshPartition(), 100, 1)).toEqual([])
    })

    test('several items are put together, or none of them', async () => {
      const [one, other] = [freshPartition(1), freshPartition(2)]
      const placed = [
        { partition: one, item: itemOf('a') },
        { partition: other, item: itemOf('b') },
      ]
      expect(await outboxes.put(placed)).toBe(true)
      expect(await outboxes.put([{ partition: one, item: itemOf('new') }, placed[1]!])).toBe(false)
      expect(plain(await outboxes.waiting(one, 10, 1_000))).toEqual(['a'])
      const broken = outboxes.put([{ partition: one, item: itemOf('c') }], () => {
        throw new RangeError('cancelled')
      })
      await expect(broken).rejects.toThrow('cancelled')
      expect(plain(await outboxes.waiting(one, 10, 1_000))).toEqual(['a'])
    })

    test('those that are there are found, and those that are removed are not', async () => {
      const partition = freshPartition()
      const keys = Array.from({ length: 60 }, (_, number) => `k${String(number).padStart(2, '0')}`)
      for (const key of keys) await outboxes.put([{ partition, item: itemOf(key) }])
      expect(plain(await outboxes.find(partition, ['k01', 'none', 'k59']))).toEqual(['k01', 'k59'])
      await outboxes.remove(partition, ['k00', 'none'])
      await outboxes.remove(partition, keys.slice(1, 56))
      await outboxes.remove(partition, keys.slice(1, 56))
      await outboxes.remove(partition, ['k56'])
      expect(plain(await outboxes.waiting(partition, 100, 10_000))).toEqual(['k57', 'k58', 'k59'])
    })

    test('an item that is put aside is there and nowhere else, once', async () => {
      const partition = freshPartition()
      for (const key of ['a', 'b']) await outboxes.put([{ partition, item: itemOf(key) }])
      await outboxes.park(partition, itemOf('a'), PARKING, PARKED_MS)
      await outboxes.park(partition, itemOf('a'), { ...PARKING, reason: 'another' }, PARKED_MS + 1)
      await outboxes.park(partition, itemOf('none'), PARKING, PARKED_MS)
      expect(plain(await outboxes.waiting(partition, 10, 1_000))).toEqual(['b'])
      const parked = []
      for await (const each of outboxes.parked(partition)) parked.push({ ...each, batch: [...each.batch] })
      expect(parked).toEqual([{ ...itemOf('a'), ...PARKING, parkedMs: PARKED_MS, batch: [7, 7, 7] }])
    })

    describe('a lane', () => {
      const next = (lane: Omit<Lane, 'version'>): Lane =>
        decideMove(lane, freshId(), { keys: ['a', 'b'], records: 2 }, 1_780_000_000_000)

      test('goes from the version that is expected to the next, and tells the one that stands', async () => {
        const partition = freshPartition()
        expect(await outboxes.readLane(partition)).toBeUndefined()
        const first = next(newLane(freshId()))
        expect(await outboxes.putLane(partition, first, undefined)).toEqual(first)
        const second = next(first)
        expect(await outboxes.putLane(partition, second, undefined)).toEqual(first)
        expect(await outboxes.putLane(partition, second, freshId())).toEqual(first)
        expect(await outboxes.putLane(partition, second, first.version)).toEqual(second)
        // As a try that comes twice.
        expect(await outboxes.putLane(partition, second, first.version)).toEqual(second)
        expect(await outboxes.readLane(partition)).toEqual(second)
      })

      test('is won by one of many', async () => {
        const partition = freshPartition()
        const lanes = Array.from({ length: 8 }, () => next(newLane(freshId())))
        const standing = await Promise.all(lanes.map(lane => outboxes.putLane(partition, lane, undefined)))
        expect(new Set(standing.map(lane => lane!.version)).size).toBe(1)
      })

      test('goes on the condition that it is that one, and is listed until then', async () => {
        const partition = freshPartition(7)
        const lane = next(newLane(freshId()))
        const listed = async () => {
          const keys: string[] = []
          for await (const each of outboxes.lanes()) keys.push(partitionKey(each))
          return keys.includes(partitionKey(partition))
        }
        await outboxes.putLane(partition, lane, undefined)
        await outboxes.removeLane(partition, freshId())
        expect(await listed()).toBe(true)
        await outboxes.removeLane(partition, lane.version)
        await outboxes.removeLane(partition, lane.version)
        expect(await listed()).toBe(false)
        expect(await outboxes.putLane(partition, next(lane), lane.version)).toBeUndefined()
        expect(await listed()).toBe(false)
      })
    })
  })
}
