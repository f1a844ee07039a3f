import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Block, decodeBlock, encodeBlock } from '../../../src/core/log/block.ts'
import { decodeEntry, encodeEntry, type IndexEntry } from '../../../src/core/log/entry.ts'
import {
  CLOSED_HEAD,
  decodeHead,
  decodeStandingHead,
  EMPTY_HEAD,
  encodeHead,
  encodeStandingHead,
  type Head,
} from '../../../src/core/log/head.ts'
import {
  decodeRetired,
  encodeRetired,
  type FlushedProducer,
} from '../../../src/core/log/producers/flushed-producer.ts'
import { decodeSegment, encodeSegment, type Segment } from '../../../src/core/log/settled/segment.ts'
import {
  decodeSettled,
  encodeSettled,
  type Settled,
  UNSETTLED,
} from '../../../src/core/log/settled/settled.ts'
import { toOffset, toPosition } from '../../../src/core/numbers.ts'
import {
  block,
  entry,
  flushedProducer,
  head,
  plainEntry,
  plainHead,
  segment,
  settledUpTo,
} from './arbitraries.ts'

/**
 * These bytes stand in users' tables. Where one of these tests fails, the format has changed: that takes a new
 * version byte and a decoder for both, not new bytes here.
 */

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
const unhex = (text: string) => new Uint8Array(Buffer.from(text.replaceAll(' ', ''), 'hex'))

const ID = '000102030405060708090a0b0c0d0e0f'
const OTHER_ID = 'f0e0d0c0b0a090807060504030201000'

const INLINE: IndexEntry = {
  id: ID,
  span: 3,
  bytes: 4,
  maxTimestampMs: 299,
  createdMs: 1_700_000_000_000,
  place: { kind: 'inline', payload: new Uint8Array([0xde, 0xad, 0xbe, 0xef]) },
  marks: [],
  producers: [],
}
const OWN: IndexEntry = {
  ...INLINE,
  span: 300,
  bytes: 2 ** 33,
  maxTimestampMs: -1,
  place: { kind: 'object', object: ID, epoch: 0, position: toPosition(128) },
  marks: [
    { span: 1, bytes: 65_536 },
    { span: 200, bytes: 2 ** 32 },
  ],
}
const OTHER: IndexEntry = {
  ...INLINE,
  place: { kind: 'object', object: OTHER_ID, epoch: 0, position: toPosition(0) },
}

const INLINE_HEX = `00 ${ID} 03 ac02 80d095ffbc31 00 04 deadbeef`
const OWN_HEX = `01 ${ID} ac02 00 80d095ffbc31 0b 01 808004 c701 8080fcff0f 8001 8080808020`
const OTHER_HEX = `02 ${ID} 03 ac02 80d095ffbc31 00 ${OTHER_ID} 00 04`

const WITH_PRODUCERS: IndexEntry = {
  ...INLINE,
  producers: [
    { producerId: 7n, epoch: 2, sequence: 300, records: 1, spanBefore: 0 },
    { producerId: -2n, epoch: 0, sequence: 0, records: 2, spanBefore: 1 },
  ],
}
const WITH_PRODUCERS_HEX =
  `04 ${ID} 03 ac02 80d095ffbc31 00 ` +
  '19 0000000000000007 02 ac02 01 00 fffffffffffffffe 00 00 02 01 04 deadbeef'

const OWN_OF_EPOCH: IndexEntry = {
  ...OWN,
  place: { kind: 'object', object: ID, epoch: 300, position: toPosition(128) },
}
const OTHER_OF_EPOCH: IndexEntry = {
  ...WITH_PRODUCERS,
  place: { kind: 'object', object: OTHER_ID, epoch: 1, position: toPosition(0) },
}
const OWN_OF_EPOCH_HEX = OWN_HEX.replace('01', '09').replace('8001 8080808020', 'ac02 8001 8080808020')
const OTHER_OF_EPOCH_HEX = `${WITH_PRODUCERS_HEX.replace('04', '0e').replace('04 deadbeef', '')} 01 ${OTHER_ID} 00 04`

const SETTLED: Settled = {
  firstOffset: toOffset(1),
  mergedOffset: toOffset(129),
  settledOffset: toOffset(132),
  generation: 2,
  cleaning: 4,
  resumes: 3,
  cleaningTo: toOffset(130),
  cleaningClean: toOffset(128),
  cleanOffset: toOffset(100),
  rules: 5,
  segmentSum: 2 ** 32,
  bytes: 300,
  loggedBytes: 301,
  settledMs: 1_700_000_000_000,
  mergedMaxMs: 300,
}
const SETTLED_HEX = '02 01 8001 03 02 02 03 8201 8001 64 05 8080808010 ac02 ad02 80d095ffbc31 ac02'
const SETTLED_WITHOUT_TIMES_HEX = SETTLED_HEX.replace('02', '01').replace(/ ac02$/, '')

