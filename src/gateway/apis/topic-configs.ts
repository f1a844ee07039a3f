import type { TopicConfig } from '../../contract/broker.ts'
import { TidemarkError } from '../../core/errors.ts'
import { listConfigs } from '../../core/topic/topic-config.ts'
import { type DescribedConfig, SOURCE, TYPE } from './config-resources.ts'
import { describeForeignConfigs, hasNoEffect } from './foreign-configs.ts'

/** Kafka's largest number of 64 bits: its "for ever", and its "without end". */
const INT64_MAX = '9223372036854775807'
const OWN_MAX = String(Number.MAX_SAFE_INTEGER)

const OWN = new Map(listConfigs().map(config => [config.name, config]))

/** What a broker of Kafka's calls the config that a topic's default comes from. */
const BROKER_NAMES: Readonly<Record<string, string>> = {
  'cleanup.policy': 'log.cleanup.policy',
  'compression.type': 'compression.type',
  'delete.retention.ms': 'log.cleaner.delete.retention.ms',
  'flush.ms': 'log.flush.interval.ms',
  'max.compaction.lag.ms': 'log.cleaner.max.compaction.lag.ms',
  'max.message.bytes': 'message.max.bytes',
  'message.timestamp.after.max.ms': 'log.message.timestamp.after.max.ms',
  'message.timestamp.type': 'log.message.timestamp.type',
  'min.cleanable.dirty.ratio': 'log.cleaner.min.cleanable.ratio',
  'min.compaction.lag.ms': 'log.cleaner.min.compaction.lag.ms',
  'retention.bytes': 'log.retention.bytes',
  'retention.ms': 'log.retention.ms',
  'segment.bytes': 'log.segment.bytes',
}

const INT_CONFIGS = ['max.message.bytes', 'segment.bytes']

function typeOf(name: string): number {
  switch (OWN.get(name)?.kind) {
    case 'integer':
      return INT_CONFIGS.includes(name) ? TYPE.int : TYPE.long
    case 'ratio':
      return TYPE.double
    case 'list':
      return TYPE.list
    default:
      return TYPE.string
  }
}

/** Whether it is a list, to which something can be added. */
export function isList(name: string): boolean {
  return OWN.get(name)?.kind === 'list'
}

/** The defaults of topics, as configs of the broker. */
export function brokerDefaults(): { name: string; value: string; type: number }[] {
  return [...OWN.values()].flatMap(({ name, defaultValue }) => {
    const brokerName = BROKER_NAMES[name]
    return brokerName ? [{ name: brokerName, value: toKafka(defaultValue), type: typeOf(name) }] : []
  })
}

/** A topic's configs as clients are told of them. */
export function describeTopicConfigs(configs: readonly TopicConfig[]): DescribedConfig[] {
  const own = configs.map(({ name, value, isDefault, note }) => {
    const defaultValue = toKafka(OWN.get(name)?.defaultValue ?? value)
    const brokerName = BROKER_NAMES[name]
    return {
      name,
      value: toKafka(value),
      readOnly: false,
      configSource: isDefault ? SOURCE.default : SOURCE.topic,
      isSensitive: false,
      synonyms: [
        ...(isDefault ? [] : [{ name, value: toKafka(value), source: SOURCE.topic }]),
        ...(brokerName ? [{ name: brokerName, value: defaultValue, source: SOURCE.default }] : []),
      ],
      configType: typeOf(name),
      documentation: note ?? `${defaultValue} by default.`,
    }
  })
  return [...own, ...describeForeignConfigs()]
}

/**
 * Configs as clients give them, without those that have no effect. The last one counts where one is named twice, as in Kafka.
 * @throws TidemarkError INVALID_CONFIG where one has no value, or one that it cannot have
 */
export function toOwnConfigs(
  configs: readonly { readonly name: string; readonly value: string | null }[],
): Record<string, string> {
  const none = configs.filter(({ value }) => value === null)
  if (none.length > 0) {
    const names = none.map(({ name }) => name).join(', ')
    throw new TidemarkError('INVALID_CONFIG', `These configs need a value: ${names}.`)
  }
  const given = configs.map(({ name, value }) => [name, toOwnValue(name, value!)] as const)
  return Object.fromEntries(given.filter(([name, value]) => !hasNoEffect(name, value)))
}

/** Kafka's numbers are 64 bits wide, and what is larger than can be here is as good as without end. */
export function toOwnValue(name: string, value: string): string {
  const config = OWN.get(name)
  if (config?.kind !== 'integer' || !/^\d{1,19}$/.test(value)) return value
  // There it is when a disk is asked to be sure; here records are on it when they are acknowledged.
  const isTaken = BigInt(value) > BigInt(Number.MAX_SAFE_INTEGER) || name === 'flush.ms'
  return isTaken && Number(value) > config.max ? String(config.max) : value
}

function toKafka(value: string): string {
  return value === OWN_MAX ? INT64_MAX : value
}
