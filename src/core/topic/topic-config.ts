import { TidemarkError } from '../errors.ts'
import {
  BATCH_BYTES_DEFAULT_MAX,
  BATCH_BYTES_MAX,
  FLUSH_DEFAULT_MS,
  SEGMENT_BYTES_MAX,
  SEGMENT_BYTES_MIN,
  SEGMENT_DEFAULT_BYTES,
} from '../limits.ts'
import { toWholeNumber, wholeNumberWords } from '../numbers.ts'

/**
 * Kafka's topic configs, as far as they mean something here. Names and defaults are Kafka's
 * (https://kafka.apache.org/documentation/#topicconfigs) but for flush.ms, which there means fsync: here every
 * acknowledged record is durable, and flush.ms is when it moves from the table to an object.
 */
const TOPIC_CONFIGS = {
  'cleanup.policy': listOf(['delete', 'compact'], 'delete'),
  'compression.type': oneOf(['producer'], 'producer'),
  'delete.retention.ms': integer(0, Number.MAX_SAFE_INTEGER, 86_400_000),
  'flush.ms': integer(0, 3_600_000, FLUSH_DEFAULT_MS),
  // 2^63 - 1 in Kafka.
  'max.compaction.lag.ms': integer(1, Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER),
  'max.message.bytes': integer(0, BATCH_BYTES_MAX, BATCH_BYTES_DEFAULT_MAX),
  'message.timestamp.after.max.ms': integer(0, Number.MAX_SAFE_INTEGER, 3_600_000),
  'message.timestamp.type': oneOf(['CreateTime', 'LogAppendTime'], 'CreateTime'),
  'min.cleanable.dirty.ratio': ratio(0.5),
  'min.compaction.lag.ms': integer(0, Number.MAX_SAFE_INTEGER, 0),
  'retention.bytes': integer(-1, Number.MAX_SAFE_INTEGER, -1),
  'retention.ms': integer(-1, Number.MAX_SAFE_INTEGER, 604_800_000),
  'segment.bytes': integer(SEGMENT_BYTES_MIN, SEGMENT_BYTES_MAX, SEGMENT_DEFAULT_BYTES),
} satisfies Record<string, ConfigRule>

/** What a config takes. */
type ConfigKind =
  | { readonly kind: 'integer'; readonly min: number; readonly max: number }
  /** From 0 to 1, in the form of RATIO_PATTERN. */
  | { readonly kind: 'ratio' }
  | { readonly kind: 'one'; readonly values: readonly string[] }
  /** Several with commas between them. */
  | { readonly kind: 'list'; readonly values: readonly string[] }

type ConfigRule = ConfigKind & {
  readonly defaultValue: string
  /** Says what a value must be where `value` is not one. */
  problem(value: string): string | undefined
}

/** What the broker itself goes by. */
export interface TopicSettings {
  readonly maxBatchBytes: number
  readonly flushMs: number
  readonly stampsAppendTime: boolean
  /** How far into the future a record's timestamp may lie. */
  readonly timestampAfterMaxMs: number
  readonly segmentBytes: number
  /** Old records go, by `retentionMs` and `retentionBytes`. */
  readonly isDeleted: boolean
  /** -1: however old. */
  readonly retentionMs: number
  /** -1: however much. */
  readonly retentionBytes: number
  /** Of each key only the last record stays, and records without a key are refused. */
  readonly isCompacted: boolean
  readonly cleaning: CleaningSettings
}

/** When a compacted log is cleaned. */
export interface CleaningSettings {
  /** Of the bytes that may be cleaned, how many are to be dirty. */
  readonly minDirtyRatio: number
  /** Records younger than that stay as they are. */
  readonly minLagMs: number
  /** A dirty record older than that is reason enough. */
  readonly maxLagMs: number
  /** How long a tombstone stays, once there is nothing of its key below it. */
  readonly deleteRetentionMs: number
}

/** Once one of them is set, a topic of any age goes by all of them. */
const EXPIRY_CONFIGS = [
  'cleanup.policy',
  'retention.bytes',
  'retention.ms',
] satisfies ConfigName[] as string[]

const RULE_CONFIGS = [...EXPIRY_CONFIGS, 'delete.retention.ms', 'min.compaction.lag.ms']

/** What stands beside the configs of a topic that is older than they are. */
const KEPT_NOTE =
  'kept, and nothing is deleted: the topic is older than retention; once one of the three is set anew, all three hold'

/** Whether a topic goes by its retention from then on, whatever it did before. */
export function namesExpiry(names: readonly string[]): boolean {
  return names.some(name => EXPIRY_CONFIGS.includes(name))
}

/** Whether these decide on what goes: whoever has decided before they were set must not act any more. */
export function namesRules(names: readonly string[]): boolean {
  return names.some(name => RULE_CONFIGS.includes(name))
}

type ConfigName = keyof typeof TOPIC_CONFIGS

/**
 * Every config's name, value in force, whether it was never set, and a note where it has no effect on this topic, in the
 * order of the names.
 * @param expires whether the topic goes by its retention
 */
export function describeConfigs(
  set: Readonly<Record<string, string>>,
  expires: boolean,
): { name: string; value: string; isDefault: boolean; note?: string }[] {
  return Object.entries(TOPIC_CONFIGS).map(([name, rule]) => ({
    name,
    value: set[name] ?? rule.defaultValue,
    isDefault: set[name] === undefined,
    ...(!expires && EXPIRY_CONFIGS.includes(name) && { note: KEPT_NOTE }),
  }))
}

