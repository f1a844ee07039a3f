import { S3Client } from '@aws-sdk/client-s3'
import { AWS_ATTEMPTS_MAX } from '../../core/limits.ts'
import { type AwsConnection, clientConfig } from './connection.ts'

export interface BucketClients {
  /** For requests that may be repeated whatever became of them: the SDK does so. */
  readonly repeating: S3Client
  /** For puts and reads: one try each, since their callers repeat them in their own way. */
  readonly once: S3Client
  close(): void
}

/** Makes the clients of the bucket and sends nothing. */
export function makeBucketClients(connection: AwsConnection): BucketClients {
  const endpoint =
    connection.endpoint ?? process.env.AWS_ENDPOINT_URL_S3 ?? process.env.AWS_ENDPOINT_URL ?? undefined
  const config = {
    ...clientConfig(connection),
    // An emulator has no host name for each bucket.
    forcePathStyle: endpoint !== undefined,
    // Asking first whether a large body is welcome costs a round trip and a connection that serves nothing else.
    expectContinueHeader: false,
    // A range has no checksum of its own: the batches in it have theirs.
    responseChecksumValidation: 'WHEN_REQUIRED' as const,
  }
  const once = new S3Client({ ...config, maxAttempts: 1 })
  const { requestHandler, region, credentials } = once.config
  // The same connections and the same credentials serve both.
  const repeating = new S3Client({
    ...config,
    region,
    credentials,
    requestHandler,
    maxAttempts: AWS_ATTEMPTS_MAX,
  })
  for (const client of [once, repeating]) connection.meter?.watch(client)
  return {
    once,
    repeating,
    close: () => {
      repeating.destroy()
      once.destroy()
    },
  }
}
