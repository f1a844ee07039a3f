import { expect, test } from 'vitest'
import { AlterClientQuotas } from '../../../src/gateway/wire/messages/alter-client-quotas.ts'
import { AlterPartitionReassignments } from '../../../src/gateway/wire/messages/alter-partition-reassignments.ts'
import { CreateAcls } from '../../../src/gateway/wire/messages/create-acls.ts'
import { DeleteAcls } from '../../../src/gateway/wire/messages/delete-acls.ts'
import { DescribeAcls } from '../../../src/gateway/wire/messages/describe-acls.ts'
import { DescribeClientQuotas } from '../../../src/gateway/wire/messages/describe-client-quotas.ts'
import { DescribeCluster } from '../../../src/gateway/wire/messages/describe-cluster.ts'
import { DescribeLogDirs } from '../../../src/gateway/wire/messages/describe-log-dirs.ts'
import { DescribeUserScramCredentials } from '../../../src/gateway/wire/messages/describe-user-scram-credentials.ts'
import { ElectLeaders } from '../../../src/gateway/wire/messages/elect-leaders.ts'
import { InitProducerId } from '../../../src/gateway/wire/messages/init-producer-id.ts'
import { ListPartitionReassignments } from '../../../src/gateway/wire/messages/list-partition-reassignments.ts'
import { batchOf } from '../../broker/harness.ts'
import { AskedGateway } from './asking.ts'

const ALL_ACLS = {
  resourceTypeFilter: 1,
  resourceNameFilter: null,
  principalFilter: null,
  hostFilter: null,
  operation: 1,
  permissionType: 1,
}

test('a cluster is its gateways, of which the asked one controls', async () => {
  const gateway = new AskedGateway({ nodeId: 2, peers: [{ nodeId: 1, host: 'a', port: 1 }] })
  for (const version of [0, 1, 2]) {
    const answer = await gateway.ask(DescribeCluster, version, { includeClusterAuthorizedOperations: true })
    expect(answer).toMatchObject({
      errorCode: 0,
      clusterId: gateway.settings.clusterId,
      controllerId: 2,
      clusterAuthorizedOperations: 8_096,
    })
    expect(answer.brokers.map(({ brokerId, port }) => [brokerId, port])).toEqual([
      [1, 1],
      [2, 9092],
    ])
  }
  const other = (endpointType: number) => gateway.ask(DescribeCluster, 1, { endpointType })
  expect([(await other(2)).errorCode, (await other(3)).errorCode]).toEqual([114, 115])
})

test('producers have ids of their own, whatever they say of earlier ones', async () => {
  const gateway = new AskedGateway()
  const draw = (rest: object) =>
    gateway.ask(InitProducerId, 4, { transactionalId: null, transactionTimeoutMs: 1, ...rest })
  const drawn = [
    await draw({}),
    await draw({ producerId: 0, producerEpoch: 0 }),
    await draw({ producerId: 7 }),
  ]
  expect(drawn.map(({ errorCode, producerEpoch }) => [errorCode, producerEpoch])).toEqual(
    drawn.map(() => [0, 0]),
  )
  const ids = drawn.map(({ producerId }) => producerId)
  expect(ids.every(id => Number.isSafeInteger(id) && id >= 0)).toBe(true)
  expect(new Set(ids).size).toBe(3)
})

test('a store is a folder, in which partitions take what their batches do', async () => {
  const gateway = new AskedGateway()
  await gateway.createTopic('tides', 2)
  const batches = batchOf(['a'])
  const bytes = batches.length
  await gateway.harness.run(gateway.broker.produce({ topic: 'tides', partition: 1, batches }))
  const partitions = [
    { partitionIndex: 0, partitionSize: 0, offsetLag: 0, isFutureKey: false },
    { partitionIndex: 1, partitionSize: bytes, offsetLag: 0, isFutureKey: false },
  ]
  const all = await gateway.ask(DescribeLogDirs, 4, { topics: null })
  expect(all.results).toMatchObject([{ errorCode: 0, topics: [{ name: 'tides', partitions }] }])
  const asked = [
    { topic: 'tides', partitions: [1, 7] },
    { topic: 'ebb', partitions: [0] },
  ]
  const some = await gateway.ask(DescribeLogDirs, 4, { topics: asked })
  expect(some.results).toMatchObject([{ topics: [{ name: 'tides', partitions: partitions.slice(1) }] }])
  const twice = await gateway.ask(DescribeLogDirs, 4, {
    topics: [...asked, { topic: 'tides', partitions: [0] }],
  })
  expect(twice.results).toMatchObject([{ topics: [{ name: 'tides', partitions }] }])
})

test('leaders need no election, and partitions no other place', async () => {
  const gateway = new AskedGateway()
  await gateway.createTopic('tides', 4)
  const topicPartitions = [
    { topic: 'tides', partitions: [0, 9] },
    { topic: 'ebb', partitions: [0] },
  ]
  const elect = async (electionType: number) => {
    const answer = await gateway.ask(ElectLeaders, 2, { electionType, topicPartitions })
    const results = answer.replicaElectionResults.flatMap(({ partitionResult }) => partitionResult)
    return [answer.errorCode, ...results.map(({ errorCode }) => errorCode)]
  }
  expect(await elect(0)).toEqual([0, 84, 3, 3])
  expect(await elect(7)).toEqual([42, 42, 42, 42])
  const everywhere = await gateway.ask(ElectLeaders, 2, { electionType: 0, topicPartitions: null })
  expect(everywhere.replicaElectionResults).toEqual([{ topic: 'tides', partitionResult: [] }])
  const partitions = [[1], null, [1, 2], []].map((replicas, partitionIndex) => ({ partitionIndex, replicas }))
  const { responses } = await gateway.ask(AlterPartitionReassignments, 1, {
    topics: [{ name: 'tides', partitions }],
  })
  expect(responses[0]?.partitions.map(({ errorCode }) => errorCode)).toEqual([0, 85, 39, 39])
  expect((await gateway.ask(ListPartitionReassignments, 0, {})).topics).toEqual([])
})

test('what is switched off says so', async () => {
  const gateway = new AskedGateway()
  expect(await gateway.ask(DescribeAcls, 3, ALL_ACLS)).toMatchObject({ errorCode: 54, resources: [] })
  const acl = {
    resourceType: 2,
    resourceName: 'x',
    principal: 'User:a',
    host: '*',
    operation: 3,
    permissionType: 3,
  }
  expect((await gateway.ask(CreateAcls, 3, { creations: [acl] })).results).toMatchObject([{ errorCode: 54 }])
  const deleted = await gateway.ask(DeleteAcls, 3, { filters: [ALL_ACLS] })
  expect(deleted.filterResults).toMatchObject([{ errorCode: 54, matchingAcls: [] }])
  const quotas = await gateway.ask(DescribeClientQuotas, 1, { components: [], strict: false })
  expect(quotas).toMatchObject({ errorCode: 0, entries: [] })
  const entries = [{ entity: [{ entityType: 'user', entityName: 'a' }], ops: [] }]
  const altered = await gateway.ask(AlterClientQuotas, 1, { entries, validateOnly: false })
  expect(altered.entries).toMatchObject([{ errorCode: 42 }])
  expect((await gateway.ask(DescribeUserScramCredentials, 0, { users: null })).results).toEqual([])
  const named = await gateway.ask(DescribeUserScramCredentials, 0, { users: [{ name: 'a' }] })
  expect(named.results).toMatchObject([{ user: 'a', errorCode: 91 }])
})
