import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { AWS_ATTEMPTS_MAX } from '../../core/limits.ts'
import { type AwsConnection, clientConfig } from './connection.ts'

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
