/** Kafka's numbers for what has configs. */
export const RESOURCE = { topic: 2, broker: 4, brokerLogger: 8, clientMetrics: 16, group: 32 } as const

/** Kafka's numbers for the types of configs. */
export const TYPE = { boolean: 1, string: 2, int: 3, long: 5, double: 6, list: 7 } as const
/** Kafka's numbers for where a value comes from. */
export const SOURCE = { topic: 1, staticBroker: 4, default: 5 } as const

/** As it stands in answers that tell of configs. */
export interface DescribedConfig {
  readonly name: string
  readonly value: string | null
  readonly readOnly: boolean
  readonly configSource: number
  readonly isSensitive: boolean
  readonly synonyms: { readonly name: string; readonly value: string | null; readonly source: number }[]
  readonly configType: number
  readonly documentation: string | null
}
