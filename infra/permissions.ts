import * as iam from 'aws-cdk-lib/aws-iam'
import type * as logs from 'aws-cdk-lib/aws-logs'
import type * as s3 from 'aws-cdk-lib/aws-s3'
import {
  DELETED_TOPICS_PREFIX,
  FORMAT_ITEM,
  FORMAT_OBJECT,
  GROUP_PREFIX,
  GROUPS_KEY,
  INGEST_PREFIX,
  LISTENERS_PREFIX,
  LOG_OBJECTS_PREFIX,
  LOG_PREFIX,
  SEGMENT_PREFIX,
  TRIGGERS_KEY,
  WAKING_KEY_ITEM,
} from '../src/core/storage-layout.ts'
import { OUTBOX_FAILED_PREFIX, OUTBOX_LANES_KEY, OUTBOX_PREFIX } from '../src/core/storage-outbox.ts'
import { TRANSACTION_PREFIX, TRANSACTIONS_KEY } from '../src/core/storage-transactions.ts'
import type { Stores } from './stores.ts'

/** What objects begin with that commits and flushes make; the first ones are of stores whose epochs have not begun. */
export const WRITTEN_PREFIXES: readonly string[] = [SEGMENT_PREFIX, INGEST_PREFIX]
/** What objects begin with that hold records. */
export const RECORD_PREFIXES: readonly string[] = [...WRITTEN_PREFIXES, LOG_OBJECTS_PREFIX]

/** All that topics and their logs take, deletions too. */
const READ_AND_CHANGE = [
  'dynamodb:BatchWriteItem',
  'dynamodb:DeleteItem',
  'dynamodb:GetItem',
  'dynamodb:PutItem',
  'dynamodb:Query',
  'dynamodb:UpdateItem',
]

/**
 * Looks up topics, heads and blocks; appends to heads; moves a tail that has grown too long into a block and an
 * object. It cannot touch topics: the condition lets it write to logs only.
 */
export function producePermissions({ table, bucket }: Stores): iam.PolicyStatement[] {
  return [
    allow(['dynamodb:GetItem', 'dynamodb:Query'], table.tableArn),
    allowUnder([`${LOG_PREFIX}*`], ['dynamodb:PutItem', 'dynamodb:UpdateItem'], table.tableArn),
    allow(['s3:PutObject'], ...objectsOf(bucket, WRITTEN_PREFIXES)),
  ]
}

/**
 * Looks up topics, heads and blocks, and reads objects: itself, or through URLs that it signs. It changes nothing.
 * Without s3:ListBucket, S3 answers "access denied" for an object that does not exist instead of "no such key".
 */
export function fetchPermissions({ table, bucket }: Stores): iam.PolicyStatement[] {
  return [
    allow(['dynamodb:GetItem', 'dynamodb:Query'], table.tableArn),
    allow(['s3:GetObject'], ...objectsOf(bucket, RECORD_PREFIXES)),
    allow(['s3:ListBucket'], bucket.bucketArn),
  ]
}

/** Puts those who want to be woken into the table, and where they are too many takes them out again. Looking, fetches may anyway. */
export function armPermissions({ table }: Stores, ...more: string[]): iam.PolicyStatement[] {
  const actions = ['dynamodb:DeleteItem', 'dynamodb:PutItem', ...more]
  return [allowUnder([`${LISTENERS_PREFIX}*`], actions, table.tableArn)]
}

/** Reads the key of tickets, and makes it where there is none: the only item under its key. */
export function listenPermissions({ table }: Stores): iam.PolicyStatement[] {
  const actions = ['dynamodb:GetItem', 'dynamodb:PutItem']
  return [allowUnder([WAKING_KEY_ITEM.partitionKey], actions, table.tableArn)]
}

/** Takes those who are to be woken out of the table or moves them up, and notes down where they are too many; hands messages on. */
export function wakePermissions(stores: Stores, postArn: string): iam.PolicyStatement[] {
  return [...armPermissions(stores, 'dynamodb:UpdateItem'), ...callPermissions(postArn)]
}

/** @param connections of a stage of a WebSocket API: what is posted to them */
export function postPermissions(connections: string): iam.PolicyStatement[] {
  return [allow(['execute-api:ManageConnections'], connections)]
}

/**
 * Looks up topics and heads; changes groups, transactions, and triggers, which it pauses and resumes. It carries out what a transaction
 * has decided, and so appends as producers do, and brings bytes anew that have been staged for long. What the table says of its store it
 * may raise: an older program knows nothing of transactions.
 */
export function rebalancePermissions(stores: Stores): iam.PolicyStatement[] {
  const { table, bucket } = stores
  return [
    ...producePermissions(stores),
    allowUnder(
      [`${GROUP_PREFIX}*`, GROUPS_KEY, TRIGGERS_KEY, `${TRANSACTION_PREFIX}*`, TRANSACTIONS_KEY],
      ['dynamodb:BatchWriteItem', 'dynamodb:DeleteItem', 'dynamodb:PutItem', 'dynamodb:UpdateItem'],
      table.tableArn,
    ),
    allowUnder([FORMAT_ITEM.partitionKey], ['dynamodb:PutItem'], table.tableArn),
    allow(['s3:GetObject'], ...objectsOf(bucket, WRITTEN_PREFIXES)),
  ]
}

/**
 * Looks through heads, moves tails into blocks and objects, and finishes deletions of topics that a crash left. It has the
 * bucket say to which table it belongs, and sees whether it does.
 */
