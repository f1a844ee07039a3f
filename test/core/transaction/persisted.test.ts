import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { partitionKey } from '../../../src/core/topic/partition-id.ts'
import type { StagedChunk, Transaction } from '../../../src/core/transaction/transaction.ts'
import {
  decodeChunk,
  decodeTransaction,
  encodeChunk,
  encodeTransaction,
} from '../../../src/core/transaction/transaction-bytes.ts'
import { entry, plainEntry } from '../log/arbitraries.ts'
import { empty, idOf, inObject, NOW_MS, runOf } from './samples.ts'

/**
 * These bytes stand in users' tables. Where one of these tests fails, the format has changed: that takes a new
 * version byte and a decoder for both, not new bytes here.
 */

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
const unhex = (text: string) => new Uint8Array(Buffer.from(text.replaceAll(' ', ''), 'hex'))

const VERSION = '000102030405060708090a0b0c0d0e0f'
const EMPTY: Transaction = { ...empty(), version: VERSION }
const EMPTY_HEX =
  `01 ${VERSION} 0473686f70 00 00 0000000000000007 00 0000000000000007 00 00` +
  ' e0d403 80b883a1f732 80b883a1f732 00 00 00 00 00 00 00 00'

const FULL: Transaction = {
  ...EMPTY,
  producerId: -2n,
  epoch: 300,
  bumpedFrom: { producerId: -2n, epoch: 299 },
  number: 5,
  begunBy: { producerId: 7n, epoch: 1 },
  state: 'committing',
  updatedMs: NOW_MS + 1,
  floor: 4,
  partitions: [
    {
      topicId: 'o',
      topic: 'orders',
      partition: 0,
      runs: [runOf(2, 3, { producerId: -2n, epoch: 300 }, inObject(4))],
      spilled: [{ sequence: 0, records: 2 }],
    },
    { topicId: 'b', topic: 'ü', partition: 200, runs: [], spilled: [] },
  ],
  chunks: [
    { id: idOf(1), runs: 1, bytes: 300, oldestEpoch: 0 },
    { id: idOf(2), runs: 2, bytes: 1, oldestEpoch: undefined },
  ],
  sequences: new Map([
    ['o#0', 4],
    ['x#1', 2 ** 31 - 1],
  ]),
  offsets: [
    { groupId: 'g', topicId: 'b', partition: 1 },
    { groupId: '', topicId: 'o', partition: 0 },
    { groupId: 'g', topicId: 'o', partition: 2 },
  ],
  done: ['o#0'],
}
const RUN_HEX =
  `0e 00000000000000000000000000000003 03 81b883a1f732 80b883a1f732 00 0d fffffffffffffffe ac02 02 03 00` +
  ` 04 ${idOf(9)} 00 0a`
const FULL_HEX =
  `01 ${VERSION} 0473686f70 02 05 fffffffffffffffe ac02 0000000000000007 01 01 fffffffffffffffe ab02` +
  ' e0d403 80b883a1f732 81b883a1f732 04' +
  ' 03 016f 0162 0178' +
  ` 02 00 00 066f7264657273 01 00 02 01 40 ${RUN_HEX} 01 c801 02c3bc 00 00` +
  ` 02 ${idOf(1)} 01 ac02 01 ${idOf(2)} 02 01 00` +
  ' 02 00 00 04 02 01 ffffffff07' +
  ' 02 0167 00' +
  ' 03 01 01 00 00 00 01 00 02 00' +
  ' 01 00 00'

const CHUNK: StagedChunk = {
  id: idOf(3),
  number: 5,
  partitions: [
    { topicId: 'o', partition: 0, runs: [runOf(2, 3, { producerId: -2n, epoch: 300 }, inObject(4))] },
    { topicId: 'o', partition: 7, runs: [] },
  ],
}
const CHUNK_HEX = `01 01 016f 02 00 00 01 40 ${RUN_HEX} 00 07 00`

