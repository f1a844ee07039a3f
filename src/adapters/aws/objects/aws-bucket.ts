import { S3Client } from '@aws-sdk/client-s3'
import type { ObjectLocator } from '../../../ports/object-locator.ts'
import type { ObjectStore } from '../../../ports/object-store.ts'
import { type AwsConnection, bucketConfig, type ClientPair, makeClientPair } from '../connection.ts'
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

/** Makes the clients and sends nothing. */
export function openAwsBucket(options: AwsConnection & { readonly bucket: string }): AwsBucket {
  const clients = makeBucketClients(options)
  return {
    objects: new S3ObjectStore(clients, options.bucket),
    locator: s3ObjectLocator(clients, options.bucket),
    close: () => clients.close(),
  }
}
