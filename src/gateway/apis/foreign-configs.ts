import { TidemarkError } from '../../core/errors.ts'
import { type DescribedConfig, SOURCE, TYPE } from './config-resources.ts'

type Foreign = readonly [defaultValue: string, type: number, brokerName?: string]

/** Kafka's configs of topics that mean nothing here, with what they are in Kafka unless somebody sets them. */
const FOREIGN: ReadonlyMap<string, Foreign> = new Map<string, Foreign>([
  ['compression.gzip.level', ['-1', TYPE.int, 'compression.gzip.level']],
  ['compression.lz4.level', ['9', TYPE.int, 'compression.lz4.level']],
  ['compression.zstd.level', ['3', TYPE.int, 'compression.zstd.level']],
  ['errors.deadletterqueue.group.enable', ['false', TYPE.boolean]],
  ['file.delete.delay.ms', ['60000', TYPE.long, 'log.segment.delete.delay.ms']],
  ['flush.messages', ['9223372036854775807', TYPE.long, 'log.flush.interval.messages']],
  ['follower.replication.throttled.replicas', ['', TYPE.list]],
  ['index.interval.bytes', ['4096', TYPE.int, 'log.index.interval.bytes']],
  ['leader.replication.throttled.replicas', ['', TYPE.list]],
  ['local.retention.bytes', ['-2', TYPE.long, 'log.local.retention.bytes']],
  ['local.retention.ms', ['-2', TYPE.long, 'log.local.retention.ms']],
  ['max.decompressed.message.bytes', ['2147483639', TYPE.int, 'max.decompressed.message.bytes']],
  [
    'message.timestamp.before.max.ms',
    ['9223372036854775807', TYPE.long, 'log.message.timestamp.before.max.ms'],
  ],
  ['min.insync.replicas', ['1', TYPE.int, 'min.insync.replicas']],
  ['preallocate', ['false', TYPE.boolean, 'log.preallocate']],
  ['remote.copy.lag.bytes', ['-1', TYPE.long, 'log.remote.copy.lag.bytes']],
  ['remote.copy.lag.ms', ['0', TYPE.long, 'log.remote.copy.lag.ms']],
  ['remote.log.copy.disable', ['false', TYPE.boolean]],
  ['remote.log.delete.on.disable', ['false', TYPE.boolean]],
  ['remote.storage.enable', ['false', TYPE.boolean]],
  ['segment.index.bytes', ['10485760', TYPE.int, 'log.index.size.max.bytes']],
  ['segment.jitter.ms', ['0', TYPE.long]],
  ['segment.ms', ['604800000', TYPE.long]],
  ['unclean.leader.election.enable', ['false', TYPE.boolean, 'unclean.leader.election.enable']],
])

/** A broker of Kafka's would compress anew; here batches stay as their producers have made them. */
const COMPRESSION_TYPES = ['uncompressed', 'gzip', 'snappy', 'lz4', 'zstd']

const PATTERNS: Readonly<Record<number, RegExp>> = {
  [TYPE.boolean]: /^(?:true|false)$/i,
  [TYPE.int]: /^-?\d{1,10}$/,
  [TYPE.long]: /^-?\d{1,19}$/,
}

export function isForeign(name: string): boolean {
  return FOREIGN.has(name)
}

/**
 * Whether a config is one that Kafka's tools set, and that is taken without any effect: topics are made, moved and compared
 * with all of their configs. What holds is what is told of them afterwards.
 * @throws TidemarkError INVALID_CONFIG where Kafka would not take the value either
 */
export function hasNoEffect(name: string, value: string): boolean {
  if (name === 'compression.type') return COMPRESSION_TYPES.includes(value)
  const foreign = FOREIGN.get(name)
  if (!foreign) return false
  const pattern = PATTERNS[foreign[1]]
  if (pattern && !pattern.test(value)) {
    throw new TidemarkError('INVALID_CONFIG', `${name} is "${value}", which Kafka would not take.`)
  }
  return true
}

/** As they are, whatever was set. */
export function describeForeignConfigs(): DescribedConfig[] {
  return Array.from(FOREIGN, ([name, [value, configType, brokerName]]) => ({
    name,
    value,
    readOnly: false,
    configSource: SOURCE.default,
    isSensitive: false,
    synonyms: brokerName ? [{ name: brokerName, value, source: SOURCE.default }] : [],
    configType,
    documentation: 'It has no effect here: what is set is taken, and not kept.',
  }))
}
