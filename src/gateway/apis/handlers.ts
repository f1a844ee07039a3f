import { alterConfigs, incrementalAlterConfigs } from './alter-configs.ts'
import { alterClientQuotas, describeClientQuotas } from './client-quotas.ts'
import { createPartitions } from './create-partitions.ts'
import { createTopics } from './create-topics.ts'
import { deleteRecords } from './delete-records.ts'
import { deleteTopics } from './delete-topics.ts'
import { describeCluster } from './describe-cluster.ts'
import { describeConfigs, listConfigResources } from './describe-configs.ts'
import { describeLogDirs } from './describe-log-dirs.ts'
import { describeProducers } from './describe-producers.ts'
import { describeTopicPartitions } from './describe-topic-partitions.ts'
import { fetch } from './fetch.ts'
import { GROUP_HANDLERS } from './groups/index.ts'
import type { Handler } from './handler.ts'
import { alterPartitionReassignments, electLeaders, listPartitionReassignments } from './leaders.ts'
import { listOffsets } from './list-offsets.ts'
import { metadata } from './metadata.ts'
import { offsetForLeaderEpoch } from './offset-for-leader-epoch.ts'
import { produce } from './produce.ts'
import { createAcls, deleteAcls, describeAcls, describeUserScramCredentials } from './security.ts'
import { TRANSACTION_HANDLERS } from './transactions/index.ts'

/**
 * Every API that is offered, in the order of their keys. ApiVersions, SaslHandshake and SaslAuthenticate are the server's:
 * the former tells of this list, and the latter are about the connection.
 */
export const HANDLERS: readonly Handler[] = [
  produce,
  fetch,
  listOffsets,
  metadata,
  createTopics,
  deleteTopics,
  deleteRecords,
  offsetForLeaderEpoch,
  describeAcls,
  createAcls,
  deleteAcls,
  describeConfigs,
  alterConfigs,
  describeLogDirs,
  createPartitions,
  electLeaders,
  incrementalAlterConfigs,
  alterPartitionReassignments,
  listPartitionReassignments,
  describeClientQuotas,
  alterClientQuotas,
  describeUserScramCredentials,
  describeCluster,
  describeProducers,
  listConfigResources,
  describeTopicPartitions,
  ...GROUP_HANDLERS,
  ...TRANSACTION_HANDLERS,
].sort((one, other) => one.api.key - other.api.key)
