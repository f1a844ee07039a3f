import { Stack } from 'aws-cdk-lib'
import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { TidemarkBroker, Topic } from '../../infra/index.ts'
import type { OwnedPartition } from '../../src/contract/groups.ts'
import { toOffset } from '../../src/core/numbers.ts'
import { stampProducer } from '../../src/core/record/batch-header.ts'
import { encodeBatch } from '../../src/core/record/index.ts'
import { openAws } from '../../src/embedded/aws.ts'
import { awsEndpoint, describeAws } from '../aws/endpoints.ts'
import { createTestBucket, createTestTable } from '../aws/tables.ts'
import { batchOf, NOW_MS, numbered, readAll } from '../broker/harness.ts'
import { type AskedOfAws, isAllowed, RequestRecorder, type Statement } from './policy.ts'
import { asText, BUNDLES, resourcesOf, synthesize } from './synthesis.ts'

const OTHER_ID = '0e0e0e0e-0000-4000-8000-00000000aaaa'
const GROUP = 'tide-watch'
const MEMBER = '5b3d5a52-9a0c-4a53-b5dd-0c4b0a1f7d11'

/** What each grant lets a role do, with the names that a deployment would fill in. */
function statementsOf(
  grant: (broker: TidemarkBroker, role: Role, topic: Topic) => void,
  names: Readonly<Record<string, string>>,
): Statement[] {
  const template = synthesize(stack => {
    const broker = new TidemarkBroker(stack, 'Broker', { bundles: BUNDLES })
    const role = new Role(Stack.of(broker), 'Program', {
      assumedBy: new ServicePrincipal('ecs-tasks.amazonaws.com'),
    })
    grant(broker, role, new Topic(stack, 'tides'))
  })
  const policies = Object.entries(resourcesOf(template, 'AWS::IAM::Policy')).filter(([id]) =>
    id.startsWith('Program'),
  )
  const filled = (value: unknown): unknown => {
    if (typeof value === 'string') return value
    if (Array.isArray(value)) return value.map(filled)
    const keys = Object.keys(value as object)
    if (keys.length === 1 && (keys[0] === 'Ref' || keys[0]!.startsWith('Fn::'))) {
      return Object.entries(names).reduce((text, [name, to]) => text.replace(name, to), asText(value))
    }
    return Object.fromEntries(Object.entries(value as object).map(([key, each]) => [key, filled(each)]))
  }
  return policies.flatMap(([, { Properties }]) => filled(Properties.PolicyDocument.Statement) as Statement[])
}

