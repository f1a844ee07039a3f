import { DynamoDBClient, type DynamoDBClientConfig } from '@aws-sdk/client-dynamodb'
import { S3Client } from '@aws-sdk/client-s3'
import { AWS_ATTEMPTS_MAX, AWS_CONNECT_TIMEOUT_MS, AWS_SOCKETS_MAX } from '../../core/limits.ts'
import type { UsageMeter } from './usage-meter.ts'

/** Where AWS is and as whom to speak to it. What is left out comes from the SDK's usual sources. */
export interface AwsConnection {
  readonly region?: string
  /** Of an emulator, for both services; AWS_ENDPOINT_URL and its like are honoured without it. */
  readonly endpoint?: string
  readonly credentials?: NonNullable<DynamoDBClientConfig['credentials']>
  /** Counts what the clients ask for. */
  readonly meter?: UsageMeter
}

export interface TableClients {
  /** For requests that may be repeated whatever became of them: the SDK does so. */
  readonly repeating: DynamoDBClient
  /** For conditional writes: one try each, since only the protocol knows what may follow an unknown outcome. */
  readonly once: DynamoDBClient
  close(): void
}

/** Makes the clients of the table and sends nothing. */
export function makeTableClients(connection: AwsConnection): TableClients {
  const once = new DynamoDBClient({ ...clientConfig(connection), maxAttempts: 1 })
  const { requestHandler, region, credentials } = once.config
  // The same connections and the same credentials serve both.
  const repeating = new DynamoDBClient({
    ...clientConfig(connection),
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

function clientConfig({ region, endpoint, credentials }: AwsConnection) {
  const agent = { keepAlive: true, maxSockets: AWS_SOCKETS_MAX }
  return {
    ...(region && { region }),
    ...(endpoint && { endpoint }),
    ...(credentials && { credentials }),
    // Named, so that the SDK need not look for it in files.
    retryMode: 'standard',
    requestHandler: { connectionTimeout: AWS_CONNECT_TIMEOUT_MS, httpAgent: agent, httpsAgent: agent },
  }
}