const SEGMENT: Segment = {
  baseOffset: toOffset(70),
  end: toOffset(370),
  id: ID,
  bytes: 2 ** 28,
  footerBytes: 300,
  records: 299,
  writes: 2,
  loggedBytes: 2 ** 33,
  maxTimestampMs: 299,
  firstTimestampMs: -1,
  createdMs: 1_700_000_000_000,
  startOffset: toOffset(1),
  tombstonesMs: 128,
}
const SEGMENT_HEX = `01 ac02 ${ID} 8080808001 ac02 ab02 02 8080808020 ac02 00 80d095ffbc31 01 8001`
const LOST_HEX = `02 ac02 ${ID} 8080808001 ac02 ab02 02 8080808020 ac02 00 80d095ffbc31 01 8001 8101`

describe('a segment', () => {
  test('has these bytes, without the offset that its key says', () => {
    expect(hex(encodeSegment(SEGMENT))).toBe(SEGMENT_HEX.replaceAll(' ', ''))
    expect(decodeSegment(toOffset(70), unhex(SEGMENT_HEX))).toStrictEqual(SEGMENT)
  })

  test('has others only where offsets of it are given up', () => {
    const lost = { ...SEGMENT, lost: 129 }
    expect(hex(encodeSegment(lost))).toBe(LOST_HEX.replaceAll(' ', ''))
    expect(decodeSegment(toOffset(70), unhex(LOST_HEX))).toStrictEqual(lost)
  })

  test('comes back from its bytes, for any segment', () => {
    fc.assert(
      fc.property(segment, item => {
        expect(decodeSegment(item.baseOffset, encodeSegment(item))).toEqual(item)
      }),
    )
  })

  test('of an unknown version or cut short is refused', () => {
    expect(() => decodeSegment(toOffset(70), unhex(SEGMENT_HEX.replace('01', '03')))).toThrow(RangeError)
    expect(() => decodeSegment(toOffset(70), unhex(SEGMENT_HEX).subarray(0, -2))).toThrow(RangeError)
  })
})

describe('the boundaries of what has settled', () => {
  test('have these bytes', () => {
    expect(hex(encodeSettled(SETTLED))).toBe(SETTLED_HEX.replaceAll(' ', ''))
    expect(decodeSettled(unhex(SETTLED_HEX))).toEqual(SETTLED)
  })

  test('of the version before did not say how late the merged segments reach', () => {
    const mergedMaxMs = Number.MAX_SAFE_INTEGER
    const before = decodeSettled(unhex(SETTLED_WITHOUT_TIMES_HEX))
    expect(before).toEqual({ ...SETTLED, mergedMaxMs })
    // A store compares them with what stands there.
    expect(hex(encodeSettled(before))).toBe(SETTLED_WITHOUT_TIMES_HEX.replaceAll(' ', ''))
    expect(decodeSettled(encodeSettled({ ...before }))).toEqual(before)
  })

  test('come back from their bytes, and are compared by them', () => {
    fc.assert(
      fc.property(settledUpTo(2 ** 45), item => {
        const bytes = encodeSettled(item)
        expect(decodeSettled(bytes)).toEqual(item)
        expect(hex(encodeSettled(decodeSettled(bytes)))).toBe(hex(bytes))
      }),
    )
  })

  test('of an unknown version or cut short are refused', () => {
    expect(() => decodeSettled(unhex(SETTLED_HEX.replace('02', '03')))).toThrow(RangeError)
    expect(() => decodeSettled(unhex(SETTLED_HEX).subarray(0, -7))).toThrow(RangeError)
  })
})

