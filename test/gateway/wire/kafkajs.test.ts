/**
 * Our codecs against those of kafkajs, version by version: what it writes we read, and what we write it reads. Its names are its
 * own, so each API has an example in both languages.
 */
import { createRequire } from 'node:module'
import { describe, expect, test } from 'vitest'
import type { AnyApi } from '../../../src/gateway/wire/api.ts'
import { APIS, apiOf } from '../../../src/gateway/wire/apis.ts'
import { decodeRequestHeader } from '../../../src/gateway/wire/header.ts'
import { Fetch } from '../../../src/gateway/wire/messages/fetch.ts'
import { Produce } from '../../../src/gateway/wire/messages/produce.ts'
import { covers, type Fields, type Shape } from '../../../src/gateway/wire/schema.ts'
import { ConsumerProtocolAssignment, ConsumerProtocolSubscription } from './consumer-protocol.ts'
import { BYTES, EXAMPLES, type Example, TOPIC_PARTITIONS } from './kafkajs-examples.ts'

interface Peer {
  readonly versions: readonly string[]
  protocol(of: { version: number }): (given: unknown) => {
    readonly request: { readonly apiVersion: number }
    readonly response: { decode(bytes: Buffer): Promise<unknown>; parse(decoded: unknown): Promise<unknown> }
  }
}

const require = createRequire(import.meta.url)
const { requests } = require('kafkajs/src/protocol/requests/index.js') as { requests: Record<string, Peer> }
const encodeFrame = require('kafkajs/src/protocol/request.js') as (of: unknown) => Promise<{ buffer: Buffer }>
const { MemberMetadata, MemberAssignment } = require('kafkajs/src/consumer/assignerProtocol.js') as Record<
  'MemberMetadata' | 'MemberAssignment',
  { encode(of: unknown): Buffer; decode(bytes: Buffer): unknown }
>

function versionsOf({ key, name }: Example): { version: number; api: AnyApi; peer: Peer }[] {
  const { name: ourName } = APIS.get(key)!
  const peer = requests[name ?? ourName]!
  return peer.versions.map(Number).flatMap(version => {
    const api = apiOf(key, version)
    return api === undefined ? [] : [{ version, api, peer }]
  })
}

const CASES = EXAMPLES.flatMap(example =>
  versionsOf(example).map(of => ({ ...example, ...of, name: `${of.api.name} ${of.version}` })),
)

test('there are examples in many versions', () => {
  expect(CASES.length).toBeGreaterThan(70)
})

async function frameOf(peer: Peer, version: number, given: unknown): Promise<Buffer> {
  const { request } = peer.protocol({ version })(given)
  const { buffer } = await encodeFrame({ correlationId: 77, clientId: 'me', request })
  return buffer.subarray(4)
}

describe('requests', () => {
  test.each(CASES)('$name', async ({ api, version, peer, given, means }) => {
    const frame = await frameOf(peer, version, given)
    const header = decodeRequestHeader(frame, apiOf)
    expect(header).toMatchObject({ apiKey: api.key, apiVersion: version, correlationId: 77, clientId: 'me' })
    expect(api.decodeRequest(version, frame, header.bodyAt)).toMatchObject(
      present(api.fields.request, version, means),
    )
  })
})

describe('answers', () => {
  test.each(CASES)('$name', async ({ api, version, peer, given, answer, finds }) => {
    const { response } = peer.protocol({ version })(given)
    const bytes = Buffer.concat(api.encodeResponse(version, answer))
    const decoded = await response.decode(bytes)
    expect(decoded).toMatchObject(finds)
    await response.parse(decoded)
  })
})

