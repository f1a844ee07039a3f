import { TidemarkError } from '../errors.ts'
import { BATCH_BYTES_DEFAULT_MAX, BATCH_BYTES_MAX, FLUSH_DEFAULT_MS } from '../limits.ts'
import { toWholeNumber, wholeNumberWords } from '../numbers.ts'

/**
 * Kafka's topic configs, as far as they mean something here. Names and defaults are Kafka's
 * (https://kafka.apache.org/documentation/#topicconfigs) but for flush.ms, which there means fsync: here every
 * acknowledged record is durable, and flush.ms is when it moves from the table to an object.
 */
const TOPIC_CONFIGS = {
  'cleanup.policy': listOf(['delete', 'compact'], 'delete'),
  'compression.type': oneOf(['producer'], 'producer'),
  'flush.ms': integer(0, 3_600_000, FLUSH_DEFAULT_MS),
  'max.message.bytes': integer(0, BATCH_BYTES_MAX, BATCH_BYTES_DEFAULT_MAX),
  'message.timestamp.after.max.ms': integer(0, Number.MAX_SAFE_INTEGER, 3_600_000),
  'message.timestamp.type': oneOf(['CreateTime', 'LogAppendTime'], 'CreateTime'),
  'retention.bytes': integer(-1, Number.MAX_SAFE_INTEGER, -1),
  'retention.ms': integer(-1, Number.MAX_SAFE_INTEGER, 604_800_000),
} satisfies Record<string, ConfigRule>

/** What a config takes. */
type ConfigKind =
  | { readonly kind: 'integer'; readonly min: number; readonly max: number }
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
}

/** Configs that are kept and described, but that nothing acts upon yet: records stay until somebody deletes them. */
const CONFIGS_WITHOUT_EFFECT: readonly string[] = [
  'cleanup.policy',
  'retention.bytes',
  'retention.ms',
] satisfies ConfigName[]

/** What everybody is told of a config that nothing acts upon yet; undefined for any other. */
function noteOnConfig(name: string): string | undefined {
  return CONFIGS_WITHOUT_EFFECT.includes(name)
    ? 'kept, but not acted upon yet; nothing is deleted'
    : undefined
}

/** The same of those among `names`, in one line; undefined where all have their effect. */
export function noteOnConfigs(names: readonly string[]): string | undefined {
  const without = names.filter(name => noteOnConfig(name) !== undefined)
  return without.length === 0 ? undefined : `${without.join(', ')}: ${noteOnConfig(without[0]!)}`
}

type ConfigName = keyof typeof TOPIC_CONFIGS

/** Every config's name, value in force, whether it was never set, and its note, in the order of the names. */
export function describeConfigs(
  set: Readonly<Record<string, string>>,
): { name: string; value: string; isDefault: boolean; note?: string }[] {
  return Object.entries(TOPIC_CONFIGS).map(([name, rule]) => {
    const note = noteOnConfig(name)
    return {
      name,
      value: set[name] ?? rule.defaultValue,
      isDefault: set[name] === undefined,
      ...(note !== undefined && { note }),
    }
  })
}

/** Every config's name, what it takes, its default and its note: for whoever describes them. */
export function listConfigs(): (ConfigKind & { name: string; defaultValue: string; note?: string })[] {
  return Object.entries<ConfigRule>(TOPIC_CONFIGS).map(([name, { problem: _, ...rule }]) => {
    const note = noteOnConfig(name)
    return { name, ...rule, ...(note !== undefined && { note }) }
  })
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

/** The configs, which must have been checked, as the broker uses them. */
export function readSettings(configs: Readonly<Record<string, string>>): TopicSettings {
  const value = (name: ConfigName) => configs[name] ?? TOPIC_CONFIGS[name].defaultValue
  return {
    maxBatchBytes: Number(value('max.message.bytes')),
    flushMs: Number(value('flush.ms')),
    stampsAppendTime: value('message.timestamp.type') === 'LogAppendTime',
    timestampAfterMaxMs: Number(value('message.timestamp.after.max.ms')),
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
