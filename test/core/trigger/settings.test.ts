import { describe, expect, test } from 'vitest'
import { checkTriggerSettings, retriesOf } from '../../../src/core/trigger/settings.ts'
import type { TriggerSettings } from '../../../src/core/trigger/trigger.ts'

describe("a trigger's settings", () => {
  test('have defaults', () => {
    const defaults = checkTriggerSettings({})
    expect(defaults).toEqual({
      batchSize: 100,
      maxBatchingWindowMs: 0,
      startingPosition: 'earliest',
      parallelism: null,
      retryAttempts: null,
      maxRecordAgeMs: null,
      bisectBatchOnError: false,
      reportBatchItemFailures: false,
      filters: [],
      onFailure: null,
      callTimeoutMs: 3_000,
    })
    expect(checkTriggerSettings(defaults)).toEqual(defaults)
  })

  const ALLOWED: Partial<TriggerSettings>[] = [
    { batchSize: 1 },
    { batchSize: 10_000 },
    { maxBatchingWindowMs: 300_000 },
    { startingPosition: 'latest' },
    { startingPosition: { timestampMs: 0 } },
    { parallelism: 1 },
    { retryAttempts: 0 },
    { maxRecordAgeMs: 60_000 },
    { bisectBatchOnError: true, reportBatchItemFailures: true },
    { filters: ['{"value":{"kind":["order"]}}'] },
    { onFailure: 'arn:aws:sqs:eu-central-1:123456789012:failed' },
    { onFailure: 'arn:aws:sns:eu-central-1:000000000000:failed.fifo' },
    { onFailure: 'arn:aws-us-gov:s3:::failed.records-1' },
    { onFailure: 'tidemark://orders.failed' },
    { onFailure: 'file:failed orders.jsonl' },
    { callTimeoutMs: 840_000 },
  ]
  test.each(ALLOWED)('may be %j', given => {
    expect(checkTriggerSettings(given)).toMatchObject(given)
  })

  const REFUSED: [unknown, RegExp][] = [
    [{ batchSize: 0 }, /"batchSize" is a whole number of records from 1 to 10000, and not 0\./],
    [{ batchSize: 10_001 }, /batchSize/],
    [{ batchSize: 1.5 }, /batchSize/],
    [{ batchSize: '5' }, /batchSize/],
    [{ batchSize: null }, /batchSize/],
    [{ maxBatchingWindowMs: 300_001 }, /maxBatchingWindowMs/],
    [{ startingPosition: 'TRIM_HORIZON' }, /"startingPosition" is "earliest", "latest" or/],
    [{ startingPosition: { timestampMs: -1 } }, /startingPosition/],
    [{ startingPosition: { timestampMs: 1, more: 1 } }, /startingPosition/],
    [{ startingPosition: null }, /startingPosition/],
    [{ parallelism: 0 }, /parallelism/],
    [{ retryAttempts: -1 }, /retryAttempts/],
    [{ retryAttempts: 10_001 }, /retryAttempts/],
    [{ maxRecordAgeMs: 999 }, /maxRecordAgeMs/],
    [{ bisectBatchOnError: 'yes' }, /bisectBatchOnError/],
    [{ reportBatchItemFailures: 1 }, /reportBatchItemFailures/],
    [{ filters: [{ value: ['a'] }] }, /filters/],
    [{ filters: '{}' }, /filters/],
    [{ filters: ['{"value":["a"]}', '{"value":[]}'] }, /Filter 2 at "value"/],
    [{ filters: Array(11).fill('{"value":["a"]}') }, /at most 10 filters/],
    [{ onFailure: '' }, /onFailure/],
    [{ onFailure: 'failed' }, /onFailure/],
    [{ onFailure: 'arn:aws:lambda:eu-central-1:123456789012:function:x' }, /onFailure/],
    [{ onFailure: 'arn:aws:sqs:eu-central-1:123456789012:x\ny' }, /onFailure/],
    [{ onFailure: `arn:aws:s3:::${'x'.repeat(350)}` }, /onFailure/],
    [{ onFailure: 'file:' }, /onFailure/],
    [{ onFailure: 'tidemark://' }, /a topic's name \(A topic needs a name\.\)/],
    [{ onFailure: 'tidemark://a b' }, /onFailure/],
    [{ callTimeoutMs: 0 }, /callTimeoutMs/],
    [{ callTimeoutMs: 840_001 }, /callTimeoutMs/],
    [{ batchsize: 5 }, /"batchsize" is not known\. Known are batchSize, /],
    [{ toString: 5 }, /"toString" is not known/],
  ]
  test.each(REFUSED)('may not be %j', (given, message) => {
    expect(() => checkTriggerSettings(given as Partial<TriggerSettings>)).toThrow(
      expect.objectContaining({ kafkaName: 'INVALID_REQUEST', message: expect.stringMatching(message) }),
    )
  })

  test('try again without end, unless told otherwise or given a destination', () => {
    const onFailure = 'tidemark://failed'
    expect(retriesOf({ retryAttempts: null, onFailure: null })).toBeNull()
    expect(retriesOf({ retryAttempts: null, onFailure })).toBe(10)
    expect(retriesOf({ retryAttempts: 0, onFailure })).toBe(0)
    expect(retriesOf({ retryAttempts: 3, onFailure: null })).toBe(3)
  })
})
