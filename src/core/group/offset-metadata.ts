import { TidemarkError } from '../errors.ts'
import { COMMIT_METADATA_BYTES_MAX } from '../limits.ts'

/**
 * What a consumer notes down with a committed offset: at most 4,096 bytes of UTF-8, as in Kafka.
 * @throws OFFSET_METADATA_TOO_LARGE
 */
export function checkMetadata(metadata: string): void {
  const bytes = Buffer.byteLength(metadata)
  if (bytes > COMMIT_METADATA_BYTES_MAX) {
    throw new TidemarkError(
      'OFFSET_METADATA_TOO_LARGE',
      `An offset's metadata has at most ${COMMIT_METADATA_BYTES_MAX} bytes; this has ${bytes}.`,
    )
  }
}
