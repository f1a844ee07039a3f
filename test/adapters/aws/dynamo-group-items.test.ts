import { describe, expect, test } from 'vitest'
import {
  closeUpdate,
  commitUpdate,
  decodeClaimItem,
  ownerUpdate,
  pendingUpdate,
  resolutionUpdate,
} from '../../../src/adapters/aws/items/claim.ts'
import { decodePartItem, encodePartItem } from '../../../src/adapters/aws/items/classic-part.ts'
import { decodeGroupItem, encodeGroupItem, encodeListedItem } from '../../../src/adapters/aws/items/group.ts'
import { decodeMemberItem, encodeMemberItem } from '../../../src/adapters/aws/items/member.ts'
import { decodeTargetChunkItem, encodeTargetChunkItem } from '../../../src/adapters/aws/items/target-chunk.ts'
import type { Update } from '../../../src/adapters/aws/table/dynamo-table.ts'
import { type Expression, RequestTerms } from '../../../src/adapters/aws/table/expression.ts'
import { encodeClassicGroup } from '../../../src/core/group/classic/classic-bytes.ts'
import type { Group, Member } from '../../../src/core/group/group.ts'
import { toOffset } from '../../../src/core/numbers.ts'
import { targetIdOf } from '../../../src/core/storage-layout.ts'
import { sampleClassic } from '../../conformance/classic-group-store.ts'

/** These names stand in users' tables: a test that fails here says that old tables could not be read any more. */

const ID = '000102030405060708090a0b0c0d0e0f'
const TOPIC_ID = '0b1f3a52-7c1e-4a4e-9d55-0123456789ab'
const PARTITION = { topicId: TOPIC_ID, partition: 12 }

const GROUP: Group = {
  groupId: 'a/b',
  epoch: 3,
  targetId: targetIdOf(3, ID),
  targetChunks: 2,
  assignor: 'cooperative-sticky',
  marks: 9,
  marksSeen: 8,
  topicsDigest: 'digest',
  checkedMs: 1_750_000_000_000,
  sinceMs: 1_740_000_000_000,
}
const MEMBER: Member = {
  memberId: 'instance-one',
  incarnation: ID,
  instanceId: 'one',
  clientId: '',
  topics: ['tides'],
  topicPattern: 'rivers-.*',
  assignor: 'range',
  sessionTimeoutMs: 45_000,
  joinedMs: 1,
  leaseUntilMs: 2,
  settledEpoch: 3,
}

test('a listed group is this item', () => {
  expect(encodeListedItem('a/b', ID)).toEqual({ pk: { S: 'groups' }, sk: { S: 'a/b' }, version: { S: ID } })
})

test('a group is this item', () => {
  const item = encodeGroupItem(GROUP, ID)
  expect(item).toEqual({
    pk: { S: 'group#a%2Fb' },
    sk: { S: 'meta' },
    epoch: { N: '3' },
    targetId: { S: `0000000000000003-${ID}` },
    targetChunks: { N: '2' },
    assignor: { S: 'cooperative-sticky' },
    marks: { N: '9' },
    marksSeen: { N: '8' },
    topicsDigest: { S: 'digest' },
    checkedMs: { N: '1750000000000' },
    sinceMs: { N: '1740000000000' },
    unlisted: { S: ID },
  })
  expect(decodeGroupItem('a/b', item)).toStrictEqual(GROUP)
  const { sinceMs, ...older } = item
  const { sinceMs: _, ...group } = GROUP
  expect(decodeGroupItem('a/b', older)).toStrictEqual(group)
})

