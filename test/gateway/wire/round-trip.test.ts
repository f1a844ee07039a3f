import { expect, test } from 'vitest'
import { apiOf } from '../../../src/gateway/wire/apis.ts'
import {
  decodeRequestHeader,
  encodeRequestFrame,
  encodeResponseFrame,
  responseBodyAt,
} from '../../../src/gateway/wire/header.ts'
import { Fetch, type FetchResponse } from '../../../src/gateway/wire/messages/fetch.ts'
import { Produce } from '../../../src/gateway/wire/messages/produce.ts'

const BATCH = new Uint8Array([1, 2, 3, 4])

test('a request comes back from its frame, every field of every version beside it', () => {
  const body = {
    acks: -1,
    timeoutMs: 30_000,
    topicData: [{ name: 'orders', partitionData: [{ index: 7, records: BATCH }] }],
  }
  for (const version of [0, 3, 8, 9, 11]) {
    const chunks = encodeRequestFrame(Produce, version, { correlationId: 5, clientId: 'me' }, body)
    expect(chunks).toContain(BATCH)
    const bytes = Buffer.concat(chunks)
    expect(bytes.readInt32BE(0)).toBe(bytes.length - 4)
    const frame = bytes.subarray(4)
    const header = decodeRequestHeader(frame, apiOf)
    expect(header).toMatchObject({ apiKey: 0, apiVersion: version, correlationId: 5, clientId: 'me' })
    const read = Produce.decodeRequest(version, frame, header.bodyAt)
    expect(read).toEqual({
      transactionalId: null,
      acks: -1,
      timeoutMs: 30_000,
      topicData: [
        {
          name: 'orders',
          topicId: '00000000-0000-0000-0000-000000000000',
          partitionData: [{ index: 7, records: BATCH }],
        },
      ],
    })
    // A view of the frame, no copy of it.
    expect(read.topicData[0]!.partitionData[0]!.records!.buffer).toBe(frame.buffer)
  }
})

test('an answer hands record batches on by reference', () => {
  const body: FetchResponse = {
    responses: [
      {
        topic: 'orders',
        partitions: [{ partitionIndex: 0, errorCode: 0, highWatermark: 9, records: [BATCH, BATCH] }],
      },
    ],
  }
  const chunks = encodeResponseFrame(Fetch, 12, 6, body)
  expect(chunks.filter(chunk => chunk === BATCH)).toHaveLength(2)
  const frame = Buffer.concat(chunks).subarray(4)
  const { correlationId, bodyAt } = responseBodyAt(Fetch, 12, frame)
  expect(correlationId).toBe(6)
  expect(Fetch.decodeResponse(12, frame, bodyAt)).toMatchObject({
    sessionId: 0,
    responses: [
      {
        topic: 'orders',
        partitions: [{ highWatermark: 9, records: new Uint8Array([1, 2, 3, 4, 1, 2, 3, 4]) }],
      },
    ],
  })
})
