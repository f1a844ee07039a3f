import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  decideMove,
  decidePark,
  decodeLane,
  encodeLane,
  type Lane,
  newLane,
  renumber,
} from '../../../src/core/outbox/lane.ts'
import {
  decodeOutboxItem,
  decodeParkedItem,
  encodeOutboxItem,
  encodeParkedItem,
} from '../../../src/core/outbox/outbox-item.ts'
import { OutboxKeys, writerOf } from '../../../src/core/outbox/outbox-key.ts'
import { parseRelayCall, relayCalls } from '../../../src/core/outbox/relay-call.ts'
import { settledItems } from '../../../src/core/outbox/settled-items.ts'
import {
  outboxFailedKey,
  outboxKey,
  parseOutboxKey,
  parseOutboxLaneKey,
} from '../../../src/core/storage-outbox.ts'

const ID = '000102030405060708090a0b0c0d0e0f'
const NOW_MS = 1_780_000_000_000
const KEY = '1780000000000-000102030405-000000'
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
const itemOf = (key: string) => ({ key, topic: 't', batch: new Uint8Array(), createdMs: 1 })

describe('keys of items', () => {
  test('sort as they were made, whatever becomes of the clock', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 9_999_999_999_999 }), { minLength: 2 }), times => {
        const keys = new OutboxKeys(ID)
        const made = times.map(timeMs => keys.next(timeMs))
        expect(made.toSorted()).toEqual(made)
        expect(new Set(made).size).toBe(made.length)
        expect(new Set(made.map(writerOf))).toEqual(new Set(['000102030405']))
      }),
    )
  })

  test('are these', () => {
    const keys = new OutboxKeys(ID)
    expect([keys.next(NOW_MS), keys.next(NOW_MS - 5), keys.next(NOW_MS + 1)]).toEqual([
      KEY,
      '1780000000000-000102030405-000001',
      '1780000000001-000102030405-000000',
    ])
  })

  test('of more than a count has room for go on in the next millisecond', () => {
    const keys = new OutboxKeys(ID)
    let last = keys.next(5)
    for (let count = 1; count < 16 ** 6; count += 1) last = keys.next(5)
    expect([last, keys.next(5)]).toEqual([
      '0000000000005-000102030405-ffffff',
      '0000000000006-000102030405-000000',
    ])
  })

  test('that somebody has made in another way have a writer each', () => {
    expect(['7', KEY.toUpperCase().replace('0', 'x'), ''].map(writerOf)).toEqual([
      '7',
      KEY.toUpperCase().replace('0', 'x'),
      '',
    ])
  })
})

test('the keys of outboxes can be told apart, and name their partitions', () => {
  const partition = { topicId: 'a-b', partition: 12 }
  expect([outboxKey(partition), outboxFailedKey(partition)]).toEqual([
    'outbox#a-b#12',
    'outbox-failed#a-b#12',
  ])
  expect(parseOutboxKey('outbox#a-b#12')).toEqual(partition)
  expect(parseOutboxLaneKey('a-b#12')).toEqual(partition)
  const others = ['outbox#a-b', 'outbox#a#b#1', 'outbox##1', 'outbox-failed#a-b#12', 'log#a-b#1']
  // An application makes them: a number that is written otherwise is of another item, and there is no key for long ids.
  const madeUp = ['outbox#a-b#012', 'outbox#a-b#99999999999999999999999', `outbox#${'x'.repeat(37)}#1`]
  for (const other of [...others, ...madeUp]) expect(() => parseOutboxKey(other)).toThrow(RangeError)
})

describe('what is persisted of outboxes', () => {
  // These bytes stand in users' stores: another layout takes another version, and a decoder for both.
  const item = { key: KEY, topic: 'orders', batch: new Uint8Array([1, 2, 3]), createdMs: 300 }
  const parked = { ...item, error: 'MESSAGE_TOO_LARGE', reason: 'no', parkedMs: 301 } as const
  const lane: Lane = { version: ID, producerId: 0x0102030405060708n, epoch: 2, nextSequence: 7 }
  const moving: Lane = {
    ...lane,
    doing: { kind: 'move', keys: ['a', 'b'], sequence: 4, records: 3, decidedMs: 300 },
  }
  const parking: Lane = {
    ...lane,
    doing: { kind: 'park', keys: ['a'], error: 'MESSAGE_TOO_LARGE', reason: 'no', decidedMs: 300 },
  }

  test('is these bytes, and is read back', () => {
    expect(hex(encodeOutboxItem(item))).toBe('01ac02066f726465727303010203')
    expect(decodeOutboxItem(KEY, encodeOutboxItem(item))).toEqual({ ...item, batch: Buffer.from(item.batch) })
    expect(hex(encodeParkedItem(parked))).toBe(
      '01ac02066f726465727303010203ad02114d4553534147455f544f4f5f4c41524745026e6f',
    )
    expect(decodeParkedItem(KEY, encodeParkedItem(parked))).toEqual({
      ...parked,
      batch: Buffer.from(item.batch),
    })
    expect([lane, moving, parking].map(each => hex(encodeLane(each)))).toEqual([
      '010102030405060708020700',
      '010102030405060708020701ac02040301610162',
      '010102030405060708020702ac02114d4553534147455f544f4f5f4c41524745026e6f0161',
    ])
    for (const each of [lane, moving, parking]) expect(decodeLane(ID, encodeLane(each))).toEqual(each)
  })

  test('of a version that is not known is refused', () => {
    for (const read of [
      (bytes: Uint8Array) => decodeOutboxItem(KEY, bytes),
      (bytes: Uint8Array) => decodeLane(ID, bytes),
    ])
      expect(() => read(new Uint8Array([9, 0, 0]))).toThrow('is not known')
  })
})

