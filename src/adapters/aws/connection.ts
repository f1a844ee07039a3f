import type { DynamoDBClientConfig } from '@aws-sdk/client-dynamodb'
import { AWS_CONNECT_TIMEOUT_MS, AWS_SOCKETS_MAX } from '../../core/limits.ts'
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

/** What the clients of both services are made with. */
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
