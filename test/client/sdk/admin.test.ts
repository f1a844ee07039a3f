import { describe, expect, test } from 'vitest'
import { ConfigResourceTypes } from '../../../src/client/sdk/admin-requests.ts'
import { TidemarkError } from '../../../src/core/errors.ts'
import { describeConfigs } from '../../../src/core/topic/topic-config.ts'
import { openTides, until, writeNumbers } from './consuming/group-of-consumers.ts'

async function openAdmin(partitions = 2) {
  const opened = await openTides(partitions)
  return { ...opened, admin: opened.tidemark.admin() }
}

test('makes, grows, describes and deletes topics', async () => {
  const { admin } = await openAdmin()
  const topics = [{ topic: 'ebbs', numPartitions: 3, configEntries: [{ name: 'flush.ms', value: '100' }] }]
  expect(await admin.createTopics({ topics })).toBe(true)
  expect(await admin.createTopics({ topics })).toBe(false)
  expect(await admin.listTopics()).toEqual(['ebbs', 'tides'])
  await admin.createPartitions({ topicPartitions: [{ topic: 'ebbs', count: 4 }] })
  const { topics: described } = await admin.fetchTopicMetadata({ topics: ['ebbs'] })
  expect(described.map(({ name, partitions }) => [name, partitions.length])).toEqual([['ebbs', 4]])
  await admin.deleteTopics({ topics: ['ebbs'] })
  expect(await admin.listTopics()).toEqual(['tides'])
  await expect(admin.fetchTopicMetadata({ topics: ['ebbs'] })).rejects.toMatchObject({
    kafkaName: 'UNKNOWN_TOPIC_OR_PARTITION',
  })
  await expect(admin.deleteTopics({ topics: ['ebbs'] })).rejects.toMatchObject({
    kafkaName: 'UNKNOWN_TOPIC_OR_PARTITION',
  })
})

test('describeConfigs tells what has no effect on a topic', async () => {
  const { tidemark } = await openTides(1, broker =>
    Object.assign(Object.create(broker), {
      describeTopic: async (topic: string) => ({
        ...(await broker.describeTopic(topic)),
        configs: describeConfigs({}, false),
      }),
    }),
  )
  const { resources } = await tidemark.admin().describeConfigs({
    resources: [{ type: ConfigResourceTypes.TOPIC, name: 'tides' }],
  })
  const noted = resources[0]?.configEntries.filter(({ note }) => note?.startsWith('kept, and nothing'))
  expect(noted?.map(({ configName }) => configName)).toEqual([
    'cleanup.policy',
    'retention.bytes',
    'retention.ms',
  ])
})

test('alterConfigs replaces what was set, as in Kafka', async () => {
  const { admin } = await openAdmin()
  const alter = (name: string, value: string) =>
    admin.alterConfigs({
      resources: [{ type: ConfigResourceTypes.TOPIC, name: 'tides', configEntries: [{ name, value }] }],
    })
  await alter('flush.ms', '100')
  await alter('max.message.bytes', '2000')
  const configNames = ['flush.ms', 'max.message.bytes']
  const { resources } = await admin.describeConfigs({
    resources: [{ type: ConfigResourceTypes.TOPIC, name: 'tides', configNames }],
  })
  const set = resources[0]?.configEntries.map(({ configName, configValue, isDefault }) => [
    configName,
    configValue,
    isDefault,
  ])
  expect(set?.toSorted()).toEqual([
    ['flush.ms', '5000', true],
    ['max.message.bytes', '2000', false],
  ])
  await expect(admin.describeConfigs({ resources: [{ type: 4, name: '0' }] })).rejects.toThrow(/topics/)
})

test('tells offsets, by time too, and deletes records', async () => {
  const { admin, tidemark } = await openAdmin(1)
  const producer = tidemark.producer()
  for (const timestamp of ['1000', '2000', '3000']) {
    await producer.send({ topic: 'tides', messages: [{ value: 'x', timestamp }] })
  }
  expect(await admin.fetchTopicOffsets('tides')).toEqual([{ partition: 0, offset: '3', high: '3', low: '0' }])
  expect(await admin.fetchTopicOffsetsByTimestamp('tides', 1_500)).toEqual([{ partition: 0, offset: '1' }])
  expect(await admin.fetchTopicOffsetsByTimestamp('tides', 9_000)).toEqual([{ partition: 0, offset: '3' }])
  await admin.deleteTopicRecords({ topic: 'tides', partitions: [{ partition: 0, offset: '2' }] })
  expect(await admin.fetchTopicOffsets('tides')).toMatchObject([{ low: '2', high: '3' }])
  await admin.deleteTopicRecords({ topic: 'tides', partitions: [{ partition: 0, offset: '-1' }] })
  const configEntries = [{ name: 'cleanup.policy', value: 'compact' }]
  await admin.createTopics({ topics: [{ topic: 'latest', configEntries }] })
  await expect(
    admin.deleteTopicRecords({ topic: 'latest', partitions: [{ partition: 0, offset: '0' }] }),
  ).rejects.toMatchObject({ kafkaName: 'POLICY_VIOLATION' })
  expect(await admin.fetchTopicOffsets('tides')).toMatchObject([{ low: '3', high: '3' }])
})

