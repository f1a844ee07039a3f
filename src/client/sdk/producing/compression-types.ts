import { TidemarkError } from '../../../core/errors.ts'
import type { CompressionName } from '../../../core/record/compression-name.ts'

/** Kafka's numbers for compressions, under the names that KafkaJS gives them. */
export const CompressionTypes = { None: 0, GZIP: 1, Snappy: 2, LZ4: 3, ZSTD: 4 } as const

export type CompressionType = (typeof CompressionTypes)[keyof typeof CompressionTypes]

const NAMES: readonly CompressionName[] = ['none', 'gzip', 'snappy', 'lz4', 'zstd']

/** @throws TidemarkError UNSUPPORTED_COMPRESSION_TYPE */
export function toCompressionName(given: CompressionType | CompressionName | undefined): CompressionName {
  const name = typeof given === 'number' ? NAMES[given] : (given ?? 'none')
  if (name !== undefined && NAMES.includes(name)) return name
  throw new TidemarkError(
    'UNSUPPORTED_COMPRESSION_TYPE',
    `There is no compression called ${String(given)}. Use one of ${NAMES.join(', ')}.`,
  )
}
