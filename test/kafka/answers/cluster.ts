import { AlterClientQuotas } from '../../../src/gateway/wire/messages/alter-client-quotas.ts'
import { AlterConfigs } from '../../../src/gateway/wire/messages/alter-configs.ts'
import { AlterPartitionReassignments } from '../../../src/gateway/wire/messages/alter-partition-reassignments.ts'
import { CreateAcls } from '../../../src/gateway/wire/messages/create-acls.ts'
import { CreateTopics } from '../../../src/gateway/wire/messages/create-topics.ts'
import { DeleteAcls } from '../../../src/gateway/wire/messages/delete-acls.ts'
import { DescribeAcls } from '../../../src/gateway/wire/messages/describe-acls.ts'
import { DescribeClientQuotas } from '../../../src/gateway/wire/messages/describe-client-quotas.ts'
import { DescribeCluster } from '../../../src/gateway/wire/messages/describe-cluster.ts'
import { DescribeConfigs } from '../../../src/gateway/wire/messages/describe-configs.ts'
import { DescribeUserScramCredentials } from '../../../src/gateway/wire/messages/describe-user-scram-credentials.ts'
import { ElectLeaders } from '../../../src/gateway/wire/messages/elect-leaders.ts'
import { IncrementalAlterConfigs } from '../../../src/gateway/wire/messages/incremental-alter-configs.ts'
import { ListPartitionReassignments } from '../../../src/gateway/wire/messages/list-partition-reassignments.ts'
import { ListTransactions } from '../../../src/gateway/wire/messages/list-transactions.ts'
import type { Asking, Scene } from './scene.ts'
import { settled } from './settled.ts'

const TOPIC = 2
const BROKER = 4
const [SET, DELETE, APPEND, SUBTRACT] = [0, 1, 2, 3]

export const cluster: Scene = async (ask, prefix) => {
  const name = `${prefix}tides`
  const made = [
    { name, numPartitions: 3, replicationFactor: 1, configs: [{ name: 'retention.ms', value: '1000' }] },
  ]
  await ask('create', CreateTopics, 4, { topics: made, timeoutMs: 5_000 })
  await settled()
  await configs(ask, name, prefix)
  for (const version of [0, 1, 2])
    await ask(`cluster ${version}`, DescribeCluster, version, { includeClusterAuthorizedOperations: true })
  for (const endpointType of [2, 9])
    await ask(`cluster of endpoint ${endpointType}`, DescribeCluster, 1, { endpointType })
  await leaders(ask, name, prefix)
  await security(ask)
}

