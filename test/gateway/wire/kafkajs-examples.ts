/** Requests and answers of kafkajs and ours that mean the same. */

export interface Example {
  readonly key: number
  /** In its words. */
  readonly given: unknown
  /** In ours: what it has to mean, but for what a version lacks. */
  readonly means: object
  /** In ours. */
  readonly answer: object
  /** In its words: what it has to find there, in every version. */
  readonly finds: object
  /** Its own name of the API, where it has one. */
  readonly name?: string
}

export const BYTES = Buffer.from('bytes')
export const TOPIC_PARTITIONS = [{ topic: 'orders', partitions: [0, 2] }]
const TRANSACTION = { transactionalId: 't', producerId: 5, producerEpoch: 1 }

export const EXAMPLES: readonly Example[] = [
  {
    key: 2,
    given: { topics: [{ topic: 'orders', partitions: [{ partition: 1, timestamp: -2 }] }] },
    means: {
      replicaId: -1,
      topics: [{ name: 'orders', partitions: [{ partitionIndex: 1, timestamp: -2 }] }],
    },
    answer: {
      topics: [
        {
          name: 'orders',
          partitions: [{ partitionIndex: 1, errorCode: 0, oldStyleOffsets: [7], offset: 7 }],
        },
      ],
    },
    finds: { responses: [{ topic: 'orders', partitions: [{ partition: 1, errorCode: 0 }] }] },
  },
  {
    key: 3,
    given: { topics: ['orders'], allowAutoTopicCreation: false },
    means: { topics: [{ name: 'orders' }], allowAutoTopicCreation: false },
    answer: {
      brokers: [{ nodeId: 1, host: 'here', port: 9092 }],
      clusterId: 'c',
      controllerId: 1,
      topics: [
        {
          errorCode: 0,
          name: 'orders',
          partitions: [{ errorCode: 0, partitionIndex: 3, leaderId: 1, replicaNodes: [1], isrNodes: [1] }],
        },
      ],
    },
    finds: {
      brokers: [{ nodeId: 1, host: 'here', port: 9092 }],
      topicMetadata: [{ topic: 'orders', partitionMetadata: [{ partitionId: 3, leader: 1, isr: [1] }] }],
    },
  },
  {
    key: 8,
    given: {
      groupId: 'g',
      groupGenerationId: 4,
      memberId: 'm',
      retentionTime: -1,
      topics: [{ topic: 'orders', partitions: [{ partition: 1, offset: '9', metadata: 'here' }] }],
    },
    means: {
      groupId: 'g',
      generationIdOrMemberEpoch: 4,
      memberId: 'm',
      retentionTimeMs: -1,
      topics: [
        {
          name: 'orders',
          partitions: [{ partitionIndex: 1, committedOffset: 9, committedMetadata: 'here' }],
        },
      ],
    },
    answer: { topics: [{ name: 'orders', partitions: [{ partitionIndex: 1, errorCode: 0 }] }] },
    finds: { responses: [{ topic: 'orders', partitions: [{ partition: 1, errorCode: 0 }] }] },
  },
  {
    key: 9,
    given: { groupId: 'g', topics: [{ topic: 'orders', partitions: [{ partition: 1 }] }] },
    means: { groupId: 'g', topics: [{ name: 'orders', partitionIndexes: [1] }] },
    answer: {
      errorCode: 0,
      topics: [
        {
          name: 'orders',
          partitions: [{ partitionIndex: 1, committedOffset: 9, metadata: 'here', errorCode: 0 }],
        },
      ],
    },
    finds: {
      responses: [{ topic: 'orders', partitions: [{ partition: 1, offset: '9', metadata: 'here' }] }],
    },
  },
  {
    key: 10,
    name: 'GroupCoordinator',
    given: { groupId: 'g', coordinatorType: 0 },
    means: { key: 'g', keyType: 0 },
    answer: { errorCode: 0, nodeId: 1, host: 'here', port: 9092 },
    finds: { errorCode: 0, coordinator: { nodeId: 1, host: 'here', port: 9092 } },
  },
  {
    key: 11,
    given: {
      groupId: 'g',
      sessionTimeout: 30_000,
      rebalanceTimeout: 60_000,
      memberId: 'm',
      groupInstanceId: 'i',
      protocolType: 'consumer',
      groupProtocols: [{ name: 'range', metadata: BYTES }],
    },
    means: {
      groupId: 'g',
      sessionTimeoutMs: 30_000,
      rebalanceTimeoutMs: 60_000,
      memberId: 'm',
      groupInstanceId: 'i',
      protocolType: 'consumer',
      protocols: [{ name: 'range', metadata: Uint8Array.from(BYTES) }],
    },
    answer: {
      errorCode: 0,
      generationId: 4,
      protocolName: 'range',
      leader: 'm',
      memberId: 'm',
      members: [{ memberId: 'm', metadata: BYTES }],
    },
    finds: {
      errorCode: 0,
      generationId: 4,
      groupProtocol: 'range',
      leaderId: 'm',
      memberId: 'm',
      members: [{ memberId: 'm', memberMetadata: BYTES }],
    },
  },
  {
    key: 12,
    given: { groupId: 'g', groupGenerationId: 4, memberId: 'm', groupInstanceId: 'i' },
    means: { groupId: 'g', generationId: 4, memberId: 'm', groupInstanceId: 'i' },
    answer: { errorCode: 0 },
    finds: { errorCode: 0 },
  },
  {
    key: 13,
    given: { groupId: 'g', memberId: 'm', members: [{ memberId: 'm' }] },
    means: { groupId: 'g', memberId: 'm', members: [{ memberId: 'm' }] },
    answer: { errorCode: 0, members: [{ memberId: 'm', errorCode: 0 }] },
    finds: { errorCode: 0 },
  },
  {
    key: 14,
    given: {
      groupId: 'g',
      generationId: 4,
      memberId: 'm',
      groupInstanceId: 'i',
      groupAssignment: [{ memberId: 'm', memberAssignment: BYTES }],
    },
    means: {
      groupId: 'g',
      generationId: 4,
      memberId: 'm',
      groupInstanceId: 'i',
      assignments: [{ memberId: 'm', assignment: Uint8Array.from(BYTES) }],
    },
    answer: { errorCode: 0, assignment: BYTES },
    finds: { errorCode: 0, memberAssignment: BYTES },
  },
  {
    key: 15,
    given: { groupIds: ['g'] },
    means: { groups: ['g'] },
    answer: {
      groups: [
        {
          errorCode: 0,
          groupId: 'g',
          groupState: 'Stable',
          protocolType: 'consumer',
          protocolData: 'range',
          members: [
            {
              memberId: 'm',
              clientId: 'c',
              clientHost: '/h',
              memberMetadata: BYTES,
              memberAssignment: BYTES,
            },
          ],
        },
      ],
    },
    finds: {
      groups: [
        {
          groupId: 'g',
          state: 'Stable',
          protocol: 'range',
          members: [{ memberId: 'm', clientHost: '/h', memberMetadata: BYTES, memberAssignment: BYTES }],
        },
      ],
    },
  },
  {
    key: 16,
    given: undefined,
    means: {},
    answer: { errorCode: 0, groups: [{ groupId: 'g', protocolType: 'consumer' }] },
    finds: { groups: [{ groupId: 'g', protocolType: 'consumer' }] },
  },
  {
    key: 17,
    given: { mechanism: 'PLAIN' },
    means: { mechanism: 'PLAIN' },
    answer: { errorCode: 0, mechanisms: ['PLAIN', 'SCRAM-SHA-256'] },
    finds: { enabledMechanisms: ['PLAIN', 'SCRAM-SHA-256'] },
  },
  {
    key: 18,
    given: undefined,
    means: {},
    answer: { errorCode: 0, apiKeys: [{ apiKey: 0, minVersion: 0, maxVersion: 11 }] },
    finds: { apiVersions: [{ apiKey: 0, minVersion: 0, maxVersion: 11 }] },
  },
  {
    key: 19,
    given: {
      topics: [
        {
          topic: 'orders',
          numPartitions: 3,
          replicationFactor: 1,
          replicaAssignment: [{ partition: 0, replicas: [1] }],
          configEntries: [{ name: 'cleanup.policy', value: 'compact' }],
        },
      ],
      validateOnly: true,
      timeout: 5_000,
    },
    means: {
      topics: [
        {
          name: 'orders',
          numPartitions: 3,
          replicationFactor: 1,
          assignments: [{ partitionIndex: 0, brokerIds: [1] }],
          configs: [{ name: 'cleanup.policy', value: 'compact' }],
        },
      ],
      validateOnly: true,
      timeoutMs: 5_000,
    },
    answer: { topics: [{ name: 'orders', errorCode: 0 }] },
    finds: { topicErrors: [{ topic: 'orders', errorCode: 0, errorMessage: null }] },
  },
  {
    key: 20,
    given: { topics: ['orders'], timeout: 5_000 },
    means: { topicNames: ['orders'], timeoutMs: 5_000 },
    answer: { responses: [{ name: 'orders', errorCode: 0 }] },
    finds: { topicErrors: [{ topic: 'orders', errorCode: 0 }] },
  },
  {
    key: 21,
    given: { topics: [{ topic: 'orders', partitions: [{ partition: 1, offset: '7' }] }], timeout: 5_000 },
    means: { topics: [{ name: 'orders', partitions: [{ partitionIndex: 1, offset: 7 }] }], timeoutMs: 5_000 },
    answer: {
      topics: [{ name: 'orders', partitions: [{ partitionIndex: 1, lowWatermark: 7, errorCode: 0 }] }],
    },
    finds: { topics: [{ topic: 'orders', partitions: [{ partition: 1, errorCode: 0 }] }] },
  },
  {
    key: 22,
    given: { transactionalId: 't', transactionTimeout: 1_000 },
    means: { transactionalId: 't', transactionTimeoutMs: 1_000 },
    answer: { errorCode: 0, producerId: 2 ** 40, producerEpoch: 3 },
    finds: { producerId: String(2 ** 40), producerEpoch: 3 },
  },
  {
    key: 24,
    given: { ...TRANSACTION, topics: TOPIC_PARTITIONS },
    means: {
      v3AndBelowTransactionalId: 't',
      v3AndBelowProducerId: 5,
      v3AndBelowProducerEpoch: 1,
      v3AndBelowTopics: [{ name: 'orders', partitions: [0, 2] }],
    },
    answer: {
      resultsByTopicV3AndBelow: [
        { name: 'orders', resultsByPartition: [{ partitionIndex: 2, partitionErrorCode: 0 }] },
      ],
    },
    finds: { errors: [{ topic: 'orders', partitionErrors: [{ partition: 2, errorCode: 0 }] }] },
  },
  {
    key: 25,
    given: { ...TRANSACTION, groupId: 'g' },
    means: { ...TRANSACTION, groupId: 'g' },
    answer: { errorCode: 0 },
    finds: { errorCode: 0 },
  },
  {
    key: 26,
    given: { ...TRANSACTION, transactionResult: true },
    means: { ...TRANSACTION, committed: true },
    answer: { errorCode: 0 },
    finds: { errorCode: 0 },
  },
  {
    key: 28,
    given: {
      ...TRANSACTION,
      groupId: 'g',
      topics: [{ topic: 'orders', partitions: [{ partition: 1, offset: '9', metadata: 'here' }] }],
    },
    means: {
      ...TRANSACTION,
      groupId: 'g',
      topics: [
        {
          name: 'orders',
          partitions: [{ partitionIndex: 1, committedOffset: 9, committedMetadata: 'here' }],
        },
      ],
    },
    answer: { topics: [{ name: 'orders', partitions: [{ partitionIndex: 1, errorCode: 0 }] }] },
    finds: { topics: [{ topic: 'orders', partitions: [{ partition: 1, errorCode: 0 }] }] },
  },
  {
    key: 32,
    given: { resources: [{ type: 2, name: 'orders', configNames: ['a'] }], includeSynonyms: true },
    means: {
      resources: [{ resourceType: 2, resourceName: 'orders', configurationKeys: ['a'] }],
      includeSynonyms: true,
    },
    answer: {
      results: [
        {
          errorCode: 0,
          resourceType: 2,
          resourceName: 'orders',
          configs: [
            {
              name: 'a',
              value: '1',
              readOnly: false,
              configSource: 5,
              isSensitive: false,
              synonyms: [{ name: 'b', value: '2', source: 4 }],
            },
          ],
        },
      ],
    },
    finds: {
      resources: [
        {
          resourceName: 'orders',
          configEntries: [
            {
              configName: 'a',
              configValue: '1',
              configSource: 5,
              configSynonyms: [{ configName: 'b', configValue: '2', configSource: 4 }],
            },
          ],
        },
      ],
    },
  },
  {
    key: 33,
    given: {
      resources: [{ type: 2, name: 'orders', configEntries: [{ name: 'a', value: '1' }] }],
      validateOnly: true,
    },
    means: {
      resources: [{ resourceType: 2, resourceName: 'orders', configs: [{ name: 'a', value: '1' }] }],
      validateOnly: true,
    },
    answer: { responses: [{ errorCode: 0, resourceType: 2, resourceName: 'orders' }] },
    finds: { resources: [{ resourceName: 'orders', errorCode: 0 }] },
  },
  {
    key: 36,
    // Its mechanisms write the length themselves.
    given: { authBytes: Buffer.concat([Buffer.from([0, 0, 0, 5]), BYTES]) },
    means: { authBytes: Uint8Array.from(BYTES) },
    answer: { errorCode: 0, authBytes: BYTES },
    finds: { errorCode: 0, authBytes: Buffer.concat([Buffer.from([0, 0, 0, 5]), BYTES]) },
  },
  {
    key: 37,
    given: {
      topicPartitions: [{ topic: 'orders', count: 4, assignments: [[1]] }],
      validateOnly: true,
      timeout: 1_000,
    },
    means: {
      topics: [{ name: 'orders', count: 4, assignments: [{ brokerIds: [1] }] }],
      validateOnly: true,
      timeoutMs: 1_000,
    },
    answer: { results: [{ name: 'orders', errorCode: 0 }] },
    finds: { topicErrors: [{ topic: 'orders', errorCode: 0 }] },
  },
  {
    key: 42,
    given: ['g'],
    means: { groupsNames: ['g'] },
    answer: { results: [{ groupId: 'g', errorCode: 0 }] },
    finds: { results: [{ groupId: 'g', errorCode: 0 }] },
  },
]
