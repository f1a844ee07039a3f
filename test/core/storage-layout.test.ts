import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { toOffset } from '../../src/core/numbers.ts'
import {
  BEHIND_HEAD,
  blockKey,
  CLAIM_PREFIX,
  CROWDED_KEY,
  claimKey,
  deletedTopicKey,
  GARBAGE_KEY,
  GROUP_END,
  GROUP_META_KEY,
  GROUP_PREFIX,
  GROUPS_KEY,
  groupKey,
  HEAD_KEY,
  INGEST_ITEM,
  ingestKey,
  LEASES_KEY,
  LOG_END,
  LOG_PREFIX,
  leaseKey,
  levelKey,
  listenersKey,
  logKey,
  logObjectKey,
  MEMBER_PREFIX,
  memberKey,
  noteKey,
  parseBlockKey,
  parseClaimKey,
  parseIngestKey,
  parseLevelKey,
  parseLogKey,
  parseLogObjectKey,
  parseMemberKey,
  parseNoteKey,
  parsePartKey,
  parseSegmentKey,
  parseStartMarkerKey,
  parseTriggerKey,
  partKey,
  producerKey,
  segmentKey,
  startMarkerKey,
  TARGET_PREFIX,
  TOPICS_KEY,
  TRIGGERS_KEY,
  targetChunkKey,
  targetIdOf,
  targetKey,
  triggerKey,
  WAKING_KEY_ITEM,
} from '../../src/core/storage-layout.ts'

/** These names stand in users' stores: a test that fails here says that old stores could not be read any more. */

const offset = fc.nat({ max: Number.MAX_SAFE_INTEGER }).map(toOffset)
const ID = '000102030405060708090a0b0c0d0e0f'
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
  expect(levelKey('rolled', toOffset(123_456))).toBe('segment#0000000000123456')
  expect(levelKey(12, toOffset(123_456))).toBe('merged#0000000012#0000000000123456')
  expect(LOG_END).toBe('segment~')
  expect(producerKey(2n ** 63n - 1n)).toBe('producer#9223372036854775807')
  expect(producerKey(-2n)).toBe('producer#-2')
  expect(GROUPS_KEY).toBe('groups')
  expect(GROUP_PREFIX).toBe('group#')
  expect(groupKey('billing')).toBe('group#billing')
  expect(groupKey('a/b#c%d äöü😀')).toBe('group#a%2Fb%23c%25d äöü😀')
  expect(GROUP_META_KEY).toBe('meta')
  expect(MEMBER_PREFIX).toBe('member#')
  expect(memberKey('instance-a/b#c')).toBe('member#instance-a/b#c')
  expect(TARGET_PREFIX).toBe('target#')
  expect(targetIdOf(12, ID)).toBe(`0000000000000012-${ID}`)
  expect(targetChunkKey(targetIdOf(12, ID), 3)).toBe(`target#0000000000000012-${ID}#3`)
  expect(partKey({ kind: 'joined', generation: 12, id: ID, part: 3 })).toBe(`join#0000000012#${ID}#3`)
  expect(partKey({ kind: 'assigned', generation: 12, id: ID, part: 3, memberId: 'a#b' })).toBe(
    `sync#0000000012#${ID}#3#a#b`,
  )
  expect(CLAIM_PREFIX).toBe('claim#')
  expect(claimKey({ topicId: TOPIC_ID, partition: 12 })).toBe(`claim#${TOPIC_ID}#12`)
  expect(TRIGGERS_KEY).toBe('triggers')
  const partition = { topicId: TOPIC_ID, partition: 12 }
  expect(ingestKey({ epoch: 0, object: ID })).toBe(`segments/00/${ID}`)
  expect(ingestKey({ epoch: 87_600, object: ID })).toBe(`ingest/0000087600/00/${ID}`)
  expect(logObjectKey(partition, toOffset(7), ID)).toBe(`log/${TOPIC_ID}/12/0000000000000007-${ID}`)
  expect(startMarkerKey(partition, toOffset(7))).toBe(`log/${TOPIC_ID}/12/start-0000000000000007`)
  expect(deletedTopicKey(TOPIC_ID)).toBe(`deleted/${TOPIC_ID}`)
  expect(INGEST_ITEM).toEqual({ partitionKey: 'store', sortKey: 'ingest' })
  expect([LEASES_KEY, leaseKey('maintenance')]).toEqual(['store', 'lease#maintenance'])
  expect(GARBAGE_KEY).toBe('garbage')
  const key = logObjectKey(partition, toOffset(7), ID)
  expect(noteKey({ kind: 'intent', key, level: 'rolled', notedMs: 5 })).toBe(`intent#${key}`)
  expect(noteKey({ kind: 'dead', key, notedMs: 5, looks: 1, id: '0a1b2c3d' })).toBe(
    `dead#0000000000000005#0a1b2c3d#${key}`,
  )
  expect(
    noteKey({ kind: 'topic', topicId: TOPIC_ID, name: 'tides', partitions: 1, notedMs: 5, sweeps: 0 }),
  ).toBe(`topic#${TOPIC_ID}`)
  expect(triggerKey({ groupId: 'a/b#c%d äöü😀', topic: 'tides.eu' })).toBe('a%2Fb%23c%25d äöü😀#tides.eu')
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

