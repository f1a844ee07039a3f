import type { DynamoDBClient, DynamoDBClientConfig } from '@aws-sdk/client-dynamodb'
import type { S3Client } from '@aws-sdk/client-s3'
import { AWS_ATTEMPTS_MAX, AWS_CONNECT_TIMEOUT_MS, AWS_SOCKETS_MAX } from '../../core/limits.ts'
import type { UsageMeter } from './usage-meter.ts'

/** Where AWS is and as whom to speak to it. What is left out comes from the SDK's usual sources. */
export interface AwsConnection {
  readonly region?: string
  /** Of an emulator, for both services; AWS_ENDPOINT_URL and its like are honoured without it. */
  readonly endpoint?: string
  readonly credentials?: NonNullable<DynamoDBClientConfig['credentials']>
  readonly meter?: UsageMeter
}

export function clientConfig({ region, endpoint, credentials }: AwsConnection) {
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

/** The same of a bucket, or of an emulator's, which has no host name for each. */
export function bucketConfig(connection: AwsConnection) {
  const endpoint =
    connection.endpoint ?? process.env.AWS_ENDPOINT_URL_S3 ?? process.env.AWS_ENDPOINT_URL ?? undefined
  return { ...clientConfig(connection), forcePathStyle: endpoint !== undefined }
}

/** Two clients over the same connections, with the same credentials. */
export interface ClientPair<Client> {
  /** For requests that may be repeated whatever became of them: the SDK does so. */
  readonly repeating: Client
  /** One try each, for what callers repeat in their own way: only they know what may follow an unknown outcome. */
  readonly once: Client
  close(): void
}

/** Makes the clients and sends nothing. */
export function makeClientPair<Client extends DynamoDBClient | S3Client, Config extends object>(
  ServiceClient: new (config: Config & { maxAttempts: number }) => Client,
  config: Config,
  { meter }: AwsConnection,
): ClientPair<Client> {
  const once = new ServiceClient({ ...config, maxAttempts: 1 })
  const { requestHandler, region, credentials } = once.config
  const shared = { ...config, requestHandler, region, credentials }
  const repeating = new ServiceClient({ ...shared, maxAttempts: AWS_ATTEMPTS_MAX })
  for (const client of [once, repeating]) meter?.watch(client)
  return {
    once,
    repeating,
    close: () => {
      repeating.destroy()
      once.destroy()
    },
  }
}
