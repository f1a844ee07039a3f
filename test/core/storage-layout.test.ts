import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { toOffset } from '../../src/core/numbers.ts'
import {
  blockKey,
  HEAD_KEY,
  LOG_PREFIX,
  logKey,
  parseBlockKey,
  parseLogKey,
  parseSegmentKey,
  segmentKey,
  TOPICS_KEY,
} from '../../src/core/storage-layout.ts'

/** These names stand in users' stores: a test that fails here says that old stores could not be read any more. */

const offset = fc.nat({ max: Number.MAX_SAFE_INTEGER }).map(toOffset)
const TOPIC_ID = '0b1f3a52-7c1e-4a4e-9d55-0123456789ab'

test('the names are these', () => {
  expect(segmentKey('ab0102030405060708090a0b0c0d0e0f')).toBe('segments/ab/ab0102030405060708090a0b0c0d0e0f')
  expect(TOPICS_KEY).toBe('topics')
  expect(LOG_PREFIX).toBe('log#')
  expect(logKey({ topicId: TOPIC_ID, partition: 12 })).toBe(`log#${TOPIC_ID}#12`)
  expect(HEAD_KEY).toBe('head')
  expect(blockKey(toOffset(0))).toBe('block#0000000000000000')
  expect(blockKey(toOffset(123_456))).toBe('block#0000000000123456')
  expect(blockKey(toOffset(Number.MAX_SAFE_INTEGER))).toBe('block#9007199254740991')
})

describe('a block key', () => {
  test('comes back as its offset', () => {
    fc.assert(
      fc.property(offset, value => {
        expect(parseBlockKey(blockKey(value))).toBe(value)
      }),
    )
  })

  test('sorts as its offset does', () => {
    fc.assert(
      fc.property(offset, offset, (left, right) => {
        expect(blockKey(left) < blockKey(right)).toBe(left < right)
      }),
    )
  })

  test('sorts before the head, so that a query for blocks never meets it', () => {
    expect(blockKey(toOffset(Number.MAX_SAFE_INTEGER)) < HEAD_KEY).toBe(true)
  })

  test.each(['head', 'block#', 'block#-1', 'block#x', 'block', 'xblock#1'])('is not %s', key => {
    expect(() => parseBlockKey(key)).toThrow(RangeError)
  })
})

describe('a log key', () => {
  test('comes back as its partition', () => {
    fc.assert(
      fc.property(fc.uuid(), fc.nat({ max: 10_000 }), (topicId, partition) => {
        expect(parseLogKey(logKey({ topicId, partition }))).toEqual({ topicId, partition })
      }),
    )
  })

  test.each(['log#', 'log#a', 'log#a#', 'log##1', 'log#a#b', 'topics', 'xlog#a#1', 'log#a#1#2'])(
    'is not %s',
    key => {
      expect(() => parseLogKey(key)).toThrow(RangeError)
    },
  )
})

describe('a segment key', () => {
  test('comes back as its id', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), bytes => {
        const id = Buffer.from(bytes).toString('hex')
        expect(parseSegmentKey(segmentKey(id))).toBe(id)
      }),
    )
  })

  test.each([
    '',
    'segments/',
    'segments/ab/cd0102030405060708090a0b0c0d0e0f',
    'segments/ab/ab01',
    'segments/AB/AB0102030405060708090A0B0C0D0E0F',
    'other/ab/ab0102030405060708090a0b0c0d0e0f',
    'segments/ab/ab0102030405060708090a0b0c0d0e0f/x',
  ])('is not "%s"', key => {
    expect(parseSegmentKey(key)).toBeUndefined()
  })
})