test('what is behind a log sorts behind all of its items', () => {
  for (const key of [blockKey(toOffset(Number.MAX_SAFE_INTEGER)), HEAD_KEY, producerKey(2n ** 63n - 1n)]) {
    expect(key < LOG_END).toBe(true)
  }
  // A store that joins keys with a slash removes a log up to there.
  expect(
    `${logKey({ topicId: TOPIC_ID, partition: 1 })}/${LOG_END}` <
      logKey({ topicId: TOPIC_ID, partition: 10 }),
  ).toBe(true)
})

test('the sort keys of a log are in this order: blocks, the head, merged segments, producers, rolled ones', () => {
  const last = toOffset(Number.MAX_SAFE_INTEGER)
  const keys = [
    blockKey(toOffset(0)),
    blockKey(last),
    HEAD_KEY,
    BEHIND_HEAD,
    levelKey(0, last),
    levelKey(1, toOffset(0)),
    levelKey(10, toOffset(9)),
    levelKey(10, toOffset(10)),
    producerKey(-1n),
    producerKey(2n ** 63n - 1n),
    levelKey('rolled', toOffset(0)),
    levelKey('rolled', last),
    LOG_END,
  ]
  expect(keys.toSorted()).toEqual(keys)
})

describe('keys of what settles come back as what they say', () => {
  const partitions = fc.record({ topicId: fc.uuid(), partition: fc.nat({ max: 10_000 }) })
  const ids = fc.uint8Array({ minLength: 16, maxLength: 16 }).map(bytes => Buffer.from(bytes).toString('hex'))

  test('of segments', () => {
    const level = fc.oneof(fc.constant('rolled' as const), fc.nat({ max: 10 ** 9 }))
    fc.assert(
      fc.property(level, offset, (at, baseOffset) => {
        expect(parseLevelKey(levelKey(at, baseOffset))).toEqual({ level: at, baseOffset })
      }),
    )
    for (const key of ['head', 'segment#1', 'merged#0000000000000001', 'merged#1#0000000000000001']) {
      expect(() => parseLevelKey(key)).toThrow(RangeError)
    }
  })

  test('of their objects, and of those of epochs', () => {
    fc.assert(
      fc.property(partitions, offset, ids, fc.nat(), (partition, baseOffset, object, epoch) => {
        const key = logObjectKey(partition, baseOffset, object)
        expect(parseLogObjectKey(key)).toEqual({ partition, baseOffset, id: object })
        const marker = startMarkerKey(partition, baseOffset)
        expect(parseStartMarkerKey(marker)).toEqual({ partition, startOffset: baseOffset })
        const ingested = ingestKey({ epoch, object })
        expect(parseIngestKey(ingested)).toEqual({ epoch, object })
        expect([parseLogObjectKey(marker), parseStartMarkerKey(key), parseIngestKey(key)]).toEqual([
          undefined,
          undefined,
          undefined,
        ])
        expect(parseLogObjectKey(ingested)).toBeUndefined()
        for (const note of [
          { kind: 'intent' as const, key, level: 3, notedMs: 1 },
          { kind: 'dead' as const, key, notedMs: epoch, looks: 1 as const, id: object.slice(0, 8) },
        ]) {
          const { kind, key: named } = note
          expect(parseNoteKey(noteKey(note))).toMatchObject({ kind, key: named })
        }
      }),
    )
    for (const key of ['ingest/1/00/x', `ingest/0000000001/ff/${ID}`, `ingest/0000000000/00/${ID}`]) {
      expect(parseIngestKey(key)).toBeUndefined()
    }
    expect(() => parseNoteKey('other#x')).toThrow(RangeError)
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

describe('a group key', () => {
  const id = fc.string({ unit: 'grapheme' })

  test('is of one group only', () => {
    fc.assert(
      fc.property(id, id, (one, other) => {
        expect(groupKey(one) === groupKey(other)).toBe(one === other)
        expect(decodeURIComponent(groupKey(one.replaceAll('%', '')))).toBe(
          `${GROUP_PREFIX}${one.replaceAll('%', '')}`,
        )
      }),
    )
  })

  test('has nothing in it that parts of keys are told apart by', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('#', '/', '%', 'a', '2', 'F') }), text => {
        expect(groupKey(text).slice(GROUP_PREFIX.length)).not.toMatch(/[#/]/)
        expect(decodeURIComponent(groupKey(text))).toBe(`${GROUP_PREFIX}${text}`)
      }),
    )
  })

  test('is not made of half a character', () => {
    expect(() => groupKey('\ud83d')).toThrow(RangeError)
    expect(() => memberKey('\ude00')).toThrow(RangeError)
  })
})

describe('a member key', () => {
  test('comes back as its id', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), text => {
        expect(parseMemberKey(memberKey(text))).toBe(text)
      }),
    )
  })

  test.each(['meta', 'member', 'xmember#a', 'claim#a#1'])('is not %s', key => {
    expect(() => parseMemberKey(key)).toThrow(RangeError)
  })
})

