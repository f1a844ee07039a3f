import { GetObjectCommand, type S3Client } from '@aws-sdk/client-s3'
import { getSignedUrl } from '@aws-sdk/s3-request-presigner'
import { LOCATED_URL_LIFETIME_MS } from '../../../core/limits.ts'
import type { ObjectLocator } from '../../../ports/object-locator.ts'
import { asStoreError } from '../aws-failures.ts'
import type { ClientPair } from '../connection.ts'
import { rangeOf } from './s3-object-store.ts'

/** Presigned URLs of objects in a bucket, each for one byte range. */
export function s3ObjectLocator({ once: client }: ClientPair<S3Client>, Bucket: string): ObjectLocator {
  /** @throws NotApplied, StoreFailed where there are no credentials to sign with */
  const locate: ObjectLocator['locate'] = async (key, position, bytes) => {
    // An object can hold other topics' records too: the range is a header, which the signature covers, so that the
    // URL gives this range and no other.
    const command = new GetObjectCommand({ Bucket, Key: key, Range: rangeOf(position, bytes) })
    const nowMs = Date.now()
    try {
      const url = await getSignedUrl(client, command, {
        expiresIn: LOCATED_URL_LIFETIME_MS / 1_000,
        signingDate: new Date(nowMs),
      })
      const { expiration } = await client.config.credentials()
      // A URL ends with the credentials that signed it, if they end earlier.
      const expiresMs = Math.min(
        nowMs + LOCATED_URL_LIFETIME_MS,
        expiration?.getTime() ?? Number.POSITIVE_INFINITY,
      )
      return { url, expiresMs }
    } catch (error) {
      const resource = `the bucket "${Bucket}"`
      throw asStoreError(error, { action: 's3:GetObject', resource, effect: 'read' })
    }
  }
  return { locate }
}
