import { TidemarkError } from '../errors.ts'

/** In the order of their codes in a batch's attributes. */
const NAMES = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const

/** How a batch's records are compressed, by Kafka's names. */
export type CompressionName = (typeof NAMES)[number]

/** @throws TidemarkError UNSUPPORTED_COMPRESSION_TYPE when Kafka has no such code */
export function compressionName(code: number): CompressionName {
  const name = NAMES[code]
  if (name === undefined) throw unknown(`with the code ${code}`)
  return name
}

/** @throws TidemarkError UNSUPPORTED_COMPRESSION_TYPE when Kafka has no such name */
export function compressionCode(name: CompressionName): number {
  const code = NAMES.indexOf(name)
  if (code < 0) throw unknown(`called ${name}`)
  return code
}

function unknown(which: string): TidemarkError {
  return new TidemarkError(
    'UNSUPPORTED_COMPRESSION_TYPE',
    `There is no compression ${which}. Use one of ${NAMES.join(', ')}.`,
  )
}
