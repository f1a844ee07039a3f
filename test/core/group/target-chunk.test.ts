import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { assign } from '../../../src/core/group/assigning/assignment.ts'
import type { Target } from '../../../src/core/group/group.ts'
import {
  chunkOf,
  decodeTargetChunk,
  encodeTargetChunk,
  splitTarget,
  type TargetChunk,
} from '../../../src/core/group/target-chunk.ts'
import { TARGET_CHUNK_BYTES_MAX, TARGET_SHARE_BYTES_MAX } from '../../../src/core/limits.ts'
import { ASSIGNORS, countMoves, loadOf, memberIdOf, memberOf, topicOf } from './arbitraries.ts'

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
const unhex = (text: string) => new Uint8Array(Buffer.from(text.replaceAll(' ', ''), 'hex'))

const name = fc.oneof(
  fc.uuid(),
  fc.constantFrom('instance-a', 'm', 'Größe', '0B1F3A52-7C1E-4A4E-9D55-0123456789AB'),
)
const partitions = fc
  .uniqueArray(fc.oneof(fc.nat({ max: 20 }), fc.nat({ max: 9_999 })), { minLength: 1, maxLength: 8 })
  .map(some => some.sort((one, other) => one - other))
const shares = fc.uniqueArray(fc.record({ topicId: name, partitions }), {
  maxLength: 4,
  selector: ({ topicId }) => topicId,
})
const chunk: fc.Arbitrary<TargetChunk> = fc
  .uniqueArray(fc.tuple(name, shares), { maxLength: 6, selector: ([memberId]) => memberId })
  .map(entries => new Map(entries))

describe('the bytes', () => {
  test('come back as they were', () => {
    fc.assert(
      fc.property(chunk, original => {
        const back = decodeTargetChunk(encodeTargetChunk(original))
        expect(back).toEqual(original)
      }),
    )
  })

  /** These bytes stand in users' tables: another layout takes another version byte, not new bytes here. */
  test('are these', () => {
    const golden: TargetChunk = new Map([
      ['zoe', [{ topicId: '0b1f3a52-7c1e-4a4e-9d55-0123456789ab', partitions: [0, 1, 2, 300] }]],
      [
        '11111111-2222-4333-8444-555555555555',
        [
          { topicId: '0b1f3a52-7c1e-4a4e-9d55-0123456789ab', partitions: [3] },
          { topicId: 'a4', partitions: [0, 2] },
        ],
      ],
      ['nobody', []],
    ])
    const goldenHex =
      '01 02 00 0b1f3a527c1e4a4e9d550123456789ab 03 6134' +
      '00 11111111222243338444555555555555 02 00 01 03 01 02 00 01' +
      '07 6e6f626f6479 00' +
      '04 7a6f65 01 00 04 00 00 00 a902'
    expect(hex(encodeTargetChunk(golden))).toBe(goldenHex.replaceAll(' ', ''))
    expect(decodeTargetChunk(unhex(goldenHex))).toEqual(golden)
  })

  test('that are no chunk are refused', () => {
    expect(() => decodeTargetChunk(unhex(''))).toThrow(RangeError)
    expect(() => decodeTargetChunk(unhex('02 00'))).toThrow('a target chunk of version 2 is not known')
    expect(() => decodeTargetChunk(unhex('01 00 02 61 01 00 01 00'))).toThrow('a topic that it does not list')
    expect(() => decodeTargetChunk(unhex('01 ffffffff7f'))).toThrow('cannot hold')
    expect(() => decodeTargetChunk(unhex('01 01 03 61'))).toThrow(RangeError)
  })
})

