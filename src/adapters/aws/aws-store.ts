import type { GroupStore } from '../../ports/group-store.ts'
import type { LogIndex } from '../../ports/log-index.ts'
import type { ObjectLocator } from '../../ports/object-locator.ts'
import type { ObjectStore } from '../../ports/object-store.ts'
import type { TopicStore } from '../../ports/topic-store.ts'
import { type AwsConnection, makeBucketClients, makeTableClients } from './clients.ts'
import { DynamoGroupStore } from './dynamo-group-store.ts'
import { DynamoLogIndex } from './dynamo-log-index.ts'
import { DynamoTable } from './dynamo-table.ts'
import { DynamoTopicStore } from './dynamo-topic-store.ts'
import { S3ObjectLocator } from './s3-object-locator.ts'
import { S3ObjectStore } from './s3-object-store.ts'

export interface AwsStoreOptions extends AwsConnection {
  /** The DynamoDB table's name. */
  readonly table: string
  /** The S3 bucket's name. */
  readonly bucket: string
}

/** The ports on a table of DynamoDB and a bucket of S3. */
export interface AwsStore {
  readonly objects: ObjectStore
  readonly index: LogIndex
  readonly topics: TopicStore
  readonly groups: GroupStore
  readonly locator: ObjectLocator
  /** Gives the connections back. */
  close(): void
}

/** Makes the clients and sends nothing: whether table and bucket are there, the first request tells. */
export function openAwsStore(options: AwsStoreOptions): AwsStore {
  const tableClients = makeTableClients(options)
  const bucketClients = makeBucketClients(options)
  const table = new DynamoTable(tableClients, options.table)
  return {
    objects: new S3ObjectStore(bucketClients, options.bucket),
    index: new DynamoLogIndex(table),
    topics: new DynamoTopicStore(table),
    groups: new DynamoGroupStore(table),
    locator: new S3ObjectLocator(bucketClients, options.bucket),
    close: () => {
      tableClients.close()
      bucketClients.close()
    },
  }
}
