import { describe, expect, test } from 'vitest'
import { buildFailureReport } from '../../../src/core/trigger/failure-report.ts'
import { record } from './records.ts'

/** Lambda's own: https://docs.aws.amazon.com/lambda/latest/dg/with-kafka-on-failure.html, for SNS and SQS. */
const DOCUMENTED = {
  requestContext: {
    requestId: '316aa6d0-8154-xmpl-9af7-85d5f4a6bc81',
    functionArn: 'arn:aws:lambda:us-east-1:123456789012:function:myfunction',
    condition: 'RetryAttemptsExhausted',
    approximateInvokeCount: 1,
  },
  responseContext: { statusCode: 200, executedVersion: '$LATEST', functionError: 'Unhandled' },
  version: '1.0',
  timestamp: '2019-11-14T00:38:06.021Z',
  KafkaBatchInfo: {
    batchSize: 500,
    eventSourceArn: 'arn:aws:kafka:us-east-1:123456789012:cluster/vpc-2priv-2pub/751d2973-a626',
    bootstrapServers: '...',
    payloadSize: 2039086,
    recordsInfo: {
      'Topic-0': {
        firstRecordOffset: '49601189658422359378836298521827638475320189012309704722',
        lastRecordOffset: '49601189658422359378836298522902373528957594348623495186',
        firstRecordTimestamp: '2019-11-14T00:38:04.835Z',
        lastRecordTimestamp: '2019-11-14T00:38:05.580Z',
      },
    },
  },
}

const GIVEN = {
  trigger: {
    triggerId: 'abc',
    groupId: 'billing',
    topic: 'Topic',
    target: DOCUMENTED.requestContext.functionArn,
  },
  partition: { partition: 0 },
  records: [
    record({ offset: 7, timestampMs: Date.parse('2019-11-14T00:38:04.835Z') }),
    record({ offset: 9, timestampMs: Date.parse('2019-11-14T00:38:05.580Z') }),
  ],
  condition: 'RetryAttemptsExhausted',
  attempts: 3,
  outcome: {
    kind: 'failed',
    error: 'TypeError: no such order',
    call: { requestId: '316aa6d0', executedVersion: '$LATEST', functionError: 'Unhandled' },
  },
  event: '{"eventSource":"SelfManagedKafka","bootstrapServers":"b:9092","records":{}}',
  nowMs: Date.parse('2019-11-14T00:38:06.021Z'),
  requestId: 'made-up',
} as const

describe('a failure report', () => {
  test("has the fields of Lambda's documented one, and says what is ours beside them", () => {
    const report = JSON.parse(buildFailureReport(GIVEN))
    const { tidemark, ...documented } = report
    // A source of ours has no ARN.
    const { eventSourceArn: _, ...batchInfo } = DOCUMENTED.KafkaBatchInfo
    expect(shapeOf(documented)).toEqual(shapeOf({ ...DOCUMENTED, KafkaBatchInfo: batchInfo }))
    expect(documented).toMatchObject({
      requestContext: {
        requestId: '316aa6d0',
        condition: 'RetryAttemptsExhausted',
        approximateInvokeCount: 3,
      },
      timestamp: DOCUMENTED.timestamp,
      KafkaBatchInfo: {
        batchSize: 2,
        bootstrapServers: 'b:9092',
        payloadSize: GIVEN.event.length,
        recordsInfo: {
          'Topic-0': {
            firstRecordOffset: '7',
            lastRecordOffset: '9',
            firstRecordTimestamp: '2019-11-14T00:38:04.835Z',
            lastRecordTimestamp: '2019-11-14T00:38:05.580Z',
          },
        },
      },
    })
    expect(tidemark).toEqual({
      triggerId: 'abc',
      groupId: 'billing',
      topic: 'Topic',
      partition: 0,
      firstOffset: 7,
      lastOffset: 9,
      error: 'TypeError: no such order',
    })
  })

  test('has no response where nobody was called, and still an id', () => {
    const { outcome: _outcome, ...given } = GIVEN
    expect(
      JSON.parse(buildFailureReport({ ...given, condition: 'RecordTooLarge', attempts: 0 })),
    ).toMatchObject({
      requestContext: {
        requestId: 'made-up',
        condition: 'MaximumPayloadSizeExceeded',
        approximateInvokeCount: 0,
      },
      responseContext: null,
      tidemark: { error: null },
    })
    const outcome = { kind: 'not-called', error: 'throttled' } as const
    const old = JSON.parse(buildFailureReport({ ...GIVEN, condition: 'RecordAgeExceeded', outcome }))
    expect(old).toMatchObject({
      requestContext: { condition: 'RecordAgeExceeded', requestId: 'made-up' },
      responseContext: null,
      tidemark: { error: 'throttled' },
    })
  })

  test('is made of any timestamp, and of an error of any length', () => {
    const records = [record({ timestampMs: -1 }), record({ offset: 1, timestampMs: Number.MAX_SAFE_INTEGER })]
    const outcome = { ...GIVEN.outcome, error: '😀'.repeat(100_000) }
    const json = buildFailureReport({ ...GIVEN, records, outcome })
    expect(JSON.parse(json).KafkaBatchInfo.recordsInfo['Topic-0']).toMatchObject({
      firstRecordTimestamp: null,
      lastRecordTimestamp: null,
    })
    expect(json.length).toBeLessThan(4_000)
  })
})

/** Names and kinds of fields; the names of partitions are values. */
function shapeOf(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return typeof value
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, shapeOf(each)]))
}