test('a member is this item', () => {
  const item = encodeMemberItem('a/b', MEMBER)
  expect(item).toEqual({
    pk: { S: 'group#a%2Fb' },
    sk: { S: 'member#instance-one' },
    incarnation: { S: ID },
    instanceId: { S: 'one' },
    clientId: { S: '' },
    topics: { L: [{ S: 'tides' }] },
    topicPattern: { S: 'rivers-.*' },
    assignor: { S: 'range' },
    sessionTimeoutMs: { N: '45000' },
    joinedMs: { N: '1' },
    leaseUntilMs: { N: '2' },
    settledEpoch: { N: '3' },
  })
  expect(decodeMemberItem(item)).toEqual(MEMBER)
  const { instanceId, topicPattern, ...required } = item
  expect(encodeMemberItem('a/b', { ...MEMBER, instanceId: null, topicPattern: null })).toEqual(required)
})

test('a target chunk is this item', () => {
  const chunk = new Map([['one', [{ topicId: TOPIC_ID, partitions: [0, 2] }]]])
  const item = encodeTargetChunkItem('g', targetIdOf(3, ID), 1, chunk)
  expect(item).toEqual({
    pk: { S: 'group#g' },
    sk: { S: `target#0000000000000003-${ID}#1` },
    encoded: { B: expect.any(Uint8Array) },
  })
  expect(decodeTargetChunkItem(item)).toEqual(chunk)
})

test('a claim is this item', () => {
  const key = { pk: { S: 'group#g' }, sk: { S: `claim#${TOPIC_ID}#12` } }
  expect(decodeClaimItem({ ...key, generation: { N: '0' } })).toEqual({
    ...PARTITION,
    owner: null,
    generation: 0,
    committed: null,
  })
  const committed = { offset: toOffset(5), leaderEpoch: -1, metadata: '', committedMs: 7 }
  const item = {
    ...key,
    ownedBy: { S: 'one' },
    generation: { N: '4' },
    committed: { N: '5' },
    leaderEpoch: { N: '-1' },
    metadata: { S: '' },
    committedMs: { N: '7' },
  }
  expect(decodeClaimItem(item)).toStrictEqual({ ...PARTITION, owner: 'one', generation: 4, committed })
  const counted = { ...item, commitSequence: { N: '8' }, underGeneration: { N: '3' } }
  expect(decodeClaimItem(counted).committed).toStrictEqual({ ...committed, sequence: 8, underGeneration: 3 })
  const closed = { ...key, generation: { N: '0' }, lastGeneration: { N: '4' } }
  const left = { ...PARTITION, owner: null, generation: 0, committed: null, lastGeneration: 4 }
  expect(decodeClaimItem(closed)).toStrictEqual(left)
})