test('sets and resets what a group has committed, and a consumer begins there', async () => {
  const { admin, tidemark, consumer } = await openAdmin()
  await writeNumbers(tidemark, 2, 10)
  const offsetsOf = async () => {
    const [tides] = await admin.fetchOffsets({ groupId: 'gauges', topics: ['tides'] })
    return tides?.partitions.map(({ offset }) => offset)
  }
  expect(await offsetsOf()).toEqual(['-1', '-1'])
  await admin.setOffsets({ groupId: 'gauges', topic: 'tides', partitions: [{ partition: 1, offset: '7' }] })
  expect(await offsetsOf()).toEqual(['-1', '7'])
  await admin.resetOffsets({ groupId: 'gauges', topic: 'tides' })
  expect(await offsetsOf()).toEqual(['10', '10'])
  await admin.resetOffsets({ groupId: 'gauges', topic: 'tides', earliest: true })
  expect(await offsetsOf()).toEqual(['0', '0'])

  const reader = consumer()
  let records = 0
  await reader.subscribe({ topic: 'tides' })
  await reader.run({
    eachMessage: async () => {
      records++
    },
  })
  await until(() => records === 20)
  // Its owner alone may say where it is.
  await expect(admin.resetOffsets({ groupId: 'gauges', topic: 'tides' })).rejects.toMatchObject({
    kafkaName: 'UNKNOWN_MEMBER_ID',
  })
  const { groups } = await admin.describeGroups(['gauges', 'nobody'])
  expect(groups).toMatchObject([
    {
      groupId: 'gauges',
      members: [{ clientId: 'tidemark', assignment: [{ partition: 0 }, { partition: 1 }] }],
    },
    { groupId: 'nobody', state: 'Dead', members: [] },
  ])
  expect((await admin.listGroups()).groups).toMatchObject([{ groupId: 'gauges', protocolType: 'consumer' }])
  await expect(admin.deleteGroups(['gauges'])).rejects.toMatchObject({ kafkaName: 'NON_EMPTY_GROUP' })
  await reader.disconnect()
  expect(await admin.deleteGroups(['gauges'])).toEqual([{ groupId: 'gauges', errorCode: 0 }])
  expect((await admin.listGroups()).groups).toEqual([])
})

describe('lists', () => {
  test('an empty one names all', async () => {
    const { admin } = await openAdmin(1)
    await admin.createTopics({ topics: [{ topic: 'ebbs' }] })
    for (const topic of ['tides', 'ebbs']) {
      await admin.setOffsets({ groupId: 'gauges', topic, partitions: [{ partition: 0, offset: '0' }] })
    }
    const all = await admin.fetchOffsets({ groupId: 'gauges' })
    expect(all.map(({ topic }) => topic).toSorted()).toEqual(['ebbs', 'tides'])
    expect(await admin.fetchOffsets({ groupId: 'gauges', topics: [] })).toEqual(all)
    const { topics } = await admin.fetchTopicMetadata({ topics: [] })
    expect(topics.map(({ name }) => name)).toEqual(['ebbs', 'tides'])
  })

  test('everything is tried, and the error says what failed', async () => {
    const { admin } = await openAdmin(1)
    for (const groupId of ['gauges', 'buoys']) {
      await admin.setOffsets({ groupId, topic: 'tides', partitions: [{ partition: 0, offset: '0' }] })
    }
    await expect(admin.deleteGroups(['nobody', 'gauges', 'buoys'])).rejects.toMatchObject({
      kafkaName: 'GROUP_ID_NOT_FOUND',
      message: expect.stringMatching(/^1 of 3 failed\. nobody: .* Done: gauges, buoys\.$/),
      failures: [{ name: 'nobody', error: { kafkaName: 'GROUP_ID_NOT_FOUND' } }],
      done: ['gauges', 'buoys'],
    })
    expect((await admin.listGroups()).groups).toEqual([])
    const made = admin.createTopics({ topics: [{ topic: 'a b' }, { topic: 'ebbs' }, { topic: 'tides' }] })
    await expect(made).rejects.toMatchObject({ failures: [{ name: 'a b' }], done: ['ebbs', 'tides'] })
    const topicPartitions = ['none', 'ebbs'].map(topic => ({ topic, count: 2 }))
    await expect(admin.createPartitions({ topicPartitions })).rejects.toMatchObject({
      failures: [{ name: 'none' }],
    })
    expect(await admin.fetchTopicOffsets('ebbs')).toMatchObject([{ partition: 0 }, { partition: 1 }])
    const configEntries = [{ name: 'flush.ms', value: '100' }]
    const resources = ['none', 'ebbs'].map(name => ({ type: ConfigResourceTypes.TOPIC, name, configEntries }))
    await expect(admin.alterConfigs({ resources })).rejects.toMatchObject({ done: ['ebbs'] })
    const partitions = [7, 0].map(partition => ({ partition, offset: '0' }))
    await expect(admin.deleteTopicRecords({ topic: 'ebbs', partitions })).rejects.toMatchObject({
      failures: [{ name: 'partition 7', error: { kafkaName: 'UNKNOWN_TOPIC_OR_PARTITION' } }],
      done: ['partition 0'],
    })
    await expect(admin.deleteTopics({ topics: ['none', 'ebbs'] })).rejects.toMatchObject({
      message: expect.stringMatching(/^1 of 2 failed\. none: /),
    })
    expect(await admin.listTopics()).toEqual(['tides'])
  })
})

