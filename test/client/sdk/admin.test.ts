import { expect, test } from 'vitest'
import { ConfigResourceTypes } from '../../../src/client/sdk/admin.ts'
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
  const whole = await admin.describeConfigs({
    resources: [{ type: ConfigResourceTypes.TOPIC, name: 'tides' }],
  })
  const noted = whole.resources[0]?.configEntries.filter(({ note }) => note?.startsWith('kept, but not'))
  expect(noted?.map(({ configName }) => configName)).toEqual([
    'cleanup.policy',
    'retention.bytes',
    'retention.ms',
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