describe('a target key', () => {
  const epoch = fc.nat({ max: Number.MAX_SAFE_INTEGER })

  test('sorts as its epoch does, and before its chunks', () => {
    fc.assert(
      fc.property(epoch, epoch, fc.nat({ max: 300 }), (one, other, chunk) => {
        const [first, second] = [targetIdOf(one, ID), targetIdOf(other, ID)]
        expect(targetKey(first) < targetKey(second)).toBe(one < other)
        expect(targetKey(first) < targetChunkKey(first, chunk)).toBe(true)
        expect(targetChunkKey(first, chunk) < targetKey(second)).toBe(one < other)
      }),
    )
  })

  test.each(['', ID, `1-${ID}`, targetIdOf(1, 'x'), `${targetIdOf(1, ID)}#0`])('is not made of "%s"', id => {
    expect(() => targetKey(id)).toThrow(RangeError)
    expect(() => targetChunkKey(id, 0)).toThrow(RangeError)
  })
})

describe('a claim key', () => {
  test('comes back as its partition', () => {
    fc.assert(
      fc.property(fc.uuid(), fc.nat({ max: 10_000 }), (topicId, partition) => {
        expect(parseClaimKey(claimKey({ topicId, partition }))).toEqual({ topicId, partition })
      }),
    )
  })

  test.each(['claim#', 'claim#a', 'claim#a#', 'claim##1', 'claim#a#b', 'meta', 'xclaim#a#1', 'claim#a#1#2'])(
    'is not %s',
    key => {
      expect(() => parseClaimKey(key)).toThrow(RangeError)
    },
  )
})

describe('a trigger key', () => {
  const groupId = fc.oneof(
    fc.string({ unit: 'grapheme' }),
    fc.string({ unit: fc.constantFrom('#', '/', '%', 'a', '2', '5', 'F') }),
  )
  const topic = fc.stringMatching(/^[a-zA-Z0-9._-]{1,249}$/)

  test('comes back as its group and topic', () => {
    fc.assert(
      fc.property(groupId, topic, (group, name) => {
        expect(parseTriggerKey(triggerKey({ groupId: group, topic: name }))).toEqual({
          groupId: group,
          topic: name,
        })
      }),
    )
  })

  test.each(['', 'tides', 'a/b#tides', 'a#b#tides', 'a%#tides', 'a%2f#tides', 'a%41#tides'])(
    'is not "%s"',
    key => {
      expect(() => parseTriggerKey(key)).toThrow(RangeError)
    },
  )

  test('of any group and topic is short enough for a table', () => {
    const longest = triggerKey({ groupId: '€'.repeat(249), topic: 't'.repeat(249) })
    expect(Buffer.byteLength(longest)).toBeLessThanOrEqual(1_024)
    expect(Buffer.byteLength(triggerKey({ groupId: '#'.repeat(249), topic: 't'.repeat(249) }))).toBe(997)
  })
})

test('what is behind a group sorts behind all of its items', () => {
  const last = targetChunkKey(targetIdOf(Number.MAX_SAFE_INTEGER, 'f'.repeat(32)), 9)
  for (const key of [
    GROUP_META_KEY,
    memberKey('\u{10ffff}'),
    last,
    claimKey({ topicId: 'z', partition: 9 }),
  ]) {
    expect(Buffer.compare(Buffer.from(key), Buffer.from(GROUP_END))).toBe(-1)
  }
})

test('the keys of the parts of a classic group come back as their names, and sort between its other items', () => {
  const ids = fc.uint8Array({ minLength: 16, maxLength: 16 }).map(bytes => Buffer.from(bytes).toString('hex'))
  const place = { generation: fc.nat(), id: ids, part: fc.nat() }
  const names = fc.oneof(
    fc.record({ kind: fc.constant('joined' as const), ...place }),
    fc.record({ kind: fc.constant('assigned' as const), ...place, memberId: fc.string({ unit: 'binary' }) }),
  )
  fc.assert(
    fc.property(names, name => {
      const key = partKey(name)
      expect(parsePartKey(key)).toEqual(name)
      expect(key > claimKey({ topicId: TOPIC_ID, partition: 1 }) && key < GROUP_END).toBe(true)
      expect(key.startsWith(GROUP_META_KEY)).toBe(false)
    }),
  )
  for (const key of ['meta', `join#0000000012#${ID}#3#m`, `sync#0000000012#${ID}#3`, `join#12#${ID}#3`]) {
    expect(() => parsePartKey(key)).toThrow(RangeError)
  }
})

test('listeners stand under their partitions, apart from logs, and beside what says that they are too many', () => {
  const partition = { topicId: '136b8372-8b0a-4c3f-9d55-0d5bd2f2a1aa', partition: 7 }
  expect(listenersKey(partition)).toBe(`wake#${partition.topicId}#7`)
  expect(CROWDED_KEY).toBe('!crowded')
  expect(WAKING_KEY_ITEM).toEqual({ partitionKey: 'waking', sortKey: 'key' })
  expect(() => parseLogKey(listenersKey(partition))).toThrow(RangeError)
})