describeAws('programs past API and functions', () => {
  const asked: Record<'produce' | 'consume' | 'group', AskedOfAws[]> = { produce: [], consume: [], group: [] }
  let table: Awaited<ReturnType<typeof createTestTable>>
  let bucket: Awaited<ReturnType<typeof createTestBucket>>
  let topicId: string
  let names: Record<string, string>

  beforeAll(async () => {
    table = await createTestTable(awsEndpoint())
    bucket = await createTestBucket(awsEndpoint())
    const store = { table: table.table, bucket: bucket.bucket, endpoint: awsEndpoint() }
    names = { '<BrokerTable.Arn>': table.table, '<BrokerBucket.Arn>': bucket.bucket }
    const admin = openAws({ ...store, flushes: 'elsewhere' })
    topicId = (await admin.broker.createTopic({ topic: 'tides', partitions: 2 })).topicId
    names['<tides.TopicId>'] = topicId
    await admin.close()

    const direct = { ...store, states: false, flushes: 'elsewhere' } as const
    const producer = openAws({ ...direct, meter: new RequestRecorder(asked.produce) })
    for (const value of numbered(0, 12)) {
      await producer.broker.produce({
        topic: 'tides',
        partition: 0,
        batches: batchOf([value], { padding: 100 }),
      })
    }
    await producer.broker.describeTopic('tides')
    await producer.broker.produce({
      topic: 'tides',
      partition: 1,
      batches: batchOf(['large'], { padding: 50_000 }),
    })
    for (const baseSequence of [0, 0, 1]) {
      const numberedBatch = encodeBatch([{ value: Buffer.from('once'), timestampMs: NOW_MS }], {})
      stampProducer(numberedBatch, 0, { producerId: 7n, producerEpoch: 0, baseSequence })
      await producer.broker.produce({ topic: 'tides', partition: 1, batches: new Uint8Array(numberedBatch) })
    }
    for (const value of numbered(0, 80)) {
      await producer.broker.produce({
        topic: 'tides',
        partition: 1,
        batches: batchOf([value], { padding: 4_200 }),
      })
    }
    await producer.close()

    const consumer = openAws({ ...direct, meter: new RequestRecorder(asked.consume) })
    expect(await readAll(consumer.broker, { topic: 'tides', partition: 0 })).toHaveLength(12)
    expect(await readAll(consumer.broker, { topic: 'tides', partition: 1 })).toHaveLength(83)
    await consumer.broker.offsetFor({ topic: 'tides', partition: 1, at: { timestampMs: NOW_MS } })
    await consumer.broker.fetch({ topic: 'tides', partition: 0, offset: toOffset(12), maxWaitMs: 100 })
    await consumer.close()

    const member = openAws({ ...direct, meter: new RequestRecorder(asked.group) })
    const heartbeat = (memberEpoch: number, owned: readonly OwnedPartition[]) =>
      member.broker.heartbeat({ groupId: GROUP, memberId: MEMBER, memberEpoch, topics: ['tides'], owned })
    const joined = await heartbeat(0, [])
    expect(joined.assigned).toHaveLength(2)
    await heartbeat(joined.memberEpoch, joined.assigned)
    const offsets = joined.assigned.map(({ topic, partition, generation }) => ({
      topic,
      partition,
      generation,
      offset: toOffset(1),
    }))
    await member.broker.commitOffsets({ groupId: GROUP, memberId: MEMBER, offsets })
    await member.broker.fetchOffsets({ groupId: GROUP })
    await member.broker.leaveGroup({ groupId: GROUP, memberId: MEMBER })
    await member.close()
  })
  afterAll(async () => {
    await table.remove()
    await bucket.remove()
  })

  test('ask for nothing that the grants for their topic do not let them', () => {
    const produce = statementsOf((broker, role, topic) => broker.grantDirectProduce(role, topic), names)
    const consume = statementsOf((broker, role, topic) => broker.grantDirectConsume(role, topic), names)
    const group = statementsOf((broker, role, topic) => broker.grantDirectConsume(role, topic, GROUP), names)
    expect(asked.produce.length).toBeGreaterThan(100)
    expect(asked.consume.length).toBeGreaterThan(5)
    expect(asked.group.length).toBeGreaterThan(5)
    expect(asked.produce.filter(each => !isAllowed(produce, each))).toEqual([])
    expect(asked.consume.filter(each => !isAllowed(consume, each))).toEqual([])
    expect(asked.group.filter(each => !isAllowed(group, each))).toEqual([])
    // Whoever consumes changes nothing, and whoever produces reads no records from objects.
    const changes = asked.produce.filter(({ action }) => /Put|Update|Delete/.test(action))
    expect(changes.filter(each => isAllowed(consume, each))).toEqual([])
    const objects = asked.consume.filter(
      ({ action, resource }) => action === 's3:GetObject' && !resource.endsWith('format.json'),
    )
    expect(objects.length).toBeGreaterThan(0)
    expect(objects.filter(each => isAllowed(produce, each))).toEqual([])
  })

  test('would be refused the same of another topic, and of another group', () => {
    const other = { ...names, '<tides.TopicId>': OTHER_ID }
    const produce = statementsOf((broker, role, topic) => broker.grantDirectProduce(role, topic), other)
    const group = statementsOf(
      (broker, role, topic) => broker.grantDirectConsume(role, topic, 'another'),
      other,
    )
    const ofLogs = (each: AskedOfAws) =>
      each.leadingKeys?.some(key => key.startsWith(`log#${topicId}`)) ?? false
    expect(asked.produce.filter(ofLogs).length).toBeGreaterThan(100)
    expect(asked.produce.filter(each => ofLogs(each) && isAllowed(produce, each))).toEqual([])
    expect(asked.consume.filter(each => ofLogs(each) && isAllowed(group, each))).toEqual([])
    const ofGroup = asked.group.filter(({ leadingKeys }) => leadingKeys?.includes(`group#${GROUP}`))
    expect(ofGroup.length).toBeGreaterThan(2)
    expect(ofGroup.filter(each => isAllowed(group, each))).toEqual([])
    const rolled = { action: 's3:GetObject', resource: `${bucket.bucket}/log/${topicId}/0/1` }
    expect(isAllowed(group, rolled)).toBe(false)
    expect(
      isAllowed(
        statementsOf((broker, role, topic) => broker.grantDirectConsume(role, topic), names),
        rolled,
      ),
    ).toBe(true)
  })
})
