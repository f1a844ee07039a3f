import {
  parseTriggerKey,
  TRIGGER_ATTRIBUTES,
  TRIGGERS_KEY,
  triggerKey,
} from '../../../core/storage-layout.ts'
import type { Trigger, TriggerSettings } from '../../../core/trigger/trigger.ts'
import {
  fields,
  type Item,
  itemKey,
  list,
  number,
  oneOf,
  orNull,
  sortKeyOf,
  string,
  text,
  truth,
  whole,
} from '../table/attributes.ts'
import { NO_ITEM } from '../table/conditions.ts'
import { type Expression, words } from '../table/expression.ts'

const { startingPosition, startingTimestampMs, version, triggerId } = TRIGGER_ATTRIBUTES
const position = oneOf('a start', 'earliest', 'latest')

const FIELDS = fields<Omit<Trigger, 'groupId' | 'topic' | 'settings'>>(TRIGGER_ATTRIBUTES, {
  triggerId: text,
  target: text,
  state: oneOf("a trigger's state", 'active', 'paused'),
  createdMs: whole,
  version: whole,
})
const SETTINGS = fields<Omit<TriggerSettings, 'startingPosition'>>(TRIGGER_ATTRIBUTES, {
  batchSize: whole,
  maxBatchingWindowMs: whole,
  parallelism: orNull(whole),
  retryAttempts: orNull(whole),
  maxRecordAgeMs: orNull(whole),
  bisectBatchOnError: truth,
  reportBatchItemFailures: truth,
  filters: list(text),
  onFailure: orNull(text),
  callTimeoutMs: whole,
})

export function triggerItemKey(name: { groupId: string; topic: string }): Item {
  return itemKey(TRIGGERS_KEY, triggerKey(name))
}

export function encodeTriggerItem(trigger: Trigger): Item {
  const { settings } = trigger
  const start = settings.startingPosition
  return {
    ...triggerItemKey(trigger),
    ...FIELDS.encode(trigger),
    ...SETTINGS.encode(settings),
    ...(typeof start === 'string'
      ? { [startingPosition]: position.write(start) }
      : { [startingTimestampMs]: whole.write(start.timestampMs) }),
  }
}

/** @throws RangeError when the item is no trigger */
export function decodeTriggerItem(item: Item): Trigger {
  const timestamp = item[startingTimestampMs]
  const start = timestamp
    ? { timestampMs: whole.read(timestamp, startingTimestampMs) }
    : position.read(item[startingPosition], startingPosition)
  return {
    ...parseTriggerKey(sortKeyOf(item)),
    ...FIELDS.decode(item),
    settings: { ...SETTINGS.decode(item), startingPosition: start },
  }
}

/** That the trigger of this key is the version before; for the first one: that there is none. */
export function isVersionBefore(trigger: Trigger): Expression {
  return trigger.version === 1 ? NO_ITEM : words`${version} = ${number(trigger.version - 1)}`
}

/** That it is this one, whatever its version. */
export function hasTriggerId(id: string): Expression {
  return words`${triggerId} = ${string(id)}`
}