export function flushPermissions({ table, bucket }: Stores): iam.PolicyStatement[] {
  return [
    allow(READ_AND_CHANGE, table.tableArn),
    allow(['s3:PutObject'], ...objectsOf(bucket, [...WRITTEN_PREFIXES, DELETED_TOPICS_PREFIX])),
    allow(['s3:GetObject', 's3:PutObject'], bucket.arnForObjects(FORMAT_OBJECT)),
  ]
}

/**
 * Copies records from objects that many partitions share into objects of one, and deletes what nothing needs any more: it
 * alone may delete objects. To make up for others, it also flushes and finishes deletions. Without s3:ListBucket it would not
 * find what crashes have left, nor be told that an object is not there.
 */
export function maintainPermissions({ table, bucket }: Stores): iam.PolicyStatement[] {
  return [
    allow(READ_AND_CHANGE, table.tableArn),
    allow(['s3:DeleteObject', 's3:GetObject'], ...objectsOf(bucket, RECORD_PREFIXES)),
    allow(
      ['s3:AbortMultipartUpload', 's3:PutObject'],
      ...objectsOf(bucket, [INGEST_PREFIX, LOG_OBJECTS_PREFIX]),
    ),
    allow(['s3:PutObject'], ...objectsOf(bucket, [DELETED_TOPICS_PREFIX])),
    allow(['s3:GetObject', 's3:PutObject'], bucket.arnForObjects(FORMAT_OBJECT)),
    allow(['s3:ListBucket'], bucket.bucketArn),
  ]
}

/**
 * Appends as producers do, and takes out of outboxes what is in the logs then, or puts it aside. That it may look through all of the
 * table, producers may, too.
 */
export function relayPermissions(stores: Stores): iam.PolicyStatement[] {
  const { tableArn } = stores.table
  return [
    ...producePermissions(stores),
    allowUnder([`${OUTBOX_PREFIX}*`], ['dynamodb:BatchWriteItem', 'dynamodb:DeleteItem'], tableArn),
    allowUnder([`${OUTBOX_FAILED_PREFIX}*`], ['dynamodb:PutItem'], tableArn),
    allowUnder([OUTBOX_LANES_KEY], ['dynamodb:DeleteItem', 'dynamodb:PutItem'], tableArn),
  ]
}

/** Calls a function and waits for nothing. */
export function callPermissions(functionArn: string): iam.PolicyStatement[] {
  return [allow(['lambda:InvokeFunction'], functionArn)]
}

/** Reads the table's stream. The action ListStreams goes by table and not by stream, hence the *. */
export function streamPermissions({ table }: Stores): iam.PolicyStatement[] {
  return [
    allow(
      ['dynamodb:DescribeStream', 'dynamodb:GetRecords', 'dynamodb:GetShardIterator', 'dynamodb:ListStreams'],
      `${table.tableArn}/stream/*`,
    ),
  ]
}

/** Looks up triggers, topics, heads and what is committed, and reads the stream. It changes nothing in the table. */
export function dispatchPermissions(stores: Stores): iam.PolicyStatement[] {
  return [allow(['dynamodb:GetItem', 'dynamodb:Query'], stores.table.tableArn), ...streamPermissions(stores)]
}

/** Reads logs, and commits in the name of triggers' groups. Whom it may call, and where it may tell of failures, each trigger adds. */
export function deliverPermissions({ table, bucket }: Stores): iam.PolicyStatement[] {
  return [
    ...fetchPermissions({ table, bucket }),
    // The list of groups, too: a group that somebody has removed is made anew with the first commit.
    allowUnder([`${GROUP_PREFIX}*`, GROUPS_KEY], ['dynamodb:PutItem', 'dynamodb:UpdateItem'], table.tableArn),
  ]
}

/** What producing takes, where given-up records go to a topic: a topic is found by its name, so it may be any. */
export function topicFailurePermissions(stores: Stores): iam.PolicyStatement[] {
  return producePermissions(stores).filter(({ actions }) => !actions.includes('dynamodb:GetItem'))
}

/** Creates, alters and deletes topics and their logs. Of objects it writes only those that tell which topics were deleted. */
export function adminPermissions({ table, bucket }: Stores): iam.PolicyStatement[] {
  return [
    allow(READ_AND_CHANGE, table.tableArn),
    allow(['s3:PutObject'], ...objectsOf(bucket, [DELETED_TOPICS_PREFIX])),
  ]
}

/**
 * What all functions behind the API may do together: Kafka's clients ask for all of it. As a process that is given any table
 * and any bucket, it looks whether they belong together.
 */
export function gatewayPermissions(stores: Stores): iam.PolicyStatement[] {
  return [
    allow(['s3:GetObject', 's3:PutObject'], stores.bucket.arnForObjects(FORMAT_OBJECT)),
    ...producePermissions(stores),
    ...fetchPermissions(stores),
    ...rebalancePermissions(stores),
    ...adminPermissions(stores),
  ]
}

/** What objects begin with that it reaches. */
export const gatewayPrefixes: readonly string[] = [...RECORD_PREFIXES, DELETED_TOPICS_PREFIX]

export function logPermissions(logGroup: logs.LogGroup): iam.PolicyStatement[] {
  return [allow(['logs:CreateLogStream', 'logs:PutLogEvents'], logGroup.logGroupArn)]
}

export function objectsOf(bucket: s3.Bucket, prefixes: readonly string[]): string[] {
  return prefixes.map(prefix => bucket.arnForObjects(`${prefix}*`))
}

export function allow(actions: string[], ...resources: string[]): iam.PolicyStatement {
  return new iam.PolicyStatement({ actions, resources })
}

/** Only for items whose partition keys are like these. */
export function allowUnder(keys: string[], actions: string[], resource: string): iam.PolicyStatement {
  const conditions = { 'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': keys } }
  return new iam.PolicyStatement({ actions, resources: [resource], conditions })
}
