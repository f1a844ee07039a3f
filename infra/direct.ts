import { Token } from 'aws-cdk-lib'
import * as iam from 'aws-cdk-lib/aws-iam'
import type { IConstruct } from 'constructs'
import {
  FORMAT_ITEM,
  FORMAT_OBJECT,
  GROUPS_KEY,
  groupKey,
  INGEST_ITEM,
  LOG_PREFIX,
  logObjectsPrefix,
  TOPICS_KEY,
  TRIGGERS_KEY,
} from '../src/core/storage-layout.ts'
import { type BrokerTopic, groupIdFor, topicNameFor } from './grants.ts'
import { allow, allowUnder, objectsOf, WRITTEN_PREFIXES } from './permissions.ts'
import type { Stores } from './stores.ts'

/** A topic whose id a template knows: one that is made in it, or one whose id somebody has looked up. */
export type DirectTopic = (BrokerTopic & { readonly topicId: string }) | { readonly topicId: string }

/**
 * What a process takes that appends to one topic with no function in between: to read what the store says of itself, and topics; to
 * read and change the items of this topic's logs; and to put objects, which many topics share.
 */
function directProducePermissions({ table, bucket }: Stores, topicId: string): iam.PolicyStatement[] {
  return [
    ...directReads({ table, bucket }, topicId),
    allowUnder([logsOf(topicId)], ['dynamodb:PutItem', 'dynamodb:UpdateItem'], table.tableArn),
    allow(['s3:PutObject'], ...objectsOf(bucket, WRITTEN_PREFIXES)),
    // Where the bucket says nothing yet, the first who writes has it say to which table it belongs; nobody may say it anew.
    new iam.PolicyStatement({
      actions: ['s3:PutObject'],
      resources: [bucket.arnForObjects(FORMAT_OBJECT)],
      conditions: { Null: { 's3:if-none-match': 'false' } },
    }),
  ]
}

/**
 * What a process takes that reads one topic with no function in between. Objects that have not settled hold records of other topics
 * too, and cannot be told apart by their keys: whoever has such a key can read all of it.
 */
function directConsumePermissions({ table, bucket }: Stores, topicId: string): iam.PolicyStatement[] {
  return [
    ...directReads({ table, bucket }, topicId),
    allow(['s3:GetObject'], ...objectsOf(bucket, [...WRITTEN_PREFIXES, logObjectsPrefix(topicId)])),
    // Else S3 does not tell an object that is gone from one that is forbidden.
    allow(['s3:ListBucket'], bucket.bucketArn),
  ]
}

/** What a member of one group takes beside that. */
function directGroupPermissions({ table }: Stores, groupId: string): iam.PolicyStatement[] {
  const keys = [groupKey(groupId), GROUPS_KEY]
  const changes = [
    'dynamodb:BatchWriteItem',
    'dynamodb:DeleteItem',
    'dynamodb:PutItem',
    'dynamodb:UpdateItem',
  ]
  return [
    allowUnder(keys, ['dynamodb:GetItem', 'dynamodb:Query', ...changes], table.tableArn),
    // A group that triggers deliver for takes no members: so whoever joins looks.
    allowUnder([TRIGGERS_KEY], ['dynamodb:Query'], table.tableArn),
  ]
}

function directReads({ table, bucket }: Stores, topicId: string): iam.PolicyStatement[] {
  const stated = [...new Set([FORMAT_ITEM.partitionKey, INGEST_ITEM.partitionKey])]
  return [
    allowUnder(
      [...stated, TOPICS_KEY, logsOf(topicId)],
      ['dynamodb:GetItem', 'dynamodb:Query'],
      table.tableArn,
    ),
    allow(['s3:GetObject'], bucket.arnForObjects(FORMAT_OBJECT)),
  ]
}

const TOPIC_ID = /^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/

function logsOf(topicId: string): string {
  return `${LOG_PREFIX}${topicId}#*`
}

/** @throws Error where the topic is another broker's, or what is given is no topic's id */
export function grantDirectProduce(
  broker: Stores & IConstruct,
  grantee: iam.IGrantable,
  topic: DirectTopic,
): void {
  grantAll(grantee, directProducePermissions(broker, idOf(broker, topic)))
}

/** @throws Error where the topic is another broker's, what is given is no topic's id, or the group's id would open other groups */
export function grantDirectConsume(
  broker: Stores & IConstruct,
  grantee: iam.IGrantable,
  topic: DirectTopic,
  groupId?: string,
): void {
  grantAll(grantee, directConsumePermissions(broker, idOf(broker, topic)))
  if (groupId !== undefined) grantAll(grantee, directGroupPermissions(broker, groupIdFor(groupId)))
}

function idOf(broker: IConstruct, topic: DirectTopic): string {
  if ('broker' in topic) topicNameFor(broker, topic)
  const { topicId } = topic
  // A * would open other topics, and a name none.
  if (Token.isUnresolved(topicId) || TOPIC_ID.test(topicId)) return topicId
  throw new Error(`A direct grant is for a topic's id, as \`topic describe\` tells it, not ${topicId}.`)
}

function grantAll(grantee: iam.IGrantable, statements: readonly iam.PolicyStatement[]): void {
  for (const statement of statements) grantee.grantPrincipal.addToPrincipalPolicy(statement)
}