describe('an entry', () => {
  test.each([
    ['with idempotent producers', WITH_PRODUCERS, WITH_PRODUCERS_HEX],
    ['inline', INLINE, INLINE_HEX],
    ['in its own object', OWN, OWN_HEX],
    ['in another object', OTHER, OTHER_HEX],
    ['in its own object of an epoch', OWN_OF_EPOCH, OWN_OF_EPOCH_HEX],
    ['in another object of an epoch, with idempotent producers', OTHER_OF_EPOCH, OTHER_OF_EPOCH_HEX],
  ])('%s has these bytes', (_, item, bytes) => {
    expect(hex(encodeEntry(item))).toBe(bytes.replaceAll(' ', ''))
    expect(plainEntry(decodeEntry(unhex(bytes)))).toEqual(item)
  })

  test('comes back from its bytes, for any entry', () => {
    fc.assert(
      fc.property(entry, item => {
        const bytes = encodeEntry(item)
        expect(plainEntry(decodeEntry(bytes))).toEqual(item)
        // `contains` compares whole values, so the same entry must always have the same bytes.
        expect(hex(encodeEntry(decodeEntry(bytes)))).toBe(hex(bytes))
      }),
    )
  })

  test('that is cut short is refused', () => {
    fc.assert(
      fc.property(entry, fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (item, share) => {
        const bytes = encodeEntry(item)
        expect(() => decodeEntry(bytes.subarray(0, Math.floor(bytes.length * share)))).toThrow(RangeError)
      }),
    )
  })

  test('of an unknown kind is refused', () => {
    expect(() => decodeEntry(unhex(INLINE_HEX.replace('00', '03')))).toThrow(RangeError)
    // What is inline is of no epoch.
    expect(() => decodeEntry(unhex(INLINE_HEX.replace('00', '08')))).toThrow(RangeError)
    expect(() => decodeEntry(unhex(INLINE_HEX.replace('00', '10')))).toThrow(RangeError)
  })

  test('without an id of 32 digits is not written', () => {
    expect(() => encodeEntry({ ...INLINE, id: 'abc' })).toThrow(RangeError)
    expect(() => encodeEntry({ ...INLINE, span: -1 })).toThrow(RangeError)
    expect(() => encodeEntry({ ...INLINE, span: 2 ** 53 })).toThrow(RangeError)
  })
})

describe('a head', () => {
  const HEAD: Head = {
    startOffset: toOffset(1),
    tailOffset: toOffset(200),
    nextOffset: toOffset(506),
    tail: [INLINE, OWN, OTHER],
    flushed: { bytes: 70_000, maxTimestampMs: 1_699 },
    producers: new Map([[-2n, { epoch: 1, lastSequence: 4 }]]),
    flushedProducers: new Map([
      [5n, { epoch: 1, createdMs: 300, runs: [{ sequence: 3, records: 2, baseOffset: toOffset(128) }] }],
    ]),
    settled: SETTLED,
    appendFloor: 7,
    drained: 6,
  }
  const STATES_HEX = 'fffffffffffffffe 8480808008'
  const FLUSHED_HEX = '0000000000000005 01 ac02 01 03 02 8001'
  const lengthOf = (bytes: string) => (bytes.replaceAll(' ', '').length / 2).toString(16).padStart(2, '0')
  const PRODUCERS_HEX = `${lengthOf(STATES_HEX)} ${STATES_HEX} ${lengthOf(FLUSHED_HEX)} ${FLUSHED_HEX}`
  const HEAD_HEX =
    `03 01 c801 fa03 f0a204 a40d ${PRODUCERS_HEX} 07 06 ${lengthOf(SETTLED_HEX)} ${SETTLED_HEX} ` +
    `${lengthOf(INLINE_HEX)} ${INLINE_HEX} ${lengthOf(OWN_HEX)} ${OWN_HEX} ${lengthOf(OTHER_HEX)} ${OTHER_HEX}`
  const LEVELS_HEX = `07 06 ${lengthOf(SETTLED_HEX)} ${SETTLED_HEX} `

  test('has these bytes', () => {
    expect(hex(encodeHead(HEAD))).toBe(HEAD_HEX.replaceAll(' ', ''))
    expect(plainHead(decodeHead(unhex(HEAD_HEX)))).toEqual(HEAD)
    expect(hex(encodeHead(EMPTY_HEAD))).toBe('0300000000000000000000')
    expect(decodeHead(unhex('0300000000000000000000'))).toEqual(EMPTY_HEAD)
  })

  test('that is closed is one byte, which no version of a head has', () => {
    expect(hex(encodeStandingHead(CLOSED_HEAD))).toBe('00')
    expect(decodeStandingHead(unhex('00'))).toBe(CLOSED_HEAD)
    expect(hex(encodeStandingHead(HEAD))).toBe(HEAD_HEX.replaceAll(' ', ''))
    expect(plainHead(decodeStandingHead(unhex(HEAD_HEX)) as Head)).toEqual(HEAD)
    // What does not know of closed ones refuses them.
    expect(() => decodeHead(unhex('00'))).toThrow('a head of version 0 is not known')
  })

  test('of the version before levels and epochs is read all the same', () => {
    expect(decodeHead(unhex('0200000000000000'))).toEqual(EMPTY_HEAD)
    const old = HEAD_HEX.replace(/^03/, '02').replace(LEVELS_HEX, '')
    expect(plainHead(decodeHead(unhex(old)))).toEqual({
      ...HEAD,
      settled: UNSETTLED,
      appendFloor: 0,
      drained: 0,
    })
  })

  test('of the version before idempotent producers is read all the same', () => {
    expect(decodeHead(unhex('010000000000'))).toEqual(EMPTY_HEAD)
    const old = HEAD_HEX.replace(/^03/, '01').replace(LEVELS_HEX, '').replace(PRODUCERS_HEX, '')
    const { producers, flushedProducers, ...rest } = HEAD
    expect(plainHead(decodeHead(unhex(old)))).toEqual({
      ...rest,
      producers: new Map(),
      flushedProducers: new Map(),
      settled: UNSETTLED,
      appendFloor: 0,
      drained: 0,
    })
    expect([producers.size, flushedProducers.size]).toEqual([1, 1])
  })

  test('comes back from its bytes, for any head', () => {
    fc.assert(
      fc.property(head, item => {
        expect(plainHead(decodeHead(encodeHead(item)))).toEqual(item)
      }),
    )
  })

  test('of an unknown version is refused', () => {
    expect(() => decodeHead(unhex('0400000000000000000000'))).toThrow(RangeError)
    expect(() => decodeHead(unhex('000000000000'))).toThrow(RangeError)
    expect(() => decodeHead(new Uint8Array(0))).toThrow(RangeError)
  })
})

