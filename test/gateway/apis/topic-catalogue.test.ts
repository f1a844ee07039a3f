import { expect, test } from 'vitest'
import { VirtualClock } from '../../../src/adapters/memory/virtual-clock.ts'
import type { TopicSummary } from '../../../src/contract/broker.ts'
import { ListedTopics } from '../../../src/gateway/apis/topic-catalogue.ts'

function open(...names: string[]) {
  const there: TopicSummary[] = names.map(topic => ({ topic, topicId: `id of ${topic}`, partitions: 1 }))
  let looks = 0
  const clock = new VirtualClock(0)
  const broker = {
    listTopics: async () => {
      looks += 1
      return [...there]
    },
  }
  const add = (topic: string) => there.push({ topic, topicId: `id of ${topic}`, partitions: 1 })
  return { topics: new ListedTopics(broker, clock), clock, looks: () => looks, add }
}

test('topics are listed once a second', async () => {
  const { topics, clock, looks } = open('ebb', 'flow')
  expect((await topics.all()).map(({ topic }) => topic)).toEqual(['ebb', 'flow'])
  expect((await topics.byName('flow'))?.topicId).toBe('id of flow')
  expect((await topics.byId('id of ebb'))?.topic).toBe('ebb')
  expect(looks()).toBe(1)
  await clock.runUntilSettled(clock.sleep(1_000))
  await topics.all()
  expect(looks()).toBe(2)
})

test('one that is not known is looked for', async () => {
  const { topics, looks, add } = open('ebb')
  await topics.all()
  add('flow')
  expect((await topics.byName('flow'))?.topic).toBe('flow')
  expect(await topics.byName('neap')).toBe(undefined)
  expect(looks()).toBe(3)
})

test('what was changed here is seen at once', async () => {
  const { topics, add } = open('ebb')
  await topics.all()
  add('flow')
  topics.forget()
  expect(await topics.all()).toHaveLength(2)
})
