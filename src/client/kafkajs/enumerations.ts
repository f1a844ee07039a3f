import { CompressionTypes as COMPRESSION_NUMBERS } from '../sdk/producing/compression-types.ts'

/** Names and numbers, both ways, as a TypeScript enum has them; `Object.keys` tells the names alone. */
type Enumeration<Names> = Names & { readonly [number: number]: string }

function enumeration<const Names extends Record<string, number>>(names: Names): Enumeration<Names> {
  const both = { ...names }
  for (const [name, number] of Object.entries(names)) Object.defineProperty(both, number, { value: name })
  return both as unknown as Enumeration<Names>
}

/** How much is logged: what is of this level or below. */
export const logLevel = enumeration({ NOTHING: 0, ERROR: 1, WARN: 2, INFO: 4, DEBUG: 5 })
export type logLevel = logLevel.NOTHING | logLevel.ERROR | logLevel.WARN | logLevel.INFO | logLevel.DEBUG
export declare namespace logLevel {
  type NOTHING = 0
  type ERROR = 1
  type WARN = 2
  type INFO = 4
  type DEBUG = 5
}

export const CompressionTypes = enumeration(COMPRESSION_NUMBERS)
export type CompressionTypes =
  | CompressionTypes.None
  | CompressionTypes.GZIP
  | CompressionTypes.Snappy
  | CompressionTypes.LZ4
  | CompressionTypes.ZSTD
export declare namespace CompressionTypes {
  type None = 0
  type GZIP = 1
  type Snappy = 2
  type LZ4 = 3
  type ZSTD = 4
}

/** Of what configs are. Here only topics have some. */
export const ConfigResourceTypes = enumeration({ UNKNOWN: 0, TOPIC: 2, BROKER: 4, BROKER_LOGGER: 8 })
export type ConfigResourceTypes =
  | ConfigResourceTypes.UNKNOWN
  | ConfigResourceTypes.TOPIC
  | ConfigResourceTypes.BROKER
  | ConfigResourceTypes.BROKER_LOGGER
export declare namespace ConfigResourceTypes {
  type UNKNOWN = 0
  type TOPIC = 2
  type BROKER = 4
  type BROKER_LOGGER = 8
}

/** Where a config's value comes from. Here from the topic, or it is the default. */
export const ConfigSource = enumeration({
  UNKNOWN: 0,
  TOPIC_CONFIG: 1,
  DYNAMIC_BROKER_CONFIG: 2,
  DYNAMIC_DEFAULT_BROKER_CONFIG: 3,
  STATIC_BROKER_CONFIG: 4,
  DEFAULT_CONFIG: 5,
  DYNAMIC_BROKER_LOGGER_CONFIG: 6,
})
export type ConfigSource =
  | ConfigSource.UNKNOWN
  | ConfigSource.TOPIC_CONFIG
  | ConfigSource.DYNAMIC_BROKER_CONFIG
  | ConfigSource.DYNAMIC_DEFAULT_BROKER_CONFIG
  | ConfigSource.STATIC_BROKER_CONFIG
  | ConfigSource.DEFAULT_CONFIG
  | ConfigSource.DYNAMIC_BROKER_LOGGER_CONFIG
export declare namespace ConfigSource {
  type UNKNOWN = 0
  type TOPIC_CONFIG = 1
  type DYNAMIC_BROKER_CONFIG = 2
  type DYNAMIC_DEFAULT_BROKER_CONFIG = 3
  type STATIC_BROKER_CONFIG = 4
  type DEFAULT_CONFIG = 5
  type DYNAMIC_BROKER_LOGGER_CONFIG = 6
}
