import { S3Client } from '@aws-sdk/client-s3'
import type { ObjectLocator } from '../../../ports/object-locator.ts'
import type { ObjectStore } from '../../../ports/object-store.ts'
import { type AwsConnection, bucketConfig, type ClientPair, makeClientPair } from '../connection.ts'
import type { StoreStatement } from '../store-statement.ts'
import { BucketFormat } from './bucket-format.ts'
import { s3ObjectLocator } from './s3-object-locator.ts'
import { S3ObjectStore } from './s3-object-store.ts'

export interface AwsBucket {
  readonly objects: ObjectStore
  readonly locator: ObjectLocator
  close(): void
}

export function makeBucketClients(connection: AwsConnection): ClientPair<S3Client> {
  const config = {
    ...bucketConfig(connection),
    // Asking first whether a large body is welcome costs a round trip and a connection that serves nothing else.
    expectContinueHeader: false,
    // A range has no checksum of its own: the batches in it have theirs.
    responseChecksumValidation: 'WHEN_REQUIRED' as const,
  }
  return makeClientPair(S3Client, config, connection)
}

export interface AwsBucketOptions extends AwsConnection {
  readonly bucket: string
  /** What the bucket's statement is compared with, or made of; without it nobody asks. */
  readonly format?: StoreStatement | undefined
}

/** Makes the clients and sends nothing. */
export function openAwsBucket(options: AwsBucketOptions): AwsBucket {
  const clients = makeBucketClients(options)
  const { bucket, format } = options
  const gate = format && new BucketFormat(clients, bucket, format)
  return {
    objects: new S3ObjectStore(clients, bucket, gate && { gate }),
    locator: s3ObjectLocator(clients, bucket),
    close: () => clients.close(),
  }
}
