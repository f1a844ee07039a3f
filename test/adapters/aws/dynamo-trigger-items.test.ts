import { expect, test } from 'vitest'
import { decodeTriggerItem, encodeTriggerItem } from '../../../src/adapters/aws/items/trigger.ts'
import type { Trigger } from '../../../src/core/trigger/trigger.ts'

/** These names stand in users' tables: a test that fails here says that old tables could not be read any more. */

const ID = '000102030405060708090a0b0c0d0e0f'
const TRIGGER: Trigger = {
  triggerId: ID,
  groupId: 'a/b',
  topic: 'tides',
  target: 'arn:aws:lambda:eu-west-1:000000000000:function:tides',
  state: 'paused',
  settings: {
    batchSize: 10,
    maxBatchingWindowMs: 5_000,
    startingPosition: { timestampMs: 1_750_000_000_001 },
    parallelism: 2,
    retryAttempts: 3,
    maxRecordAgeMs: 60_000,
    bisectBatchOnError: true,
    reportBatchItemFailures: false,
    filters: ['{"key":["a"]}'],
    onFailure: 'tidemark://lost',
    callTimeoutMs: 30_000,
  },
  createdMs: 1_750_000_000_000,
  version: 4,
}

test('a trigger is this item', () => {
  const item = encodeTriggerItem(TRIGGER)
  expect(item).toEqual({
    pk: { S: 'triggers' },
    sk: { S: 'a%2Fb#tides' },
    triggerId: { S: ID },
    target: { S: 'arn:aws:lambda:eu-west-1:000000000000:function:tides' },
    state: { S: 'paused' },
    createdMs: { N: '1750000000000' },
    version: { N: '4' },
    batchSize: { N: '10' },
    maxBatchingWindowMs: { N: '5000' },
    startingTimestampMs: { N: '1750000000001' },
    parallelism: { N: '2' },
    retryAttempts: { N: '3' },
    maxRecordAgeMs: { N: '60000' },
    bisectBatchOnError: { BOOL: true },
    reportBatchItemFailures: { BOOL: false },
    filters: { L: [{ S: '{"key":["a"]}' }] },
    onFailure: { S: 'tidemark://lost' },
    callTimeoutMs: { N: '30000' },
  })
  expect(decodeTriggerItem(item)).toEqual(TRIGGER)
})

test('what is null is not there, and a start that is no time has a name', () => {
  const settings = {
    ...TRIGGER.settings,
    startingPosition: 'latest' as const,
    parallelism: null,
    retryAttempts: null,
    maxRecordAgeMs: null,
    onFailure: null,
  }
  const item = encodeTriggerItem({ ...TRIGGER, settings })
  expect(Object.keys(item)).not.toEqual(
    expect.arrayContaining(['parallelism', 'retryAttempts', 'maxRecordAgeMs', 'onFailure']),
  )
  expect(item).toMatchObject({ startingPosition: { S: 'latest' } })
  expect(decodeTriggerItem(item)).toEqual({ ...TRIGGER, settings })
})

test.each([
  'sk',
  'triggerId',
  'state',
  'version',
  'batchSize',
  'startingTimestampMs',
  'filters',
  'callTimeoutMs',
])('an item without %s is refused, never guessed at', attribute => {
  const { [attribute]: _, ...item } = encodeTriggerItem(TRIGGER)
  expect(() => decodeTriggerItem(item)).toThrow(RangeError)
})

test('so is one of a state or a start that is not known', () => {
  const item = encodeTriggerItem(TRIGGER)
  expect(() => decodeTriggerItem({ ...item, state: { S: 'resting' } })).toThrow('"resting"')
  const { startingTimestampMs: _, ...rest } = item
  expect(() => decodeTriggerItem({ ...rest, startingPosition: { S: 'newest' } })).toThrow('"newest"')
})