test('whatever is handed in, each method rejects with a TidemarkError', async () => {
  const { admin } = await openAdmin(1)
  // As a program without types would.
  // biome-ignore lint/suspicious/noExplicitAny: what types would refuse
  const any = admin as any
  const wrong = {
    'no list of topics': () => any.createTopics({ topics: 'ebbs' }),
    'a topic without a name': () => any.createTopics({ topics: [{}] }),
    'configs that are no list': () => any.createTopics({ topics: [{ topic: 'a', configEntries: {} }] }),
    'topics to delete that are no list': () => any.deleteTopics({ topics: 'tides' }),
    'a topic to delete without a name': () => any.deleteTopics({ topics: [''] }),
    'no list of partitions to make': () => any.createPartitions({ topicPartitions: { topic: 'tides' } }),
    'topics to describe that are no list': () => any.fetchTopicMetadata({ topics: 'tides' }),
    'no topic whose offsets': () => any.fetchTopicOffsets(),
    'no group whose offsets': () => any.fetchOffsets({}),
    'an offset that is none': () =>
      any.setOffsets({ groupId: 'g', topic: 'tides', partitions: [{ partition: 0, offset: 'x' }] }),
    'the end of a partition that is none': () =>
      any.setOffsets({ groupId: 'g', topic: 'tides', partitions: [{ partition: 7, offset: '-1' }] }),
    'no list of partitions to set': () => any.setOffsets({ groupId: 'g', topic: 'tides' }),
    'records before what is no offset': () =>
      any.deleteTopicRecords({ topic: 'tides', partitions: [{ partition: 0, offset: '-3' }] }),
    'no resources to describe': () => any.describeConfigs({}),
    'a resource without configs': () =>
      any.alterConfigs({ resources: [{ type: ConfigResourceTypes.TOPIC, name: 'tides' }] }),
    'groups to describe that are no list': () => any.describeGroups('gauges'),
    'groups to delete that are no list': () => any.deleteGroups('gauges'),
    'a number of partitions that is none': () =>
      any.createTopics({ topics: [{ topic: 'ebbs', numPartitions: 'three' }] }),
  }
  const methods = ['createTopics', 'deleteTopics', 'createPartitions', 'fetchTopicOffsets', 'fetchOffsets']
  const others = ['setOffsets', 'resetOffsets', 'describeConfigs', 'alterConfigs', 'deleteTopicRecords']
  const lists = ['describeGroups', 'deleteGroups', 'fetchTopicOffsetsByTimestamp']
  const nothings = [...methods, ...others, ...lists].flatMap(method =>
    [undefined, null, 7, {}, 7n].map(each => [`${method}(${each})`, () => any[method](each)] as const),
  )
  for (const [what, call] of [...Object.entries(wrong), ...nothings]) {
    const answer = await call().then(
      () => 'an answer',
      (error: unknown) => (error instanceof TidemarkError ? 'a TidemarkError' : error),
    )
    expect([what, answer]).toEqual([what, 'a TidemarkError'])
  }
})
