/** What became of something that KafkaJS has, where it is not simply as there. */
export type Fate = 'otherwise' | 'without effect' | 'refused' | 'absent'

interface Told {
  fate: Fate
  why: string
  names: readonly string[]
}

/** Names of KafkaJS's declarations; each stands for all that it has, too. What is not named is as there. */
export const FATES: readonly Told[] = [
  told('absent', 'there are no ACLs: IAM, or the token of the server, says who may what', [
    'Acl',
    'AclResource',
    'AclEntry',
    'DescribeAclResource',
    'DescribeAclResponse',
    'AclFilter',
    'MatchingAcl',
    'DeleteAclFilterResponses',
    'DeleteAclResponse',
    'AclResourceTypes',
    'AclPermissionTypes',
    'AclOperationTypes',
    'ResourcePatternTypes',
  ]),
  told('refused', 'there are no ACLs: rejects with KafkaJSNotImplemented', [
    'Admin.describeAcls',
    'Admin.deleteAcls',
    'Admin.createAcls',
  ]),
  told('absent', 'partitions are on no broker, so that nothing can be moved', [
    'PartitionReassignment',
    'ListPartitionReassignmentsResponse',
    'OngoingTopicReassignment',
    'OngoingPartitionReassignment',
  ]),
  told('refused', 'partitions are on no broker: rejects with KafkaJSNotImplemented', [
    'Admin.alterPartitionReassignments',
    'Admin.listPartitionReassignments',
  ]),
  told('without effect', 'the store replicates', [
    'ITopicConfig.replicationFactor',
    'ITopicConfig.replicaAssignment',
    'ITopicPartitionConfig.assignments',
  ]),
  told('absent', 'a program sees no brokers, and nothing of what KafkaJS keeps of them', [
    'Cluster',
    'Broker',
    'BrokerMetadata',
    'CoordinatorMetadata',
    'ApiVersions',
    'ConsumerGroup',
  ]),
  told('absent', 'the broker shares partitions out: a program names how, and cannot do it itself', [
    'Assigner',
    'GroupMember',
    'GroupMemberAssignment',
    'GroupState',
  ]),
  told('otherwise', 'only PartitionAssigners.roundRobin; one of the program throws KafkaJSNotImplemented', [
    'ConsumerConfig.partitionAssigners',
  ]),
  told('otherwise', 'the type of PartitionAssigners.roundRobin, not of a function that a program writes', [
    'PartitionAssigner',
  ]),
  told('otherwise', 'a URL, or host:port for http (https with ssl); of several the first is used', [
    'KafkaConfig.brokers',
  ]),
  told(
    'otherwise',
    'true: host:port is reached over https; own certificates are refused (NODE_EXTRA_CA_CERTS)',
    ['KafkaConfig.ssl'],
  ),
  told(
    'otherwise',
    'plain: the password is the bearer token; oauthbearer: what it provides is; scram and aws are refused (token, sign)',
    ['KafkaConfig.sasl'],
  ),
  told('absent', 'there is no SASL exchange that a program could take part in', [
    'Authenticator',
    'SaslAuthenticateArgs',
    'AuthenticationProviderArgs',
    'Mechanism',
  ]),
  told('absent', 'there are no sockets: the constructor throws KafkaJSNotImplemented', [
    'KafkaConfig.socketFactory',
    'ISocketFactory',
    'ISocketFactoryArgs',
  ]),
  told('without effect', 'each HTTP request has the time limits of Tidemark’s client', [
    'KafkaConfig.connectionTimeout',
    'KafkaConfig.authenticationTimeout',
    'KafkaConfig.reauthenticationThreshold',
    'KafkaConfig.requestTimeout',
    'KafkaConfig.enforceRequestTimeout',
  ]),
  told('without effect', 'a pause is twice the one before, half of it by chance', [
    'RetryOptions.factor',
    'RetryOptions.multiplier',
  ]),
  told('otherwise', 'counts the tries of a message; requests are repeated for a time, not so many times', [
    'RetryOptions.retries',
  ]),
  told('otherwise', 'on unless it is false', ['ProducerConfig.idempotent']),
  told('without effect', 'a partition has one call in flight, partitions are independent', [
    'ProducerConfig.maxInFlightRequests',
  ]),
  told('without effect', 'deliveryTimeoutMs of Tidemark’s own producer, 120 s, holds', [
    'ProducerRecord.timeout',
    'ProducerBatch.timeout',
  ]),
  told('otherwise', '0 waits for nothing; 1 and -1 both wait until the records are durable', [
    'ProducerRecord.acks',
    'ProducerBatch.acks',
  ]),
  told('otherwise', 'zstd, lz4 and snappy need nothing to be put in', [
    'ProducerRecord.compression',
    'ProducerBatch.compression',
  ]),
  told('without effect', 'all compressions are built in; what is assigned is not used', [
    'CompressionCodecs',
  ]),
  told('without effect', 'a handler may take as long as it does: heartbeats go on by themselves', [
    'ConsumerConfig.rebalanceTimeout',
    'EachMessagePayload.heartbeat',
    'EachBatchPayload.heartbeat',
    'ConsumerEachMessagePayload.heartbeat',
    'ConsumerEachBatchPayload.heartbeat',
  ]),
  told('otherwise', 'as often as the broker asks for, unless it is set', [
    'ConsumerConfig.heartbeatInterval',
  ]),
  told('otherwise', 'what is fetched ahead over all partitions; 1 MiB by default', [
    'ConsumerConfig.maxBytes',
  ]),
  told('without effect', 'nothing in the log is uncommitted', ['ConsumerConfig.readUncommitted']),
  told('without effect', 'the store is as near from everywhere', ['ConsumerConfig.rackId']),
  told('otherwise', '5,000 unless it or the threshold is set; KafkaJS commits after every batch', [
    'ConsumerRunConfig.autoCommitInterval',
  ]),
  told(
    'otherwise',
    'a regular expression is the group’s: topics made later are read, too; it has no flags but g and u',
    ['ConsumerSubscribeTopics.topics', 'ConsumerSubscribeTopic.topic'],
  ),
  told('otherwise', 'rejects where the group cannot be joined; KafkaJS resolves and tells CRASH', [
    'Consumer.run',
  ]),
  told('otherwise', 'works before run, too; pausing a part of a paused topic leaves the rest paused', [
    'Consumer.pause',
  ]),
  told('otherwise', 'works before run, too', ['Consumer.seek', 'Consumer.resume']),
  told('refused', 'true rejects: nothing can be tried out', [
    'Admin.createTopics(validateOnly)',
    'Admin.createPartitions(validateOnly)',
    'Admin.alterConfigs(validateOnly)',
  ]),
  told('without effect', 'what is changed is changed when the call resolves', [
    'Admin.createTopics(waitForLeaders)',
    'Admin.createTopics(timeout)',
    'Admin.deleteTopics(timeout)',
    'Admin.createPartitions(timeout)',
  ]),
  told('without effect', 'a config has one name', ['Admin.describeConfigs(includeSynonyms)']),
  told('otherwise', 'only topics have configs: other types are refused', [
    'ResourceConfigQuery.type',
    'IResourceConfig.type',
  ]),
  told(
    'otherwise',
    'replaces -1 in the answer by the partition’s end, and commits nothing (KafkaJS commits it)',
    ['Admin.fetchOffsets(resolveOffsets)'],
  ),
  told('otherwise', 'one broker, number 0, at the URL; it is the controller', ['Admin.describeCluster']),
  told('otherwise', 'each topic is tried, and the others are deleted', ['Admin.deleteTopics']),
  told('otherwise', 'partitions of which the group owns none only; a running member’s are refused', [
    'Admin.setOffsets',
    'Admin.resetOffsets',
  ]),
  told('otherwise', 'range, round-robin or cooperative-sticky', ['GroupDescription.protocol']),
  told('otherwise', 'always empty: nobody keeps it', ['MemberDescription.clientHost']),
  told('otherwise', 'the topics of which the member owns something', ['MemberDescription.memberMetadata']),
  told('otherwise', 'never tells: there are no requests of Kafka’s protocol', [
    'AdminEvents.REQUEST',
    'AdminEvents.REQUEST_TIMEOUT',
    'AdminEvents.REQUEST_QUEUE_SIZE',
    'ProducerEvents.REQUEST',
    'ProducerEvents.REQUEST_TIMEOUT',
    'ProducerEvents.REQUEST_QUEUE_SIZE',
    'ConsumerEvents.REQUEST',
    'ConsumerEvents.REQUEST_TIMEOUT',
    'ConsumerEvents.REQUEST_QUEUE_SIZE',
    'RequestEvent',
    'RequestTimeoutEvent',
    'RequestQueueSizeEvent',
  ]),
  told('otherwise', 'never tells: a member is given what it subscribes to', [
    'ConsumerEvents.RECEIVED_UNSUBSCRIBED_TOPICS',
    'ConsumerReceivedUnsubcribedTopicsEvent',
  ]),
  told('otherwise', 'nobody leads a group: false, empty and 0', [
    'ConsumerGroupJoinEvent.payload.isLeader',
    'ConsumerGroupJoinEvent.payload.leaderId',
    'ConsumerGroupJoinEvent.payload.duration',
  ]),
  told('otherwise', 'always 0', [
    'ConsumerFetchStartEvent.payload.nodeId',
    'ConsumerFetchEvent.payload.nodeId',
  ]),
  told('otherwise', 'one replica, on broker 0, which leads', [
    'PartitionMetadata.leader',
    'PartitionMetadata.replicas',
    'PartitionMetadata.isr',
    'PartitionMetadata.offlineReplicas',
  ]),
  told('otherwise', 'always empty: a config has one name', ['ConfigEntries.configSynonyms']),
  told('otherwise', 'never there: Kafka’s messages before 0.11 had it', ['KafkaMessage.size']),
  told('otherwise', 'never there, as with Kafka from 0.11 on: baseOffset and logAppendTime', [
    'RecordMetadata.offset',
    'RecordMetadata.timestamp',
  ]),
  told(
    'otherwise',
    'what a writing call gave up on; its cause is the error, whose cause is the TidemarkError',
    ['KafkaJSNumberOfRetriesExceeded'],
  ),
  told('otherwise', '-1: a request serves several calls', ['KafkaJSNumberOfRetriesExceeded.retryCount']),
  told('otherwise', 'of the whole call', ['KafkaJSNumberOfRetriesExceeded.retryTime']),
  told('otherwise', 'empty: the message names the address', ['KafkaJSConnectionError.broker']),
  told('otherwise', 'never there', ['KafkaJSError.helpUrl']),
  told('otherwise', 'never thrown: what it tells of is not there', [
    'KafkaJSOffsetOutOfRange',
    'KafkaJSRequestTimeoutError',
    'KafkaJSMetadataNotLoaded',
    'KafkaJSTopicMetadataNotLoaded',
    'KafkaJSStaleTopicMetadataAssignment',
    'KafkaJSServerDoesNotSupportApiKey',
    'KafkaJSBrokerNotFound',
    'KafkaJSPartialMessageError',
    'KafkaJSGroupCoordinatorNotFound',
    'KafkaJSTimeout',
    'KafkaJSLockTimeout',
    'KafkaJSUnsupportedMagicByteInMessageSet',
    'KafkaJSAlterPartitionReassignmentsError',
  ]),
  told('absent', 'what KafkaJS makes its errors of', [
    'KafkaJSDeleteGroupsErrorGroups',
    'KafkaJSDeleteTopicRecordsErrorTopic',
    'KafkaJSDeleteTopicRecordsErrorPartition',
    'KafkaJSErrorMetadata',
    'KafkaJSOffsetOutOfRangeMetadata',
    'KafkaJSNumberOfRetriesExceededMetadata',
    'KafkaJSConnectionErrorMetadata',
    'KafkaJSRequestTimeoutErrorMetadata',
    'KafkaJSTopicMetadataNotLoadedMetadata',
    'KafkaJSStaleTopicMetadataAssignmentMetadata',
    'KafkaJSServerDoesNotSupportApiKeyMetadata',
  ]),
]

function told(fate: Fate, why: string, names: readonly string[]): Told {
  return { fate, why, names }
}

/** What is said of a name: of itself, or of what it belongs to; undefined: it is as there. */
export function fateOf(name: string): Told | undefined {
  for (let wanted = name; wanted !== ''; wanted = parentOf(wanted)) {
    const found = FATES.find(({ names }) => names.includes(wanted))
    if (found) return found
  }
  return undefined
}

function parentOf(name: string): string {
  return name.replace(/(?:\([^()]*\)|\(\)[^()]*|(?:\[\])?\.[^.()[\]]+|^[^.]+)$/, '')
}