describe('a claim changes by these words:', () => {
  test('an owner', () => {
    expect(wordsOf(ownerUpdate('two', { owner: 'one', generation: 4 }))).toEqual({
      set: ['ownedBy = :0', 'generation = :1'],
      remove: [],
      when: ['ownedBy = :2', 'generation = :3'],
      values: { ':0': { S: 'two' }, ':1': { N: '5' }, ':2': { S: 'one' }, ':3': { N: '4' } },
    })
  })

  test('nobody in place of an owner', () => {
    expect(wordsOf(ownerUpdate(null, { owner: null, generation: 4 }))).toEqual({
      set: ['generation = :0'],
      remove: ['ownedBy'],
      when: ['attribute_not_exists(ownedBy)', 'generation = :1'],
      values: { ':0': { N: '5' }, ':1': { N: '4' } },
    })
  })

  test('the owner of what nobody owns, which counts on from a group that was removed', () => {
    const set = ['ownedBy = :0', 'generation = if_not_exists(lastGeneration, :1) + :2']
    const first = wordsOf(ownerUpdate('one', undefined, 41))
    expect(first).toEqual({
      set,
      remove: ['lastGeneration'],
      when: [
        '(attribute_not_exists(pk) OR attribute_not_exists(ownedBy) AND generation = :3 AND attribute_not_exists(committedMs) AND attribute_not_exists(pendingVersion))',
      ],
      values: { ':0': { S: 'one' }, ':1': { N: '40' }, ':2': { N: '1' }, ':3': { N: '0' } },
    })
    const { set: setLater, when } = wordsOf(ownerUpdate('one', { owner: null, generation: 0 }, 41))
    expect(setLater).toEqual(set)
    expect(when).toEqual(['attribute_not_exists(ownedBy)', 'generation = :3'])
  })

  test('what is left when its group is removed', () => {
    const claim = { ...PARTITION, owner: 'one', generation: 4, committed: null }
    expect(wordsOf(closeUpdate(claim)!)).toEqual({
      set: ['generation = :0', 'lastGeneration = :1'],
      remove: [
        'ownedBy',
        'committed',
        'leaderEpoch',
        'metadata',
        'committedMs',
        'commitSequence',
        'underGeneration',
        'pendingId',
        'pendingOf',
        'pendingVersion',
        'pendingOffset',
        'pendingLeaderEpoch',
        'pendingMetadata',
      ],
      when: ['generation = :2'],
      values: { ':0': { N: '0' }, ':1': { N: '4' }, ':2': { N: '4' } },
    })
    const closed = { ...PARTITION, owner: null, generation: 0, committed: null, lastGeneration: 4 }
    expect(closeUpdate(closed)).toBeNull()
    const neverOwned = { ...PARTITION, owner: null, generation: 0, committed: null }
    expect(closeUpdate(neverOwned)).toBeUndefined()
  })

  test('what pends, and what becomes of it', () => {
    const pending = {
      transactionId: '7-0-1',
      transactionalId: 'shop',
      version: 'v2',
      offset: toOffset(5),
      leaderEpoch: -1,
      metadata: 'm',
    }
    expect(wordsOf(pendingUpdate(pending, { owner: 'one', generation: 4 }, 'v1', 6))).toEqual({
      set: [
        'pendingId = :0',
        'pendingOf = :1',
        'pendingVersion = :2',
        'pendingOffset = :3',
        'pendingLeaderEpoch = :4',
        'pendingMetadata = :5',
      ],
      remove: [],
      when: ['ownedBy = :6', 'generation = :7', 'pendingVersion = :8', 'committedMs = :9'],
      values: {
        ':0': { S: '7-0-1' },
        ':1': { S: 'shop' },
        ':2': { S: 'v2' },
        ':3': { N: '5' },
        ':4': { N: '-1' },
        ':5': { S: 'm' },
        ':6': { S: 'one' },
        ':7': { N: '4' },
        ':8': { S: 'v1' },
        ':9': { N: '6' },
      },
    })
    const first = wordsOf(pendingUpdate(pending, 'unowned', null, null))
    expect(first.set?.at(-1)).toBe('generation = if_not_exists(generation, :6)')
    expect(first.when).toEqual([
      'attribute_not_exists(ownedBy)',
      'attribute_not_exists(pendingVersion)',
      'attribute_not_exists(committedMs)',
    ])
    const all = [
      'pendingId',
      'pendingOf',
      'pendingVersion',
      'pendingOffset',
      'pendingLeaderEpoch',
      'pendingMetadata',
    ]
    const dropped = wordsOf(resolutionUpdate('v2', null))
    expect([dropped.remove, dropped.when]).toEqual([all, ['pendingVersion = :0']])
    const committed = { offset: toOffset(5), leaderEpoch: -1, metadata: 'm', committedMs: 7 }
    const counts = wordsOf(resolutionUpdate('v2', committed))
    expect(counts).toMatchObject({
      set: ['committed = :0', 'leaderEpoch = :1', 'metadata = :2', 'committedMs = :3'],
      remove: [...all, 'commitSequence', 'underGeneration'],
      when: ['pendingVersion = :4', '(attribute_not_exists(committedMs) OR committedMs < :5)'],
    })
  })

  test('a commit', () => {
    const committed = { offset: toOffset(5), leaderEpoch: -1, metadata: 'm', committedMs: 7 }
    expect(wordsOf(commitUpdate(committed, { owner: 'one', generation: 4 }, 6))).toEqual({
      set: ['committed = :0', 'leaderEpoch = :1', 'metadata = :2', 'committedMs = :3'],
      remove: ['commitSequence', 'underGeneration'],
      when: ['ownedBy = :4', 'generation = :5', 'committedMs = :6'],
      values: {
        ':0': { N: '5' },
        ':1': { N: '-1' },
        ':2': { S: 'm' },
        ':3': { N: '7' },
        ':4': { S: 'one' },
        ':5': { N: '4' },
        ':6': { N: '6' },
      },
    })
  })

  test('a commit that its owner has counted', () => {
    const committed = { offset: toOffset(5), leaderEpoch: -1, metadata: 'm', committedMs: 7 }
    const counted = { ...committed, sequence: 8, underGeneration: 4 }
    const { set, remove } = wordsOf(commitUpdate(counted, { owner: 'one', generation: 4 }, 6))
    expect(set.slice(-2)).toEqual(['commitSequence = :4', 'underGeneration = :5'])
    expect(remove).toEqual([])
  })

  test('the first commit of what nobody owns', () => {
    const committed = { offset: toOffset(5), leaderEpoch: -1, metadata: 'm', committedMs: 7 }
    const { set, when } = wordsOf(commitUpdate(committed, 'unowned', null))
    expect(set.at(-1)).toBe('generation = if_not_exists(generation, :4)')
    expect(when).toEqual(['attribute_not_exists(ownedBy)', 'attribute_not_exists(committedMs)'])
  })
})

