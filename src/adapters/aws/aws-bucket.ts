import type { ObjectLocator } from '../../ports/object-locator.ts'
import type { ObjectStore } from '../../ports/object-store.ts'
import { makeBucketClients } from './bucket-clients.ts'
import type { AwsConnection } from './connection.ts'
import { S3ObjectLocator } from './s3-object-locator.ts'
import { S3ObjectStore } from './s3-object-store.ts'

/** The ports on a bucket of S3. */
export interface AwsBucket {
  readonly objects: ObjectStore
  readonly locator: ObjectLocator
  /** Gives the connections back. */
  close(): void
}

/** Makes the clients and sends nothing. */
export function openAwsBucket(options: AwsConnection & { readonly bucket: string }): AwsBucket {
  const clients = makeBucketClients(options)
  return {
    objects: new S3ObjectStore(clients, options.bucket),
    locator: new S3ObjectLocator(clients, options.bucket),
    close: () => clients.close(),
  }
}
