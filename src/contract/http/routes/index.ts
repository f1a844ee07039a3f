import type { DocumentedRoute } from '../openapi/documentation.ts'
import * as abortTransaction from './abort-transaction.ts'
import * as addPartitions from './add-partitions.ts'
import * as alterTopic from './alter-topic.ts'
import * as commitOffsets from './commit-offsets.ts'
import * as commitTransactionOffsets from './commit-transaction-offsets.ts'
import * as createTopic from './create-topic.ts'
import * as deleteGroup from './delete-group.ts'
import * as deleteRecords from './delete-records.ts'
import * as deleteTopic from './delete-topic.ts'
import * as deleteTrigger from './delete-trigger.ts'
import * as describeApi from './describe-api.ts'
import * as describeGroup from './describe-group.ts'
import * as describeTopic from './describe-topic.ts'
import * as describeTransaction from './describe-transaction.ts'
import * as endTransaction from './end-transaction.ts'
import * as fetch from './fetch.ts'
import * as fetchMany from './fetch-many.ts'
import * as fetchTopic from './fetch-topic.ts'
import * as findOffset from './find-offset.ts'
import * as health from './health.ts'
import * as heartbeat from './heartbeat.ts'
import * as initProducer from './init-producer.ts'
import * as leaveGroup from './leave-group.ts'
import * as listGroups from './list-groups.ts'
import * as listTopics from './list-topics.ts'
import * as listTransactions from './list-transactions.ts'
import * as listTriggers from './list-triggers.ts'
import * as live from './live.ts'
import * as openSocket from './open-socket.ts'
import * as pauseTrigger from './pause-trigger.ts'
import * as produce from './produce.ts'
import * as readObject from './read-object.ts'
import * as readOffsets from './read-offsets.ts'
import * as ready from './ready.ts'
import * as resumeTrigger from './resume-trigger.ts'
import * as stageBatches from './stage-batches.ts'

/** Every route there is, in the order in which the API's description has them. */
export const ROUTES: readonly DocumentedRoute[] = [
  ...about('topics', [
    ['listTopics', listTopics],
    ['createTopic', createTopic],
    ['describeTopic', describeTopic],
    ['alterTopic', alterTopic],
    ['deleteTopic', deleteTopic],
  ]),
  ...about('records', [
    ['produceRecords', produce],
    ['fetchRecords', fetch],
    ['fetchMany', fetchMany],
    ['fetchTopic', fetchTopic],
    ['findOffset', findOffset],
    ['deleteRecords', deleteRecords],
    ['readObject', readObject],
    ['openSocket', openSocket],
  ]),
  ...about('groups', [
    ['heartbeat', heartbeat],
    ['leaveGroup', leaveGroup],
    ['commitOffsets', commitOffsets],
    ['readOffsets', readOffsets],
    ['listGroups', listGroups],
    ['describeGroup', describeGroup],
    ['deleteGroup', deleteGroup],
  ]),
  ...about('transactions', [
    ['initProducer', initProducer],
    ['addPartitions', addPartitions],
    ['stageBatches', stageBatches],
    ['commitTransactionOffsets', commitTransactionOffsets],
    ['endTransaction', endTransaction],
    ['listTransactions', listTransactions],
    ['describeTransaction', describeTransaction],
    ['abortTransaction', abortTransaction],
  ]),
  ...about('triggers', [
    ['listTriggers', listTriggers],
    ['pauseTrigger', pauseTrigger],
    ['resumeTrigger', resumeTrigger],
    ['deleteTrigger', deleteTrigger],
  ]),
  ...about('server', [
    ['tellHealth', health],
    ['tellLiveness', live],
    ['tellReadiness', ready],
    ['describeApi', describeApi],
  ]),
]

/** @param routes each with the name of its operation */
function about(
  tag: string,
  routes: readonly [operationId: string, Pick<DocumentedRoute, 'route' | 'documentation'>][],
): DocumentedRoute[] {
  return routes.map(([operationId, of]) => ({ ...of, operationId, tag }))
}