/** An update as DynamoDB gets it. */
function wordsOf({ set = [], remove = [], when }: Update) {
  const terms = new RequestTerms()
  const write = (expressions: readonly Expression[]) => expressions.map(each => terms.write(each))
  return {
    set: write(set),
    remove: write(remove),
    when: write(when),
    values: terms.input().ExpressionAttributeValues,
  }
}

describe('what is damaged is refused, never guessed at:', () => {
  test.each(['epoch', 'targetId', 'assignor', 'marks', 'checkedMs'])('a group without %s', attribute => {
    const { [attribute]: _, ...item } = encodeGroupItem(GROUP, ID)
    expect(() => decodeGroupItem('a/b', item)).toThrow(RangeError)
  })

  test.each(['sk', 'incarnation', 'topics', 'leaseUntilMs'])('a member without %s', attribute => {
    const { [attribute]: _, ...item } = encodeMemberItem('a/b', MEMBER)
    expect(() => decodeMemberItem(item)).toThrow(RangeError)
  })

  test('a member of an assignor that is not known', () => {
    const item = { ...encodeMemberItem('a/b', MEMBER), assignor: { S: 'uniform' } }
    expect(() => decodeMemberItem(item)).toThrow('"uniform" is not known')
  })

  test('a target chunk without its bytes', () => {
    expect(() => decodeTargetChunkItem({})).toThrow(RangeError)
  })
})

test('a classic group is the item of a group with these attributes', () => {
  const classic = sampleClassic(ID)
  const item = encodeGroupItem({ ...GROUP, classic }, ID)
  expect(item).toMatchObject({
    classic: { B: encodeClassicGroup(classic) },
    classicVersion: { S: ID },
    epoch: { N: '3' },
  })
  expect(decodeGroupItem('a/b', item)).toStrictEqual({ ...GROUP, classic })
})

test('a part of what classic members bring is this item', () => {
  const name = { kind: 'assigned', generation: 7, id: ID, part: 0, memberId: 'm' } as const
  const item = encodePartItem('a/b', name, Buffer.from([1]))
  expect(item).toEqual({
    pk: { S: 'group#a%2Fb' },
    sk: { S: `sync#0000000007#${ID}#0#m` },
    encoded: { B: Buffer.from([1]) },
  })
  expect(decodePartItem(item)).toEqual({ name, bytes: Buffer.from([1]) })
})
