import type { AttributeValue } from '@aws-sdk/client-dynamodb'
import {
  KEY_ATTRIBUTES,
  parseTriggerKey,
  TRIGGER_ATTRIBUTES,
  TRIGGERS_KEY,
  triggerKey,
} from '../../core/storage-layout.ts'
import type { StartingPosition, Trigger, TriggerSettings } from '../../core/trigger/trigger.ts'
import { type Item, itemKey, missing, number, readNumber, readString } from './dynamo-items.ts'

/** What stands in the table for a trigger: an attribute for each field and each setting; null is none. */

const NAMES = TRIGGER_ATTRIBUTES

export function triggerItemKey(name: { groupId: string; topic: string }): Item {
  return itemKey(TRIGGERS_KEY, triggerKey(name))
}

export function encodeTriggerItem(trigger: Trigger): Item {
  const { settings } = trigger
  const { startingPosition } = settings
  return {
    ...triggerItemKey(trigger),
    [NAMES.triggerId]: { S: trigger.triggerId },
    [NAMES.target]: { S: trigger.target },
    [NAMES.state]: { S: trigger.state },
    [NAMES.createdMs]: number(trigger.createdMs),
    [NAMES.version]: number(trigger.version),
    [NAMES.batchSize]: number(settings.batchSize),
    [NAMES.maxBatchingWindowMs]: number(settings.maxBatchingWindowMs),
    ...(typeof startingPosition === 'string'
      ? { [NAMES.startingPosition]: { S: startingPosition } }
      : { [NAMES.startingTimestampMs]: number(startingPosition.timestampMs) }),
    ...unlessNull(NAMES.parallelism, settings.parallelism, number),
    ...unlessNull(NAMES.retryAttempts, settings.retryAttempts, number),
    ...unlessNull(NAMES.maxRecordAgeMs, settings.maxRecordAgeMs, number),
    [NAMES.bisectBatchOnError]: { BOOL: settings.bisectBatchOnError },
    [NAMES.reportBatchItemFailures]: { BOOL: settings.reportBatchItemFailures },
    // A list: a set has no order and must not be empty.
    [NAMES.filters]: { L: settings.filters.map(filter => ({ S: filter })) },
    ...unlessNull(NAMES.onFailure, settings.onFailure, S => ({ S })),
    [NAMES.callTimeoutMs]: number(settings.callTimeoutMs),
  }
}

/** @throws RangeError when the item is no trigger */
export function decodeTriggerItem(item: Item): Trigger {
  const state = readString(item, NAMES.state)
  if (state !== 'active' && state !== 'paused') throw new RangeError(`a trigger cannot be "${state}"`)
  return {
    ...parseTriggerKey(readString(item, KEY_ATTRIBUTES.sort)),
    triggerId: readString(item, NAMES.triggerId),
    target: readString(item, NAMES.target),
    state,
    settings: decodeSettings(item),
    createdMs: readNumber(item, NAMES.createdMs),
    version: readNumber(item, NAMES.version),
  }
}

function decodeSettings(item: Item): TriggerSettings {
  return {
    batchSize: readNumber(item, NAMES.batchSize),
    maxBatchingWindowMs: readNumber(item, NAMES.maxBatchingWindowMs),
    startingPosition: decodeStartingPosition(item),
    parallelism: readUnlessNull(item, NAMES.parallelism, readNumber),
    retryAttempts: readUnlessNull(item, NAMES.retryAttempts, readNumber),
    maxRecordAgeMs: readUnlessNull(item, NAMES.maxRecordAgeMs, readNumber),
    bisectBatchOnError: readBoolean(item, NAMES.bisectBatchOnError),
    reportBatchItemFailures: readBoolean(item, NAMES.reportBatchItemFailures),
    filters: readStrings(item, NAMES.filters),
    onFailure: readUnlessNull(item, NAMES.onFailure, readString),
    callTimeoutMs: readNumber(item, NAMES.callTimeoutMs),
  }
}

function decodeStartingPosition(item: Item): StartingPosition {
  if (item[NAMES.startingTimestampMs]) return { timestampMs: readNumber(item, NAMES.startingTimestampMs) }
  const position = readString(item, NAMES.startingPosition)
  if (position !== 'earliest' && position !== 'latest') {
    throw new RangeError(`a trigger cannot begin at "${position}"`)
  }
  return position
}

function unlessNull<T>(name: string, value: T | null, encode: (value: T) => AttributeValue): Item {
  return value === null ? {} : { [name]: encode(value) }
}

function readUnlessNull<T>(item: Item, name: string, read: (item: Item, name: string) => T): T | null {
  return item[name] === undefined ? null : read(item, name)
}

function readBoolean(item: Item, name: string): boolean {
  const value = item[name]?.BOOL
  if (value === undefined) throw missing(name)
  return value
}

function readStrings(item: Item, name: string): string[] {
  const values = item[name]?.L
  if (!values) throw missing(name)
  return values.map(({ S }) => {
    if (S === undefined) throw missing(name)
    return S
  })
}