describe('the bytes', () => {
  test.each([
    ['a new transaction', EMPTY, EMPTY_HEX],
    ['a transaction with everything', FULL, FULL_HEX],
  ])('of %s', (_, transaction, bytes) => {
    expect(hex(encodeTransaction(transaction))).toBe(hex(unhex(bytes)))
    expect(decodeTransaction(unhex(bytes))).toEqual(transaction)
  })

  test('of a chunk', () => {
    expect(hex(encodeChunk(CHUNK))).toBe(hex(unhex(CHUNK_HEX)))
    expect(decodeChunk(CHUNK, unhex(CHUNK_HEX))).toEqual(CHUNK)
  })

  test.each([0, 2, 255])('of version %s are refused', version => {
    const other = (text: string) => Uint8Array.from([version, ...unhex(text).slice(1)])
    expect(() => decodeTransaction(other(EMPTY_HEX))).toThrow(
      `a transaction of version ${version} is not known`,
    )
    expect(() => decodeChunk(CHUNK, other(CHUNK_HEX))).toThrow(`a chunk of version ${version} is not known`)
  })

  test('that end too early, or name what is not there, are refused', () => {
    const whole = unhex(FULL_HEX)
    for (let length = 0; length < whole.length; length += 1)
      expect(() => decodeTransaction(whole.slice(0, length))).toThrow(RangeError)
    const stateless = unhex(EMPTY_HEX)
    stateless[22] = 6
    expect(() => decodeTransaction(stateless)).toThrow(RangeError)
    expect(() => decodeChunk(CHUNK, unhex('01 01 016f 01 01 00 00'))).toThrow(RangeError)
  })
})

const id = fc.integer({ min: 0, max: 2 ** 31 }).map(idOf)
const count = fc.oneof(fc.nat(), fc.constantFrom(0, 2 ** 31 - 1, Number.MAX_SAFE_INTEGER))
const partitionId = fc.record({
  topicId: fc.oneof(fc.uuid(), fc.constantFrom('#', 'a#1', 'a')),
  partition: fc.nat({ max: 9_999 }),
})
const producer = fc.record({
  producerId: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  epoch: fc.nat(32_766),
})
const runs = fc.array(entry, { maxLength: 3 })
const distinct = fc.uniqueArray(partitionId, { selector: partitionKey, maxLength: 5 })
const transaction: fc.Arbitrary<Transaction> = fc.record({
  transactionalId: fc.string({ unit: 'grapheme' }),
  version: id,
  producerId: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  epoch: fc.nat(32_766),
  bumpedFrom: fc.option(producer),
  number: count,
  begunBy: producer,
  state: fc.constantFrom('empty', 'open', 'committing', 'aborting', 'committed', 'aborted'),
  timeoutMs: count,
  startedMs: count,
  updatedMs: count,
  floor: count,
  partitions: distinct.chain(ids =>
    fc.tuple(
      ...ids.map(each =>
        fc.record({
          topicId: fc.constant(each.topicId),
          partition: fc.constant(each.partition),
          topic: fc.string(),
          runs,
          spilled: fc.array(fc.record({ sequence: count, records: count }), { maxLength: 5 }),
        }),
      ),
    ),
  ),
  chunks: fc.array(
    fc.record({ id, runs: count, bytes: count, oldestEpoch: fc.option(fc.nat(), { nil: undefined }) }),
    { maxLength: 3 },
  ),
  sequences: distinct.map(ids => new Map(ids.map((each, place) => [partitionKey(each), place]))),
  offsets: fc.array(
    fc
      .tuple(partitionId, fc.constantFrom('', 'g', 'Größe'))
      .map(([place, groupId]) => ({ groupId, ...place })),
    { maxLength: 4 },
  ),
  done: distinct.map(ids => ids.map(partitionKey)),
})

test('any transaction comes back as it was', () => {
  const plain = (given: Transaction) => ({
    ...given,
    partitions: given.partitions.map(each => ({ ...each, runs: each.runs.map(plainEntry) })),
  })
  fc.assert(
    fc.property(transaction, given => {
      const bytes = encodeTransaction(given)
      const back = decodeTransaction(bytes)
      expect(plain(back)).toEqual(plain(given))
      expect(hex(encodeTransaction(back))).toBe(hex(bytes))
    }),
  )
})

test('any chunk comes back as it was', () => {
  const chunk = fc.record({
    id,
    number: count,
    partitions: fc.array(fc.tuple(partitionId, runs).map(([place, some]) => ({ ...place, runs: some }))),
  })
  const plain = ({ partitions, ...rest }: StagedChunk) => ({
    ...rest,
    partitions: partitions.map(each => ({ ...each, runs: each.runs.map(plainEntry) })),
  })
  fc.assert(
    fc.property(chunk, given => {
      expect(plain(decodeChunk(given, encodeChunk(given)))).toEqual(plain(given))
    }),
  )
})