/** Every config's name, what it takes and its default: for whoever describes them. */
export function listConfigs(): (ConfigKind & { name: string; defaultValue: string })[] {
  return Object.entries<ConfigRule>(TOPIC_CONFIGS).map(([name, { problem: _, ...rule }]) => ({
    name,
    ...rule,
  }))
}

/** @throws TidemarkError INVALID_CONFIG for a name that is not known */
export function checkConfigName(name: string): void {
  if (Object.hasOwn(TOPIC_CONFIGS, name)) return
  const known = Object.keys(TOPIC_CONFIGS).join(', ')
  throw new TidemarkError('INVALID_CONFIG', `Unknown topic config "${name}". Known are: ${known}.`)
}

/** @throws TidemarkError INVALID_CONFIG for a name that is not known or a value that cannot be */
export function checkConfigs(configs: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(configs)) {
    checkConfigName(name)
    const problem = TOPIC_CONFIGS[name as ConfigName].problem(value)
    if (problem) throw new TidemarkError('INVALID_CONFIG', `${name} is "${value}", but must be ${problem}.`)
  }
}

/**
 * Whether configs, each of which can be, can be together, as Kafka checks it.
 * @param configs all that are set
 * @param names those that somebody sets: of what stood before nothing is said, lest nothing else could be altered
 * @throws TidemarkError INVALID_CONFIG
 */
export function checkTogether(configs: Readonly<Record<string, string>>, names: readonly string[]): void {
  if (!names.includes('min.compaction.lag.ms') && !names.includes('max.compaction.lag.ms')) return
  const { minLagMs, maxLagMs } = readSettings(configs, true).cleaning
  if (minLagMs <= maxLagMs) return
  throw new TidemarkError(
    'INVALID_CONFIG',
    `min.compaction.lag.ms is ${minLagMs}, and must not be more than max.compaction.lag.ms, which is ${maxLagMs}.`,
  )
}

/**
 * The configs, which must have been checked, as the broker uses them.
 * @param expires whether the topic goes by its retention; one that does not keeps everything, as it was produced
 */
export function readSettings(configs: Readonly<Record<string, string>>, expires: boolean): TopicSettings {
  const value = (name: ConfigName) => configs[name] ?? TOPIC_CONFIGS[name].defaultValue
  const number = (name: ConfigName) => Number(value(name))
  const policies = expires
    ? value('cleanup.policy')
        .split(',')
        .map(policy => policy.trim())
    : []
  return {
    maxBatchBytes: number('max.message.bytes'),
    flushMs: number('flush.ms'),
    stampsAppendTime: value('message.timestamp.type') === 'LogAppendTime',
    timestampAfterMaxMs: number('message.timestamp.after.max.ms'),
    segmentBytes: number('segment.bytes'),
    isDeleted: policies.includes('delete'),
    retentionMs: number('retention.ms'),
    retentionBytes: number('retention.bytes'),
    isCompacted: policies.includes('compact'),
    cleaning: {
      minDirtyRatio: number('min.cleanable.dirty.ratio'),
      minLagMs: number('min.compaction.lag.ms'),
      maxLagMs: number('max.compaction.lag.ms'),
      deleteRetentionMs: number('delete.retention.ms'),
    },
  }
}

/** The index stores a timestamp plus one, and an entry that it cannot store would fail its whole shipment. */
const TIMESTAMP_MS_MAX = Number.MAX_SAFE_INTEGER - 1

/**
 * The latest timestamp that a record may bring, in milliseconds since 1970; any where the topic stamps records itself.
 * @param futureMs what lies behind it is in the future
 */
export function latestTimestampMs(
  { stampsAppendTime, timestampAfterMaxMs }: TopicSettings,
  futureMs: number,
): number {
  if (stampsAppendTime) return Number.POSITIVE_INFINITY
  return Math.min(futureMs + timestampAfterMaxMs, TIMESTAMP_MS_MAX)
}

function integer(min: number, max: number, defaultValue: number): ConfigRule {
  return {
    kind: 'integer',
    min,
    max,
    defaultValue: String(defaultValue),
    problem: value =>
      toWholeNumber(value, { min, max }) === undefined ? wholeNumberWords({ min, max }) : undefined,
  }
}

/**
 * How a number from 0 to 1 is written: as a decimal fraction, or with a negative exponent, as JavaScript writes small
 * ones.
 */
export const RATIO_PATTERN = '^(?:0(?:\\.\\d+)?|1(?:\\.0+)?|[1-9](?:\\.\\d+)?e-[1-9]\\d{0,2})$'

function ratio(defaultValue: number): ConfigRule {
  return {
    kind: 'ratio',
    defaultValue: String(defaultValue),
    problem: value =>
      new RegExp(RATIO_PATTERN).test(value) ? undefined : 'a number from 0 to 1, such as 0.5',
  }
}

function oneOf(values: readonly string[], defaultValue: string): ConfigRule {
  return {
    kind: 'one',
    values,
    defaultValue,
    problem: value => (values.includes(value) ? undefined : `one of: ${values.join(', ')}`),
  }
}

function listOf(values: readonly string[], defaultValue: string): ConfigRule {
  return {
    kind: 'list',
    values,
    defaultValue,
    problem: value =>
      value.split(',').every(part => values.includes(part.trim()))
        ? undefined
        : `one or several, with commas, of: ${values.join(', ')}`,
  }
}
