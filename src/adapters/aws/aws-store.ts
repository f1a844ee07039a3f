import type { AwsConnection } from './connection.ts'
import { type AwsBucket, openAwsBucket } from './objects/aws-bucket.ts'
import { type AwsTable, openAwsTable } from './table/aws-table.ts'

export interface AwsStoreOptions extends AwsConnection {
  readonly table: string
  readonly bucket: string
}

/** The ports on a table of DynamoDB and a bucket of S3. */
export interface AwsStore extends AwsBucket, AwsTable {
  close(): void
}

/** Makes the clients and sends nothing: whether table and bucket are there, the first request tells. */
export function openAwsStore(options: AwsStoreOptions): AwsStore {
  const table = openAwsTable(options)
  const bucket = openAwsBucket(options)
  return {
    ...table,
    ...bucket,
    close: () => {
      table.close()
      bucket.close()
    },
  }
}
