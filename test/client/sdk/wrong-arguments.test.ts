/** Programs without types hand in what types refuse: whatever it is, they get a TidemarkError that says what to do. */
import { describe, expect, onTestFinished, test } from 'vitest'
import { Tidemark } from '../../../src/client/sdk/tidemark.ts'
import { TidemarkError } from '../../../src/core/errors.ts'
import { openInMemory } from '../../../src/embedded/embedded.ts'

// biome-ignore lint/suspicious/noExplicitAny: as a program without types has it
type Any = any

async function outcomeOf(call: () => unknown): Promise<unknown> {
  try {
    await call()
    return 'nothing'
  } catch (error) {
    return error instanceof TidemarkError ? 'a TidemarkError' : error
  }
}

async function open() {
  const { broker, close } = openInMemory()
  onTestFinished(close)
  await broker.createTopic({ topic: 'tides' })
  return new Tidemark({ broker }) as Any
}

const NO_OBJECTS = [undefined, null, 7, 'tides', []]
const NO_LISTS = [null, 7, 'tides', {}]

describe('a producer', () => {
  test('refuses what is no message, no list and no topic', async () => {
    const producer = (await open()).producer()
    const calls: (() => unknown)[] = [
      ...NO_OBJECTS.map(each => () => producer.send(each)),
      ...NO_OBJECTS.map(each => () => producer.send({ topic: 'tides', messages: [each] })),
      ...NO_LISTS.map(each => () => producer.send({ topic: 'tides', messages: each })),
      ...NO_LISTS.map(each => () => producer.sendBatch({ topicMessages: each })),
      ...NO_OBJECTS.map(each => () => producer.sendBatch({ topicMessages: [each] })),
      () => producer.send({ topic: 7, messages: [] }),
      () => producer.send({ topic: 'tides', messages: [{ value: 7 }] }),
      () => producer.send({ topic: 'tides', messages: [{ value: 'x', key: {} }] }),
      () => producer.send({ topic: 'tides', messages: [{ value: 'x', headers: { a: 7 } }] }),
      () => producer.send({ topic: 'tides', messages: [{ value: 'x', headers: 'a' }] }),
      () => producer.send({ topic: 'tides', messages: [{ value: 'x', timestamp: 'noon' }] }),
      ...['0', 0.5, -1, 7n, Number.NaN, {}].map(
        partition => () => producer.send({ topic: 'tides', messages: [{ value: 'x', partition }] }),
      ),
      () => producer.send({ topic: 'tides', messages: [{ value: 'x' }], compression: 'best' }),
      ...NO_OBJECTS.map(each => () => producer.writer(each)),
    ]
    for (const [index, call] of calls.entries()) {
      expect([index, `${call}`, await outcomeOf(call)]).toEqual([index, `${call}`, 'a TidemarkError'])
    }
  })
})

describe('a consumer', () => {
  test('refuses what is no subscription, no partition and no offset', async () => {
    const tidemark = await open()
    const consumer = () => tidemark.consumer({ groupId: 'gauges' })
    const calls: (() => unknown)[] = [
      ...[undefined, null, 7, 'tides', [], {}].map(each => () => consumer().subscribe(each)),
      ...[...NO_LISTS, [7], [null], [''], []].map(topics => () => consumer().subscribe({ topics })),
      () => consumer().subscribe({ topicPattern: 7 }),
      () => consumer().subscribe({ topics: ['tides'], from: 'noon' }),
      ...NO_LISTS.map(each => () => tidemark.consumer().assign(each)),
      ...NO_OBJECTS.map(each => () => tidemark.consumer().assign([each])),
      ...NO_OBJECTS.map(each => async () => {
        const reader = consumer()
        await reader.subscribe({ topics: ['tides'] })
        await reader.run(each)
      }),
      ...NO_OBJECTS.map(each => () => consumer().seek(each)),
      () => consumer().seek({ topic: 'tides', partition: '0', offset: '1' }),
      () => consumer().seek({ topic: 'tides', partition: 0, offset: 'x' }),
      ...[...NO_LISTS, undefined, [7], [{}], [{ topic: 'tides', partitions: 0 }]].flatMap(each => [
        () => consumer().pause(each),
        () => consumer().resume(each),
      ]),
      ...[...NO_LISTS, undefined].map(each => () => consumer().commitOffsets(each)),
      ...[null, 7, 'gauges'].map(each => () => tidemark.consumer(each)),
    ]
    for (const [index, call] of calls.entries()) {
      expect([index, `${call}`, await outcomeOf(call)]).toEqual([index, `${call}`, 'a TidemarkError'])
    }
  })
})