test('record batches that it has made reach us, and come back to it', async () => {
  const messages = [{ key: 'a', value: 'one', headers: { h: 'x' } }, { value: 'two' }]
  const topicData = [{ topic: 'orders', partitions: [{ partition: 4, firstSequence: 0, messages }] }]
  for (const version of [3, 4, 5, 6, 7]) {
    const frame = await frameOf(requests.Produce!, version, { acks: -1, timeout: 5_000, topicData })
    const { bodyAt } = decodeRequestHeader(frame, apiOf)
    const request = Produce.decodeRequest(version, frame, bodyAt)
    expect(request).toMatchObject({ acks: -1, timeoutMs: 5_000, topicData: [{ name: 'orders' }] })
    const [{ index, records }] = request.topicData[0]!.partitionData as [
      { index: number; records: Uint8Array },
    ]
    for (const fetchVersion of [4, 5, 6, 7, 8, 9, 10, 11]) {
      const partitions = [{ partitionIndex: index, errorCode: 0, highWatermark: 2, records }]
      const { response } = requests.Fetch!.protocol({ version: fetchVersion })({ maxWaitTime: 1, topics: [] })
      const chunks = Fetch.encodeResponse(fetchVersion, { responses: [{ topic: 'orders', partitions }] })
      expect(await response.decode(Buffer.concat(chunks))).toMatchObject({
        responses: [
          {
            topicName: 'orders',
            partitions: [
              {
                partition: 4,
                highWatermark: '2',
                messages: [
                  { key: Buffer.from('a'), value: Buffer.from('one'), headers: { h: Buffer.from('x') } },
                  { value: Buffer.from('two') },
                ],
              },
            ],
          },
        ],
      })
    }
  }
})

test('answers to a producer, and requests of a consumer', async () => {
  for (const version of [3, 4, 5, 6, 7]) {
    const { response } = requests.Produce!.protocol({ version })({ acks: -1, timeout: 1, topicData: [] })
    const partitionResponses = [{ index: 4, errorCode: 0, baseOffset: 2 ** 40 }]
    const chunks = Produce.encodeResponse(version, { responses: [{ name: 'orders', partitionResponses }] })
    expect(await response.decode(Buffer.concat(chunks))).toMatchObject({
      topics: [{ topicName: 'orders', partitions: [{ partition: 4, baseOffset: String(2 ** 40) }] }],
    })
  }
  const partitions = [{ partition: 4, fetchOffset: '9', maxBytes: 1_000 }]
  for (const version of [4, 5, 6, 7, 8, 9, 10, 11]) {
    const given = { maxWaitTime: 5, minBytes: 1, maxBytes: 2_000, isolationLevel: 1, rackId: 'r' }
    const frame = await frameOf(requests.Fetch!, version, {
      ...given,
      topics: [{ topic: 'orders', partitions }],
    })
    const { bodyAt } = decodeRequestHeader(frame, apiOf)
    expect(Fetch.decodeRequest(version, frame, bodyAt)).toMatchObject({
      maxWaitMs: 5,
      minBytes: 1,
      maxBytes: 2_000,
      isolationLevel: 1,
      rackId: version < 11 ? '' : 'r',
      topics: [{ topic: 'orders', partitions: [{ partition: 4, fetchOffset: 9, partitionMaxBytes: 1_000 }] }],
    })
  }
})

test('what members tell each other', () => {
  const subscription = MemberMetadata.encode({ version: 0, topics: ['orders', 'bills'], userData: BYTES })
  expect(ConsumerProtocolSubscription.decode(subscription)).toEqual({
    version: 0,
    topics: ['orders', 'bills'],
    userData: Uint8Array.from(BYTES),
    ownedPartitions: [],
    generationId: -1,
    rackId: null,
  })
  const assignedPartitions = TOPIC_PARTITIONS
  const assignment = ConsumerProtocolAssignment.encode(0, { assignedPartitions, userData: BYTES })
  expect(MemberAssignment.decode(Buffer.from(assignment))).toEqual({
    version: 0,
    assignment: { orders: [0, 2] },
    userData: BYTES,
  })
  expect(ConsumerProtocolAssignment.decode(assignment)).toMatchObject({ version: 0, assignedPartitions })
})

/** Of a meaning, what a version can say. */
function present(fields: Fields, version: number, means: object): object {
  return Object.fromEntries(
    Object.entries(means)
      .filter(([name]) => covers(fields[name]!.versions, version))
      .map(([name, value]) => [name, presentIn(fields[name]!.shape, version, value)]),
  )
}

function presentIn(shape: Shape, version: number, value: unknown): unknown {
  if (shape.kind === 'array') return (value as unknown[]).map(one => presentIn(shape.of, version, one))
  return shape.kind === 'struct' ? present(shape.fields, version, value as object) : value
}
