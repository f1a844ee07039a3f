/**
 * Our codecs against those of @platformatic/kafka, version by version: it writes the bytes of a request that we write,
 * and reads of an answer what we have written. It takes arguments by position; their names are those of Kafka's
 * fields, but for those that stand here.
 */
import * as platformatic from '@platformatic/kafka'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { AnyApi } from '../../../src/gateway/wire/api.ts'
import { Fetch } from '../../../src/gateway/wire/messages/fetch.ts'
import { Metadata } from '../../../src/gateway/wire/messages/metadata.ts'
import { Produce } from '../../../src/gateway/wire/messages/produce.ts'
import type { Fields, Shape } from '../../../src/gateway/wire/schema.ts'
import { type Message, messages, VERSIONS } from './messages.ts'

interface Peer {
  createRequest(...args: unknown[]): { readonly buffer: Buffer }
  parseResponse(correlationId: number, key: number, version: number, reader: unknown): unknown
}

const PEERS = platformatic as unknown as Readonly<Record<string, Peer | undefined>>

function peerOf(api: AnyApi, version: number): Peer | undefined {
  return PEERS[`${api.name[0]!.toLowerCase()}${api.name.slice(1)}V${version}`]
}

const KNOWN = VERSIONS.filter(({ api, version }) => peerOf(api, version) !== undefined)

test('it knows most of them', () => {
  const unknown = VERSIONS.filter(one => !KNOWN.includes(one)).map(({ name }) => name)
  expect(unknown).toEqual([
    'ApiVersions 5',
    'ConsumerGroupDescribe 1',
    'DeleteGroups 3',
    'DescribeCluster 2',
    'DescribeGroups 6',
    'DescribeLogDirs 5',
    'ElectLeaders 0',
    'ElectLeaders 1',
    'ElectLeaders 2',
    'EndTxn 5',
    'Fetch 18',
    'InitProducerId 6',
    'ListConfigResources 0',
    'ListOffsets 10',
    'ListOffsets 11',
    'Metadata 13',
    'OffsetCommit 10',
    'OffsetFetch 10',
    'Produce 0',
    'Produce 1',
    'Produce 2',
    'Produce 12',
    'Produce 13',
    'TxnOffsetCommit 5',
    'TxnOffsetCommit 6',
  ])
})

describe('requests', () => {
  // A producer's are made of records; ListGroups' filters are checked against words that it knows.
  const requests = KNOWN.filter(({ api, name }) => api !== Produce && name !== 'ListGroups 5')
  test.each(requests)('$name', ({ api, version }) => {
    const { createRequest } = peerOf(api, version)!
    const [, parameters = ''] = /\(([^)]*)\)/.exec(createRequest.toString())!
    const names = parameters.split(',').map(parameter => parameter.trim().replace(/\s*=.*/, ''))
    const isUnwritten = (name: string) =>
      UNWRITTEN.includes(name) || (name === 'topicId' && api === Metadata && version < 12)
    for (const message of drawn(api.fields.request, version, isUnwritten)) {
      const given = theirArguments(api.name, version, asTheirs(api.fields.request, message))
      // Version 1 passes all that it is given to a function of all versions.
      const args = names[0] === '...args' ? [given.groups, false] : names.map(name => given[name])
      expect(createRequest(...args).buffer).toEqual(Buffer.concat(api.encodeRequest(version, message)))
    }
  })
})

describe('answers', () => {
  test.each(KNOWN)('$name', ({ api, version }) => {
    const { parseResponse } = peerOf(api, version)!
    const unread = (name: string) => ERROR.test(name) || UNREAD.includes(name)
    for (const message of drawn(api.fields.response, version, unread)) {
      const bytes = Buffer.concat(api.encodeResponse(version, message))
      const read = parseResponse(1, api.key, version, platformatic.Reader.from(bytes))
      const expected = theirAnswer(api.name, version, asTheirs(api.fields.response, message))
      expect(read).toMatchObject(expected)
    }
  })
})

test('record batches that it has made reach us, and come back to it', async () => {
  const values = ['one', 'two'].map(value => Buffer.from(value))
  const sent = values.map(value => ({ topic: 'orders', partition: 4, value, key: Buffer.from('key') }))
  for (const version of [3, 7, 9, 11]) {
    const request = peerOf(Produce, version)!.createRequest(-1, 5_000, sent, {})
    const { topicData, ...rest } = Produce.decodeRequest(version, request.buffer)
    expect(rest).toMatchObject({ acks: -1, timeoutMs: 5_000 })
    expect(topicData).toMatchObject([{ name: 'orders', partitionData: [{ index: 4 }] }])
    const { records } = topicData[0]!.partitionData[0]!
    for (const fetchVersion of [4, 11, 16]) {
      const partitions = [{ partitionIndex: 4, errorCode: 0, highWatermark: 2, records }]
      const chunks = Fetch.encodeResponse(fetchVersion, { responses: [{ topic: 'orders', partitions }] })
      const reader = platformatic.Reader.from(Buffer.concat(chunks))
      const answer = peerOf(Fetch, fetchVersion)!.parseResponse(1, Fetch.key, fetchVersion, reader)
      expect(answer).toMatchObject({
        responses: [{ partitions: [{ records: [{ records: values.map(value => ({ value })) }] }] }],
      })
    }
  }
})