describe('a lane', () => {
  const first = decideMove(newLane(ID), 'v1', { keys: ['a'], records: 3 }, NOW_MS)

  test('numbers what it moves one after the other, and goes round', () => {
    expect(first).toMatchObject({ epoch: 0, nextSequence: 3, doing: { sequence: 0, records: 3 } })
    const near = { ...first, nextSequence: 2 ** 31 - 2 }
    expect(decideMove(near, 'v2', { keys: ['b'], records: 4 }, NOW_MS)).toMatchObject({
      nextSequence: 2,
      doing: { sequence: 2 ** 31 - 2 },
    })
  })

  test('that puts aside numbers nothing', () => {
    const parking = { error: 'INVALID_RECORD', reason: 'no' } as const
    expect(decidePark(first, 'v2', ['b'], parking, NOW_MS)).toMatchObject({ nextSequence: 3 })
  })

  test('that begins anew has a higher epoch, and another producer when those are used up', () => {
    const { doing } = first
    if (doing?.kind !== 'move') throw new Error('it moves')
    expect(renumber(first, doing, 'v2', ID)).toMatchObject({
      epoch: 1,
      nextSequence: 3,
      doing: { sequence: 0 },
      producerId: first.producerId,
    })
    const other = 'ff'.repeat(16)
    expect(renumber({ ...first, epoch: 32_767 }, doing, 'v2', other)).toMatchObject({
      epoch: 0,
      producerId: 2n ** 63n - 1n,
    })
  })
})

describe('of two looks', () => {
  const [one, other] = ['000000000001', '000000000002']
  const keyOf = (writer: string, number: number) => `178000000000${number}-${writer}-000000`
  const looks = (first: readonly string[], second: readonly string[]) =>
    settledItems(first.map(itemOf), second.map(itemOf)).map(({ key }) => key)

  test('what was seen twice counts, and what its writer had put before', () => {
    expect(looks([keyOf(one!, 2)], [keyOf(one!, 1), keyOf(one!, 2), keyOf(one!, 3)])).toEqual([
      keyOf(one!, 1),
      keyOf(one!, 2),
    ])
  })

  test('what somebody else has put does not, before the next look', () => {
    expect(looks([keyOf(one!, 2)], [keyOf(other!, 1), keyOf(one!, 2)])).toEqual([keyOf(one!, 2)])
  })

  test('what is gone by then does not', () => {
    expect(looks([keyOf(one!, 1), keyOf(one!, 2)], [keyOf(one!, 2)])).toEqual([keyOf(one!, 2)])
    expect(looks([keyOf(one!, 1)], [])).toEqual([])
  })
})

test('calls of a relay name partitions, a bounded number each, and are read as what they are', () => {
  const partitions = Array.from({ length: 2_500 }, (_, partition) => ({ topicId: 'a', partition }))
  const calls = relayCalls(partitions)
  expect(calls).toHaveLength(3)
  expect(calls.flatMap(call => ('partitions' in call ? call.partitions : []))).toEqual(partitions)
  expect(parseRelayCall(JSON.parse(JSON.stringify(calls[0])))).toEqual(calls[0])
  expect(parseRelayCall({ look: 'all' })).toEqual({ look: 'all' })
  for (const other of [null, {}, { look: 'none' }, 'x', { source: 'aws.events' }])
    expect(parseRelayCall(other)).toEqual({ look: 'known' })
  expect(parseRelayCall({ partitions: [{ topicId: 1 }, { topicId: 'a', partition: 0 }] })).toEqual({
    partitions: [{ topicId: 'a', partition: 0 }],
  })
})
