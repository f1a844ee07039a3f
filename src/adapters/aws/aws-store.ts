import type { AwsConnection } from './connection.ts'
import { type AwsBucket, makeBucketClients, openAwsBucket } from './objects/aws-bucket.ts'
import { BucketFormat } from './objects/bucket-format.ts'
import { type AwsTable, openAwsTable } from './table/aws-table.ts'

export interface AwsStoreOptions extends AwsConnection {
  readonly table: string
  readonly bucket: string
  /** Whether a store that says nothing of itself is given a statement with the first write; it is unless this is false. */
  readonly states?: boolean
}

/** The ports on a table of DynamoDB and a bucket of S3. */
export interface AwsStore extends AwsBucket, AwsTable {
  /** Has a table that says nothing say what its bucket does: the index is to be made anew. @throws StoreFailed, NotApplied, OutcomeUnknown */
  adoptStatement(): Promise<void>
  close(): void
}

/** Makes the clients and sends nothing: whether table and bucket are there, the first request tells. */
export function openAwsStore(options: AwsStoreOptions): AwsStore {
  const table = openAwsTable({ ...options, states: options.states ?? true })
  const bucket = openAwsBucket({ ...options, format: table.format })
  return {
    ...table,
    ...bucket,
    adoptStatement: async () => {
      const clients = makeBucketClients(options)
      const format = await new BucketFormat(clients, options.bucket, table.format).statement()
      clients.close()
      if (format) await table.format.adopt(format)
    },
    close: () => {
      table.close()
      bucket.close()
    },
  }
}