/** Of what the other side leaves out or always writes as its default, nothing is drawn. */
function drawn(fields: Fields, version: number, without: (name: string) => boolean): Message[] {
  const drawing = {
    elements: 2,
    isFull: true,
    without: (name: string, { tag }: { tag: number | undefined }) =>
      without(name) || (tag !== undefined && !READ_TAGS.includes(name)),
  }
  return fc.sample(messages(fields, version, drawing), { numRuns: 3, seed: 2 })
}

const UNWRITTEN = ['replicaId', 'logStartOffset', 'retentionTimeMs', 'maxNumOffsets', 'clusterId']
/** It rejects where an error is told, and takes a message for one. Records have a test of their own. */
const ERROR = /errorCode$|errorMessage$|^topicConfigErrorCode$/i
const UNREAD = ['records', 'oldStyleOffsets']
const READ_TAGS = ['supportedFeatures', 'finalizedFeaturesEpoch', 'finalizedFeatures', 'zkMigrationReady']

/** As it takes and gives values: an int64 is a BigInt, and bytes are a Buffer. */
function asTheirs(fields: Fields, message: Message): Message {
  return Object.fromEntries(
    Object.entries(message).map(([name, value]) => [name, theirValue(fields[name]!.shape, value)]),
  )
}

function theirValue(shape: Shape, value: unknown): unknown {
  if (shape.kind === 'int64') return BigInt(value as number)
  if (shape.kind === 'bytes') return Buffer.from(value as Uint8Array)
  if (shape.kind === 'array') return (value as unknown[]).map(one => theirValue(shape.of, one))
  return shape.kind === 'struct' ? asTheirs(shape.fields, value as Message) : value
}

const FILTER_NAMES = {
  resourceTypeFilter: 'resourceType',
  resourceNameFilter: 'resourceName',
  patternTypeFilter: 'resourcePatternType',
  principalFilter: 'principal',
  hostFilter: 'host',
}

/** What its parameters are called that have other names than Kafka's fields. */
function theirArguments(api: string, version: number, message: Message): Message {
  switch (api) {
    case 'AddPartitionsToTxn':
      if (version > 3) return message
      return { transactions: [renamed(message, name => lowerFirst(name.replace('v3AndBelow', '')))] }
    case 'AlterClientQuotas':
      return renamed(message, name => (name === 'entity' ? 'entities' : name))
    case 'DeleteAcls':
      return renamed(message, by(FILTER_NAMES))
    case 'DeleteTopics':
      if (version > 5) return message
      return { ...message, topics: (message.topicNames as string[]).map(name => ({ name })) }
    case 'DescribeAcls':
      return { filter: renamed(message, by(FILTER_NAMES)) }
    case 'DescribeLogDirs':
      return renamed(message, by({ topic: 'name' }))
    case 'Fetch':
      return version < 13 ? renamed(message, by({ topic: 'topicId' })) : message
    case 'FindCoordinator':
      return version < 4 ? { ...message, coordinatorKeys: [message.key] } : message
    case 'LeaveGroup':
      return version < 3 ? { ...message, members: [message] } : message
    case 'ListOffsets':
      return { ...message, replica: -1 }
    case 'OffsetCommit':
      return { ...message, generationId: message.generationIdOrMemberEpoch }
    case 'OffsetFetch':
      return version < 8 ? { ...message, groups: [message] } : message
    case 'OffsetForLeaderEpoch':
      return { ...renamed(message, by({ topic: 'name', partition: 'partitionIndex' })), replicaId: -2 }
    case 'TxnOffsetCommit':
      return { ...message, generationId: message.generationIdOrMemberEpoch }
    default:
      return message
  }
}

/** What it calls otherwise in the answers that it gives. */
function theirAnswer(api: string, version: number, message: Message): Message {
  switch (api) {
    case 'AddPartitionsToTxn': {
      if (version > 3) return message
      const { resultsByTopicV3AndBelow: topicResults, ...rest } = message
      return { ...rest, resultsByTransaction: [{ topicResults }] }
    }
    case 'DeleteAcls':
    case 'DescribeAcls':
      return renamed(message, by({ patternType: 'resourcePatternType' }))
    case 'Fetch':
      return version < 13 ? renamed(message, by({ topic: 'topicId' })) : message
    case 'FindCoordinator': {
      if (version > 3) return message
      const { nodeId, host, port, ...rest } = message
      return { ...rest, coordinators: [{ nodeId, host, port }] }
    }
    default:
      return message
  }
}

function by(names: Readonly<Record<string, string>>): (name: string) => string {
  return name => names[name] ?? name
}

function renamed(message: Message, rename: (name: string) => string): Message {
  const inner = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(inner)
    const isMessage = typeof value === 'object' && value !== null && !(value instanceof Uint8Array)
    return isMessage ? renamed(value as Message, rename) : value
  }
  return Object.fromEntries(Object.entries(message).map(([name, value]) => [rename(name), inner(value)]))
}

function lowerFirst(name: string): string {
  return `${name[0]!.toLowerCase()}${name.slice(1)}`
}
