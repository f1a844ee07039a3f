import { TidemarkError } from '../../src/core/errors.ts'

export function unsupported(name: string): TidemarkError {
  return new TidemarkError(
    'UNSUPPORTED_COMPRESSION_TYPE',
    `This function cannot write ${name}. Ask for gzip or zstd, or send record batches that you compressed yourself.`,
  )
}