describe('chunks', () => {
  test('a member is found by its id alone, in the same chunk for ever', () => {
    expect([1, 2, 3, 16, 256].map(chunks => chunkOf('11111111-2222-4333-8444-555555555555', chunks))).toEqual(
      [0, 1, 0, 13, 125],
    )
    fc.assert(
      fc.property(fc.string(), fc.integer({ min: 1, max: 256 }), (memberId, chunks) => {
        const chunk = chunkOf(memberId, chunks)
        expect(chunk).toBeGreaterThanOrEqual(0)
        expect(chunk).toBeLessThan(chunks)
      }),
    )
  })

  test('an empty target is one empty chunk, and members without partitions are left out', () => {
    expect(splitTarget(new Map())).toEqual([new Map()])
    expect(splitTarget(new Map([['m', []]]))).toEqual([new Map()])
  })

  test('hold all members with partitions, each in its chunk', () => {
    // Topics of one partition each: an id for each partition.
    const topics = Array.from({ length: 10_000 }, (_, index) => topicOf(`topic ${index}`, 1))
    const members = Array.from({ length: 40 }, (_, index) => memberOf(memberIdOf(index), [], '.*'))
    const target = assign('cooperative-sticky', members, topics, new Map())
    const chunks = splitTarget(target)
    expect(chunks.length).toBeGreaterThan(1)
    expect(new Map(chunks.flatMap(each => [...each]))).toEqual(target)
    for (const [index, each] of chunks.entries()) {
      expect(encodeTargetChunk(each).length).toBeLessThanOrEqual(TARGET_CHUNK_BYTES_MAX)
      for (const memberId of each.keys()) expect(chunkOf(memberId, chunks.length)).toBe(index)
    }
  })

  const topicsOfOne = (count: number): Target =>
    new Map([
      [
        memberIdOf(0),
        Array.from({ length: count }, (_, index) => ({
          topicId: topicOf(`topic ${index}`, 1).topicId,
          partitions: [0],
        })),
      ],
    ])

  test('a member with very many topics has a chunk to itself, up to what an item can hold', () => {
    const chunks = splitTarget(topicsOfOne(15_000))
    const bytes = encodeTargetChunk(chunks[0]!).length
    expect(bytes).toBeGreaterThan(TARGET_CHUNK_BYTES_MAX)
    expect(bytes).toBeLessThan(TARGET_SHARE_BYTES_MAX)
    expect(() => splitTarget(topicsOfOne(25_000))).toThrow(
      expect.objectContaining({ kafkaName: 'POLICY_VIOLATION' }),
    )
  })
})

describe('a thousand members with ten thousand partitions', () => {
  const membersUpTo = (count: number) =>
    Array.from({ length: count }, (_, index) => memberOf(memberIdOf(index), [], '.*'))
  const shapes = {
    'one topic': [topicOf('a', 10_000)],
    'ten topics': Array.from({ length: 10 }, (_, index) => topicOf(`t${index}`, 1_000)),
    'a thousand topics': Array.from({ length: 1_000 }, (_, index) => topicOf(`t${index}`, 10)),
  }

  test.each(Object.entries(shapes))('%s: the target fits into few small chunks', (_, topics) => {
    for (const assignor of ASSIGNORS) {
      const target = assign(assignor, membersUpTo(1_000), topics, new Map())
      const sizes = splitTarget(target).map(each => encodeTargetChunk(each).length)
      expect(Math.max(...sizes)).toBeLessThanOrEqual(TARGET_CHUNK_BYTES_MAX)
      expect(sizes.length).toBeLessThanOrEqual(2)
      expect(sizes.reduce((sum, bytes) => sum + bytes)).toBeLessThanOrEqual(100_000)
    }
  })

  test.each(Object.entries(shapes))('%s: one more or one less moves one share', (_, topics) => {
    const before = assign('cooperative-sticky', membersUpTo(1_000), topics, new Map())
    const joined = assign('cooperative-sticky', membersUpTo(1_001), topics, before)
    expect(loadOf(joined, memberIdOf(1_000))).toBe(9)
    expect(countMoves(before, joined)).toBe(9)
    const left = assign('cooperative-sticky', membersUpTo(1_000), topics, joined)
    expect(countMoves(joined, left)).toBe(9)
  })

  test('all thousand come to the one that was alone', () => {
    const topics = shapes['a thousand topics']
    const alone = assign('cooperative-sticky', membersUpTo(1), topics, new Map())
    const after = assign('cooperative-sticky', membersUpTo(1_000), topics, alone)
    expect(countMoves(alone, after)).toBe(9_990)
  })
})