describe('a retired producer', () => {
  const RETIRED: FlushedProducer = {
    epoch: 1,
    createdMs: 300,
    runs: [
      { sequence: 3, records: 2, baseOffset: toOffset(128) },
      { sequence: 5, records: 1, baseOffset: toOffset(2 ** 32) },
    ],
  }
  const RETIRED_HEX = '01 01 ac02 02 03 02 8001 05 01 8080808010'

  test('has these bytes, without the id that its key says', () => {
    expect(hex(encodeRetired(RETIRED))).toBe(RETIRED_HEX.replaceAll(' ', ''))
    expect(decodeRetired(unhex(RETIRED_HEX))).toEqual(RETIRED)
  })

  test('comes back from its bytes, for any producer', () => {
    fc.assert(
      fc.property(flushedProducer, item => {
        fc.pre(item.runs.length > 0)
        expect(decodeRetired(encodeRetired(item))).toEqual(item)
      }),
    )
  })

  test('of an unknown version, cut short or without runs is refused', () => {
    expect(() => decodeRetired(unhex(RETIRED_HEX.replace('01', '02')))).toThrow(RangeError)
    expect(() => decodeRetired(unhex(RETIRED_HEX).subarray(0, -1))).toThrow(RangeError)
    expect(() => decodeRetired(unhex('01 01 ac02 00'))).toThrow(RangeError)
  })
})

describe('a block', () => {
  const BLOCK: Block = {
    baseOffset: toOffset(70),
    entries: [OWN, OTHER],
    summary: { bytes: 2 ** 33 + 4, maxTimestampMs: -1 },
  }
  const BLOCK_HEX = `01 8480808020 00 2a ${OWN_HEX} 2b ${OTHER_HEX}`

  test('bears payloads as a tail does, where they are small', () => {
    const block = { ...BLOCK, entries: [INLINE] }
    const length = (INLINE_HEX.replaceAll(' ', '').length / 2).toString(16)
    expect(hex(encodeBlock(block))).toBe(`01 8480808020 00 ${length} ${INLINE_HEX}`.replaceAll(' ', ''))
    const [entry] = decodeBlock(block.baseOffset, encodeBlock(block)).entries
    expect(plainEntry(entry!)).toEqual(plainEntry(INLINE))
  })

  test('has these bytes, without the offset that its key says', () => {
    const bytes = hex(encodeBlock(BLOCK))
    const lengths = [OWN_HEX, OTHER_HEX].map(text => text.replaceAll(' ', '').length / 2)
    expect(bytes).toBe(
      BLOCK_HEX.replace('2a', lengths[0]!.toString(16))
        .replace('2b', lengths[1]!.toString(16))
        .replaceAll(' ', ''),
    )
    expect(decodeBlock(toOffset(70), unhex(bytes))).toEqual(BLOCK)
  })

  test('comes back from its bytes, for any block', () => {
    fc.assert(
      fc.property(block, item => {
        expect(decodeBlock(item.baseOffset, encodeBlock(item))).toEqual(item)
      }),
    )
  })

  test('of an unknown version is refused', () => {
    expect(() => decodeBlock(toOffset(0), unhex('020000'))).toThrow(RangeError)
  })
})