async function configs(ask: Asking, name: string, prefix: string): Promise<void> {
  const describe = (label: string, resource: object, rest: object = {}) =>
    ask(`describe ${label}`, DescribeConfigs, 4, {
      resources: [
        {
          resourceType: TOPIC,
          resourceName: name,
          configurationKeys: ['retention.ms', 'cleanup.policy', 'segment.bytes', 'nope'],
          ...resource,
        },
      ],
      includeSynonyms: true,
      ...rest,
    })
  await describe('a topic', {})
  await describe('without synonyms', {}, { includeSynonyms: false })
  await describe('an unknown one', { resourceName: `${prefix}nope` })
  await describe('a wrong name', { resourceName: 'b d' })
  const broker = {
    resourceType: BROKER,
    configurationKeys: ['node.id', 'log.cleanup.policy', 'log.retention.bytes'],
  }
  await describe('a broker', { ...broker, resourceName: '1' })
  await describe('another broker', { ...broker, resourceName: '9' })
  await describe('no broker', { ...broker, resourceName: 'x' })
  await describe('brokers', { ...broker, resourceName: '' })
  await describe('what has none', { resourceType: 77 })
  const alter = (
    label: string,
    configs: [string, number | undefined, string | null][],
    resource: object = {},
  ) =>
    ask(`alter ${label}`, IncrementalAlterConfigs, 1, {
      resources: [
        {
          resourceType: TOPIC,
          resourceName: name,
          configs: configs.map(([name, operation, value]) => ({ name, configOperation: operation!, value })),
          ...resource,
        },
      ],
    })
  await alter('by setting', [['retention.ms', SET, '2000']])
  await alter('by deleting', [['retention.ms', DELETE, null]])
  await alter('by deleting what is not set', [['min.compaction.lag.ms', DELETE, null]])
  await alter('by adding', [['cleanup.policy', APPEND, 'compact']])
  await settled()
  await describe('what was added', {})
  await alter('by taking away', [['cleanup.policy', SUBTRACT, 'compact']])
  await settled()
  await describe('what was taken away', {})
  await alter('by adding to a number', [['retention.ms', APPEND, '7']])
  await alter('by setting nothing', [['retention.ms', SET, null]])
  await alter('an unknown config', [['nope', SET, '1']])
  await alter('by a wrong value', [['retention.ms', SET, 'x']])
  await alter('to Kafka’s for ever', [['retention.ms', SET, '9223372036854775807']])
  await settled()
  await describe('Kafka’s for ever', {})
  await alter('twice', [
    ['retention.ms', SET, '1'],
    ['retention.ms', SET, '2'],
  ])
  await alter('an unknown topic', [['retention.ms', SET, '1']], { resourceName: `${prefix}nope` })
  await alter('a broker', [['node.id', SET, '2']], { resourceType: BROKER, resourceName: '1' })
  await alter('what has none', [], { resourceType: 77 })
  const replace = (label: string, configs: { name: string; value: string | null }[]) =>
    ask(`replace ${label}`, AlterConfigs, 2, {
      resources: [{ resourceType: TOPIC, resourceName: name, configs }],
    })
  await replace('one', [{ name: 'retention.ms', value: '3000' }])
  await replace('another', [{ name: 'segment.bytes', value: '2000000' }])
  await settled()
  await describe('what was replaced', {})
  await replace('an unknown one', [{ name: 'nope', value: '1' }])
}

async function leaders(ask: Asking, name: string, prefix: string): Promise<void> {
  const both = [
    { topic: name, partitions: [0, 9] },
    { topic: `${prefix}nope`, partitions: [0] },
  ]
  for (const electionType of [0, 1, 7]) {
    await ask(`elect ${electionType}`, ElectLeaders, 2, {
      electionType,
      topicPartitions: both,
      timeoutMs: 1_000,
    })
  }
  const partitions = [[1], null, [1, 2], []].map((replicas, partitionIndex) => ({ partitionIndex, replicas }))
  await ask('reassign', AlterPartitionReassignments, 0, {
    timeoutMs: 1_000,
    topics: [
      { name, partitions: partitions.slice(0, 3) },
      { name: `${prefix}nope`, partitions: [{ partitionIndex: 0, replicas: [1] }] },
    ],
  })
  await ask('reassign to none', AlterPartitionReassignments, 0, {
    timeoutMs: 1_000,
    topics: [{ name, partitions: [{ partitionIndex: 0, replicas: [] }] }],
  })
  await ask('reassignments', ListPartitionReassignments, 0, { timeoutMs: 1_000, topics: null })
}

async function security(ask: Asking): Promise<void> {
  const any = { principalFilter: null, hostFilter: null, operation: 1, permissionType: 1 }
  const filter = { resourceTypeFilter: 1, resourceNameFilter: null, patternTypeFilter: 1, ...any }
  await ask('describe ACLs', DescribeAcls, 3, filter)
  await ask('create ACLs', CreateAcls, 3, {
    creations: [
      { resourceType: 2, resourceName: 'x', principal: 'User:a', host: '*', operation: 3, permissionType: 3 },
    ],
  })
  await ask('delete ACLs', DeleteAcls, 3, { filters: [filter] })
  const components = [{ entityType: 'user', matchType: 2, match: null }]
  await ask('describe quotas', DescribeClientQuotas, 1, { components, strict: false })
  const entity = [{ entityType: 'user', entityName: 'x' }]
  await ask('alter quotas', AlterClientQuotas, 1, {
    entries: [{ entity, ops: [{ key: 'nope', value: 1, remove: false }] }],
    validateOnly: true,
  })
  await ask('describe users', DescribeUserScramCredentials, 0, { users: null })
  await ask('describe a user', DescribeUserScramCredentials, 0, { users: [{ name: 'x' }] })
  await ask('list transactions', ListTransactions, 0, { stateFilters: [], producerIdFilters: [] })
}
