import fc from 'fast-check'
import { expect, test } from 'vitest'
import { decodeClassicGroup, encodeClassicGroup } from '../../../../src/core/group/classic/classic-bytes.ts'
import { newClassicGroup } from '../../../../src/core/group/classic/classic-group.ts'
import { metadataIdOf } from '../../../../src/core/group/classic/metadata-id.ts'
import {
  decodeProtocols,
  encodeProtocols,
  readPart,
  splitParts,
} from '../../../../src/core/group/classic/parts.ts'
import { CLASSIC_PART_BYTES_MAX } from '../../../../src/core/limits.ts'
import { sampleClassic } from '../../../conformance/classic-group-store.ts'

/** These bytes stand in users' stores: a test that fails here says that old stores could not be read any more. */

const VERSION = 'f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff'
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')

test('a classic group is these bytes', () => {
  const bytes = encodeClassicGroup(sampleClassic(VERSION))
  expect(hex(bytes)).toBe(
    '01f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff040109636f6e73756d65720672616e676504612d3101000102030405060708090a0b0c0d0e0f0280b883a1f732b8cf83a1f73202020672616e676513636f6f70657261746976652d737469636b79010672616e67650204612d310000c8df02e0a7120003000102030405060708090a0b0c0d0e0f0104622d32026204622d31c8df02e0a7120103000102030405060708090a0b0c0d0e0f000104632d31c89786a1f732',
  )
  expect(decodeClassicGroup(bytes)).toEqual(sampleClassic(VERSION))
  const empty = encodeClassicGroup(newClassicGroup(VERSION))
  expect(hex(empty)).toBe('01f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff00000100000000000000')
  expect(decodeClassicGroup(empty)).toEqual(newClassicGroup(VERSION))
})

test('bytes that are no classic group are refused, wherever they end', () => {
  const bytes = encodeClassicGroup(sampleClassic(VERSION))
  expect(() => decodeClassicGroup(Buffer.from([2, ...bytes.subarray(1)]))).toThrow(/version 2/)
  for (let end = 0; end < bytes.length; end += 1) {
    expect(() => decodeClassicGroup(bytes.subarray(0, end))).toThrow(RangeError)
  }
})

test('any members come back', () => {
  const id = fc.uint8Array({ minLength: 16, maxLength: 16 }).map(hex)
  const text = fc.string({ unit: 'binary' })
  const member = fc.record({
    memberId: text,
    instanceId: fc.option(text),
    sessionTimeoutMs: fc.nat(),
    rebalanceTimeoutMs: fc.nat(),
    protocols: fc.array(text, { maxLength: 3 }),
    metadata: fc.record({ generation: fc.nat(), id }),
    hasJoined: fc.boolean(),
    assignedAs: text,
  })
  fc.assert(
    fc.property(fc.array(member), fc.option(text), (members, leader) => {
      const group = { ...sampleClassic(VERSION), members, leader }
      expect(decodeClassicGroup(encodeClassicGroup(group))).toEqual(group)
    }),
  )
})

test('what a member joins with is cut into parts, and is whole again', () => {
  const metadata = Buffer.alloc(CLASSIC_PART_BYTES_MAX * 2, 5)
  const protocols = [
    { name: 'range', metadata: Buffer.from([1, 2]) },
    { name: 'sticky', metadata },
  ]
  const encoded = encodeProtocols(protocols)
  const parts = splitParts(encoded).map(readPart)
  expect(parts.map(({ count, content }) => [count, content.length])).toEqual([
    [3, CLASSIC_PART_BYTES_MAX],
    [3, CLASSIC_PART_BYTES_MAX],
    [3, encoded.length - 2 * CLASSIC_PART_BYTES_MAX],
  ])
  const whole = decodeProtocols(Buffer.concat(parts.map(({ content }) => content)))
  expect(whole.map(({ name }) => name)).toEqual(['range', 'sticky'])
  expect(metadata.equals(whole[1]!.metadata)).toBe(true)
})

test('a part is these bytes, also of nothing', () => {
  expect(splitParts(Buffer.alloc(0)).map(hex)).toEqual(['0101'])
  expect(splitParts(encodeProtocols([{ name: 'range', metadata: Buffer.from([1, 2]) }])).map(hex)).toEqual([
    '0101010572616e6765020102',
  ])
  for (const wrong of ['', '01', '0100', '0201']) {
    expect(() => readPart(Buffer.from(wrong, 'hex'))).toThrow(RangeError)
  }
})

test('the same metadata of the same member have the same id, and no others', () => {
  const bytes = Buffer.from([1, 2, 3])
  expect(metadataIdOf('a', bytes)).toBe(metadataIdOf('a', Buffer.from([1, 2, 3])))
  expect(metadataIdOf('a', bytes)).toMatch(/^[0-9a-f]{32}$/)
  expect(metadataIdOf('b', bytes)).not.toBe(metadataIdOf('a', bytes))
  expect(metadataIdOf('a', Buffer.from([1, 2]))).not.toBe(metadataIdOf('a', bytes))
})
