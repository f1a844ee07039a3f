import { GetObjectCommand, type S3Client } from '@aws-sdk/client-s3'
import { getSignedUrl } from '@aws-sdk/s3-request-presigner'
import { LOCATED_URL_LIFETIME_MS } from '../../../core/limits.ts'
import type { Position } from '../../../core/numbers.ts'
import type { ObjectLocator } from '../../../ports/object-locator.ts'
import { asStoreError } from '../aws-failures.ts'
import type { ClientPair } from '../connection.ts'
import { rangeOf } from './s3-object-store.ts'

/** Presigned URLs of objects in a bucket, each for one byte range. */
export class S3ObjectLocator implements ObjectLocator {
  readonly #client: S3Client
  readonly #bucket: string

  constructor({ once }: ClientPair<S3Client>, bucket: string) {
    this.#client = once
    this.#bucket = bucket
  }

  /** @throws NotApplied, StoreFailed where there are no credentials to sign with */
  async locate(key: string, position: Position, bytes: number): Promise<{ url: string; expiresMs: number }> {
    // An object can hold other topics' records too: the range is a header, which the signature covers, so that the
    // URL gives this range and no other.
    const command = new GetObjectCommand({
      Bucket: this.#bucket,
      Key: key,
      Range: rangeOf(position, bytes),
    })
    const nowMs = Date.now()
    try {
      const url = await getSignedUrl(this.#client, command, {
        expiresIn: LOCATED_URL_LIFETIME_MS / 1_000,
        signingDate: new Date(nowMs),
      })
      const { expiration } = await this.#client.config.credentials()
      // A URL ends with the credentials that signed it, if they end earlier.
      const expiresMs = Math.min(
        nowMs + LOCATED_URL_LIFETIME_MS,
        expiration?.getTime() ?? Number.POSITIVE_INFINITY,
      )
      return { url, expiresMs }
    } catch (error) {
      const resource = `the bucket "${this.#bucket}"`
      throw asStoreError(error, { action: 's3:GetObject', resource, effect: 'read' })
    }
  }
}
