import { beforeEach, describe, expect, test } from 'vitest'
import { SeededEntropy } from '../../../src/adapters/memory/seeded-entropy.ts'
import type { LogBroker } from '../../../src/broker/log-broker.ts'
import { MAKING_LEFT_MS, MAKING_PATIENCE_MS } from '../../../src/core/limits.ts'
import { toOffset } from '../../../src/core/numbers.ts'
import { NotApplied, OutcomeUnknown } from '../../../src/ports/outcome.ts'
import type { TopicItem } from '../../../src/ports/topic-store.ts'
import { batchOf, Harness, NOW_MS, readAll } from '../harness.ts'

let harness: Harness
let broker: LogBroker

beforeEach(() => {
  harness = new Harness()
  broker = harness.open()
})

const create = (topic: string, partitions?: number, through = broker) =>
  harness.run(through.createTopic(partitions === undefined ? { topic } : { topic, partitions }))
const produce = (value: string, partition = 0, through = broker, topic = 'tides') =>
  harness.run(through.produce({ topic, partition, batches: batchOf([value]) }))
const valuesOf = async (through = broker, partition = 0) =>
  (await harness.run(readAll(through, { topic: 'tides', partition }))).map(({ value }) => value)
const leftovers = async () => (await harness.verify()).findings

describe('creating', () => {
  test('makes a topic with empty partitions and describes it', async () => {
    const made = await harness.run(
      broker.createTopic({ topic: 'tides', partitions: 3, configs: { 'flush.ms': '100' } }),
    )
    expect(made).toMatchObject({ topic: 'tides', partitions: 3, createdMs: NOW_MS })
    expect(made.topicId).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
    expect(made.offsets).toEqual(
      [0, 1, 2].map(partition => ({ partition, startOffset: 0, endOffset: 0, bytes: 0 })),
    )
    expect(made.configs).toContainEqual({ name: 'flush.ms', value: '100', isDefault: false })
    expect(made.configs).toContainEqual({
      name: 'retention.bytes',
      value: '-1',
      isDefault: true,
    })
    expect(await harness.run(broker.describeTopic('tides'))).toEqual(made)
  })

  test('makes one partition where nothing else is said', async () => {
    expect(await create('tides')).toMatchObject({ partitions: 1 })
  })

  test('makes hundreds of partitions that take records', async () => {
    await create('tides', 300)
    for (const partition of [0, 31, 32, 299]) {
      expect(await produce('a', partition)).toMatchObject({ baseOffset: 0 })
    }
    expect(await leftovers()).toEqual([])
  })

  test.each([
    [{ topic: 'a b' }, 'INVALID_TOPIC_EXCEPTION'],
    [{ topic: '' }, 'INVALID_TOPIC_EXCEPTION'],
    [{ topic: 'ok', partitions: 0 }, 'INVALID_PARTITIONS'],
    [{ topic: 'ok', partitions: -1 }, 'INVALID_PARTITIONS'],
    [{ topic: 'ok', partitions: 1.5 }, 'INVALID_PARTITIONS'],
    [{ topic: 'ok', partitions: 10_001 }, 'INVALID_PARTITIONS'],
    [{ topic: 'ok', configs: { nope: '1' } }, 'INVALID_CONFIG'],
    [{ topic: 'ok', configs: { 'retention.ms': 'x' } }, 'INVALID_CONFIG'],
  ])('refuses %j', async (request, kafkaName) => {
    expect(await harness.errorOf(broker.createTopic(request))).toMatchObject({ kafkaName, written: 'no' })
    expect(await harness.run(broker.listTopics())).toEqual([])
  })

  test('refuses a name that is taken, and changes nothing', async () => {
    const made = await create('tides', 2)
    expect(await harness.errorOf(broker.createTopic({ topic: 'tides', partitions: 5 }))).toMatchObject({
      kafkaName: 'TOPIC_ALREADY_EXISTS',
    })
    expect(await harness.run(broker.describeTopic('tides'))).toEqual(made)
    expect(await leftovers()).toEqual([])
  })

  test('by twenty brokers at once makes one topic that works, and leaves nothing else behind', async () => {
    const brokers = Array.from({ length: 20 }, () => harness.open())
    const attempts = brokers.map((each, number) =>
      each.createTopic({ topic: 'tides', partitions: number + 1 }).catch(error => error),
    )
    const outcomes = await harness.run(Promise.all(attempts))
    const made = outcomes.filter(outcome => !(outcome instanceof Error))
    expect(made).toHaveLength(1)
    for (const outcome of outcomes) {
      if (outcome instanceof Error) expect(outcome).toMatchObject({ kafkaName: 'TOPIC_ALREADY_EXISTS' })
    }
    expect(await produce('a')).toMatchObject({ baseOffset: 0 })
    expect(await leftovers()).toEqual([])
  })

  test('succeeds over a store that fails and leaves answers open', async () => {
    const random = new SeededEntropy(7)
    harness.around = async (_, __, call) => {
      const fault = random.pick(['none', 'refused', 'before', 'after'])
      if (fault === 'refused') throw new NotApplied('throttled')
      if (fault === 'before') throw new OutcomeUnknown('timed out before')
      const result = await call()
      if (fault === 'after') throw new OutcomeUnknown('timed out after')
      return result
    }
    expect(await create('tides', 5)).toMatchObject({ partitions: 5 })
    harness.around = (_, __, call) => call()
    for (let partition = 0; partition < 5; partition += 1) await produce('a', partition)
    expect(await leftovers()).toEqual([])
  })

  test('whose write was of unknown outcome leaves the topic alone when another has altered it since', async () => {
    const other = harness.open()
    let puts = 0
    harness.around = async (method, args, call) => {
      const isMade = method === 'put' && (args[0] as Partial<TopicItem>).state === 'live'
      if (!isMade || puts++ > 0) return await call()
      await call()
      await other.alterTopic({ topic: 'tides', set: { 'flush.ms': '1' } })
      throw new OutcomeUnknown('timed out after it was done')
    }
    await harness.run(broker.createTopic({ topic: 'tides', partitions: 2 }).catch(() => {}))
    harness.around = (_, __, call) => call()
    expect(await produce('a', 1, other)).toMatchObject({ baseOffset: 0 })
    expect(await leftovers()).toEqual([])
  })
})

describe('listing', () => {
  test('gives every topic in the order of their names', async () => {
    for (const topic of ['b', 'a', 'c-1', 'c', 'B']) await create(topic, 2)
    const listed = await harness.run(broker.listTopics())
    expect(listed.map(({ topic }) => topic)).toEqual(['B', 'a', 'b', 'c', 'c-1'])
    expect(listed[0]).toEqual({ topic: 'B', partitions: 2, topicId: expect.any(String) })
  })
})

describe('altering', () => {
  test('adds partitions, and every broker finds them at once', async () => {
    const other = harness.open()
    await create('tides', 1)
    await produce('a', 0, other)
    expect(await harness.run(broker.alterTopic({ topic: 'tides', partitions: 4 }))).toMatchObject({
      partitions: 4,
    })
    expect(await produce('b', 3, other)).toMatchObject({ baseOffset: 0 })
    expect(await valuesOf(broker, 0)).toEqual(['a'])
    expect(await valuesOf(other, 3)).toEqual(['b'])
  })

  test('notes when partitions were added, whoever else alters the topic meanwhile', async () => {
    await create('tides', 1)
    const grownMs = async () => (await harness.plain.topics.get('tides'))?.grownMs
    expect(await grownMs()).toBeUndefined()
    await harness.pass(1_000)
    const first = harness.clock.nowMs()
    await harness.run(broker.alterTopic({ topic: 'tides', partitions: 4 }))
    await harness.pass(1_000)
    await harness.run(broker.alterTopic({ topic: 'tides', set: { 'flush.ms': '7' } }))
    expect(await grownMs()).toEqual({ 1: first })
    const second = harness.clock.nowMs()
    await harness.run(broker.alterTopic({ topic: 'tides', partitions: 5 }))
    expect(await grownMs()).toEqual({ 1: first, 4: second })
  })

  test('never takes partitions away', async () => {
    await create('tides', 3)
    for (const partitions of [3, 2, 0, -1, 1.5, 10_001]) {
      expect(await harness.errorOf(broker.alterTopic({ topic: 'tides', partitions }))).toMatchObject({
        kafkaName: 'INVALID_PARTITIONS',
      })
    }
  })

  test('sets configs and gives them back their defaults', async () => {
    const configOf = async (name: string) =>
      (await harness.run(broker.describeTopic('tides'))).configs.find(config => config.name === name)
    await create('tides')
    await harness.run(broker.alterTopic({ topic: 'tides', set: { 'retention.ms': '5', 'flush.ms': '7' } }))
    expect(await configOf('retention.ms')).toMatchObject({ value: '5', isDefault: false })
    await harness.run(broker.alterTopic({ topic: 'tides', unset: ['retention.ms'] }))
    expect(await configOf('retention.ms')).toMatchObject({ value: '604800000', isDefault: true })
    expect(await configOf('flush.ms')).toMatchObject({ value: '7', isDefault: false })
  })

  test('makes a topic that is older than retention go by it, once that is set', async () => {
    const made = await create('tides')
    const { expires, ...old } = (await harness.plain.topics.get('tides'))!
    expect(expires).toBe(true)
    await harness.plain.topics.put({ ...old, version: harness.entropy.id() }, old.version)
    const describeTides = () => harness.run(broker.describeTopic('tides'))
    const notesOf = ({ configs }: { configs: readonly { note?: string | undefined }[] }) =>
      configs.flatMap(({ note }) => note ?? [])
    expect(notesOf(made)).toEqual([])
    const noted = notesOf(await describeTides())
    expect(noted).toHaveLength(3)
    expect(new Set(noted).size).toBe(1)
    expect(noted[0]).toContain('nothing is deleted')
    await harness.run(broker.alterTopic({ topic: 'tides', set: { 'flush.ms': '7' } }))
    expect(notesOf(await describeTides())).toHaveLength(3)
    await harness.run(broker.alterTopic({ topic: 'tides', set: { 'retention.ms': '5' } }))
    expect(notesOf(await describeTides())).toEqual([])
    expect(await harness.plain.topics.get('tides')).toMatchObject({ expires: true })
  })

  test.each(['retention.bytes', 'cleanup.policy'])(
    'makes it do so by giving %s its default',
    async config => {
      await create('tides')
      const { expires: _, ...old } = (await harness.plain.topics.get('tides'))!
      await harness.plain.topics.put({ ...old, version: harness.entropy.id() }, old.version)
      await harness.run(broker.alterTopic({ topic: 'tides', unset: [config] }))
      expect(await harness.plain.topics.get('tides')).toMatchObject({ expires: true })
    },
  )

  test('of what decides on deleting fences whoever decided before, in every partition', async () => {
    await create('tides', 3)
    const rules = async () => {
      const ids = await Promise.all([0, 1, 2].map(partition => harness.partitionId('tides', partition)))
      const heads = await Promise.all(ids.map(id => harness.plain.index.readHead(id)))
      return heads.map(head => head?.settled.rules)
    }
    await harness.run(broker.alterTopic({ topic: 'tides', set: { 'flush.ms': '7' } }))
    expect(await rules()).toEqual([0, 0, 0])
    await harness.run(broker.alterTopic({ topic: 'tides', set: { 'retention.ms': '5' } }))
    expect(await rules()).toEqual([1, 1, 1])
    // A call that is repeated since the first one broke off finds the topic as it wants it.
    await harness.run(broker.alterTopic({ topic: 'tides', set: { 'retention.ms': '5' } }))
    expect(await rules()).toEqual([2, 2, 2])
    await harness.run(broker.alterTopic({ topic: 'tides', unset: ['delete.retention.ms'] }))
    expect(await rules()).toEqual([3, 3, 3])
  })

  test('applies whole or not at all', async () => {
    const made = await create('tides', 2)
    for (const request of [
      { topic: 'tides', partitions: 5, set: { 'retention.ms': 'x' } },
      { topic: 'tides', partitions: 5, set: { nope: '1' } },
      { topic: 'tides', partitions: 5, unset: ['nope'] },
      { topic: 'tides', partitions: 5, set: { 'min.compaction.lag.ms': '2', 'max.compaction.lag.ms': '1' } },
      { topic: 'tides', partitions: 1, set: { 'retention.ms': '5' } },
    ]) {
      await harness.errorOf(broker.alterTopic(request))
      expect(await harness.run(broker.describeTopic('tides'))).toEqual(made)
    }
  })

  test('refuses what cannot hold together, beside what was set before', async () => {
    await create('tides')
    await harness.run(broker.alterTopic({ topic: 'tides', set: { 'max.compaction.lag.ms': '5' } }))
    const lagging = (ms: string) =>
      broker.alterTopic({ topic: 'tides', set: { 'min.compaction.lag.ms': ms } })
    const { kafkaName, message } = await harness.errorOf(lagging('6'))
    expect(kafkaName).toBe('INVALID_CONFIG')
    expect(message).toContain('must not be more than max.compaction.lag.ms, which is 5')
    await harness.run(lagging('5'))
  })

  test('of unknown outcome that made it grow is no failure when another has altered it since', async () => {
    await create('tides', 2)
    const other = harness.open()
    let puts = 0
    harness.around = async (method, args, call) => {
      const isGrowth = method === 'put' && (args[0] as Partial<TopicItem>).partitions === 4
      if (!isGrowth || puts++ > 0) return await call()
      await call()
      await other.alterTopic({ topic: 'tides', set: { 'flush.ms': '1' } })
      throw new OutcomeUnknown('timed out after it was done')
    }
    const altered = await harness.run(broker.alterTopic({ topic: 'tides', partitions: 4 }))
    expect(altered.partitions).toBe(4)
    expect(altered.configs.find(({ name }) => name === 'flush.ms')?.value).toBe('1')
  })

  test('and then not being able to describe it says that it is written', async () => {
    await create('tides', 2)
    harness.around = async (method, _, call) => {
      if (method === 'readHead') throw new NotApplied('throttled')
      return await call()
    }
    const error = await harness.errorOf(broker.alterTopic({ topic: 'tides', partitions: 4 }))
    expect(error).toMatchObject({ kafkaName: 'REQUEST_TIMED_OUT', written: 'yes' })
  })

  test('by many at once applies every change', async () => {
    await create('tides', 1)
    const changes = [
      { partitions: 2 },
      { set: { 'retention.ms': '5' } },
      { set: { 'flush.ms': '7' } },
      { set: { 'max.message.bytes': '9000' } },
    ]
    const brokers = changes.map(() => harness.open())
    await harness.run(
      Promise.all(changes.map((change, at) => brokers[at]!.alterTopic({ topic: 'tides', ...change }))),
    )
    const { partitions, configs } = await harness.run(broker.describeTopic('tides'))
    expect(partitions).toBe(2)
    expect(configs.filter(({ isDefault }) => !isDefault).map(({ value }) => value)).toEqual([
      '7',
      '9000',
      '5',
    ])
  })

  test('of a topic that is not there is refused', async () => {
    expect((await harness.errorOf(broker.alterTopic({ topic: 'ebb' }))).kafkaName).toBe(
      'UNKNOWN_TOPIC_OR_PARTITION',
    )
    expect((await harness.errorOf(broker.describeTopic('ebb'))).kafkaName).toBe('UNKNOWN_TOPIC_OR_PARTITION')
  })
})

describe('deleting', () => {
  test('takes the topic and its records away', async () => {
    await create('tides', 3)
    await produce('a', 1)
    await harness.run(broker.deleteTopic('tides'))
    expect(await harness.run(broker.listTopics())).toEqual([])
    for (const attempt of [
      () => broker.describeTopic('tides'),
      () => broker.deleteTopic('tides'),
      () => broker.produce({ topic: 'tides', partition: 0, batches: batchOf(['b']) }),
      () => broker.fetch({ topic: 'tides', partition: 1, offset: toOffset(0) }),
      () => broker.offsetFor({ topic: 'tides', partition: 1, at: 'latest' }),
      () => broker.deleteRecords({ topic: 'tides', partition: 1, beforeOffset: toOffset(0) }),
    ]) {
      expect((await harness.errorOf(attempt())).kafkaName).toBe('UNKNOWN_TOPIC_OR_PARTITION')
    }
    expect(await leftovers()).toEqual([])
  })

  test('by several at once deletes it once, and all are told so', async () => {
    await create('tides', 3)
    const brokers = Array.from({ length: 5 }, () => harness.open())
    await harness.run(Promise.all(brokers.map(each => each.deleteTopic('tides'))))
    expect(await harness.run(broker.listTopics())).toEqual([])
    expect(await leftovers()).toEqual([])
  })

  test('of unknown outcome never takes the next topic of that name along', async () => {
    await create('tides')
    const other = harness.open()
    let puts = 0
    harness.around = async (method, args, call) => {
      const isTopicPut = method === 'put' && (args[0] as Partial<TopicItem>).state === 'deleting'
      if (!isTopicPut || puts++ > 0) return await call()
      await call()
      await other.createTopic({ topic: 'tides' })
      throw new OutcomeUnknown('timed out after it was done')
    }
    await harness.run(broker.deleteTopic('tides'))
    harness.around = (_, __, call) => call()
    expect(await produce('new', 0, other)).toMatchObject({ baseOffset: 0 })
    expect(await valuesOf(other)).toEqual(['new'])
  })

  test('and creating again makes a new, empty topic', async () => {
    const first = await create('tides')
    await produce('old')
    await harness.run(broker.deleteTopic('tides'))
    const second = await create('tides')
    expect(second.topicId).not.toBe(first.topicId)
    expect(await valuesOf()).toEqual([])
    expect(await produce('new')).toMatchObject({ baseOffset: 0 })
    expect(await valuesOf()).toEqual(['new'])
  })

  test('and creating again is noticed by a broker that knew the old one: it writes nothing into the void', async () => {
    const stale = harness.open()
    await create('tides')
    await produce('old', 0, stale)
    await harness.run(broker.deleteTopic('tides'))
    await create('tides')
    const outcomes: unknown[] = []
    for (const value of ['a', 'b', 'c']) {
      outcomes.push(await produce(value, 0, stale).catch(error => error))
    }
    const refused = outcomes.filter(outcome => outcome instanceof Error)
    expect(refused.length).toBeLessThanOrEqual(1)
    for (const error of refused) {
      expect(error).toMatchObject({ kafkaName: 'UNKNOWN_TOPIC_OR_PARTITION', retriable: true, written: 'no' })
    }
    const acknowledged = ['a', 'b', 'c'].slice(refused.length)
    expect(await valuesOf(broker)).toEqual(acknowledged)
    expect(await valuesOf(stale)).toEqual(acknowledged)
  })

  test('and creating again is noticed by a broker that reads', async () => {
    const stale = harness.open()
    await create('tides')
    await produce('old')
    expect(await valuesOf(stale)).toEqual(['old'])
    await harness.run(broker.deleteTopic('tides'))
    await create('tides')
    await produce('new')
    expect(await valuesOf(stale)).toEqual(['new'])
    await harness.run(broker.deleteTopic('tides'))
    await create('tides')
    expect(await harness.run(stale.offsetFor({ topic: 'tides', partition: 0, at: 'latest' }))).toMatchObject({
      offset: 0,
    })
  })
})

test('a topic that was made by a lost try, and deleted before the next one, is whole when it is made again', async () => {
  const other = harness.open()
  let isFirst = true
  harness.around = async (method, args, call) => {
    const result = await call()
    if (method !== 'put' || (args[0] as TopicItem).state !== 'live' || !isFirst) return result
    isFirst = false
    await other.deleteTopic('tides')
    throw new OutcomeUnknown('the answer was lost')
  }
  expect(await create('tides')).toMatchObject({ topic: 'tides' })
  expect(await produce('a')).toMatchObject({ baseOffset: 0 })
  expect((await harness.verify()).findings).toEqual([])
})

test('a topic that was made by a lost try, and deleted before the next one, has another id the next time', async () => {
  const other = harness.open()
  let lost = ''
  harness.around = async (method, args, call) => {
    const result = await call()
    if (method !== 'put' || (args[0] as TopicItem).state !== 'live' || lost !== '') return result
    lost = (args[0] as TopicItem).topicId
    await other.produce({ topic: 'tides', partition: 0, batches: batchOf(['told']) })
    await other.deleteTopic('tides')
    throw new OutcomeUnknown('the answer was lost')
  }
  expect((await create('tides')).topicId).not.toBe(lost)
  expect(await valuesOf()).toEqual([])
})

test('a deletion that sleeps takes nothing of the topic that a lost try makes anew', async () => {
  let wakeUp = () => {}
  const isAwake = new Promise<void>(resolve => {
    wakeUp = resolve
  })
  const steps: string[] = []
  let asleep: Promise<void> | undefined
  harness.around = async (method, args, call) => {
    const step = method === 'put' ? (args[0] as TopicItem).state : method
    steps.push(step)
    const isFirst = steps.filter(each => each === step).length === 1
    if (method === 'removePartition' && isFirst) await isAwake
    const result = await call()
    if (step !== 'live' || !isFirst) return result
    asleep = harness.open().deleteTopic('tides')
    // That one sleeps; whoever starts meanwhile finishes what it has begun.
    await harness.clock.sleep(10)
    const finisher = harness.open()
    finisher.start()
    await finisher.close()
    throw new OutcomeUnknown('the answer was lost')
  }
  await create('tides')
  await produce('told')
  wakeUp()
  await harness.run(asleep!)
  expect(await valuesOf()).toEqual(['told'])
  expect((await harness.verify()).findings.filter(({ severity }) => severity === 'error')).toEqual([])
})

describe('a put that comes late', () => {
  /** Makes the first put of a topic in this state time out, and gives a way to let it be done later. */
  function delay(state: TopicItem['state'], meanwhile: () => Promise<unknown>): () => Promise<unknown> {
    let putLate: (() => Promise<unknown>) | undefined
    harness.around = async (method, args, call) => {
      if (method !== 'put' || putLate || (args[0] as TopicItem).state !== state) return await call()
      putLate = call
      await meanwhile()
      throw new OutcomeUnknown('timed out before it was done')
    }
    return () => putLate!()
  }

  test('and takes a name for a creation that gave up makes no topic, and the name can be had', async () => {
    const putLate = delay('making', () => harness.open().createTopic({ topic: 'tides' }))
    const error = await harness.errorOf(broker.createTopic({ topic: 'tides', partitions: 2 }))
    expect(error).toMatchObject({ kafkaName: 'TOPIC_ALREADY_EXISTS', written: 'no' })
    await harness.run(broker.deleteTopic('tides'))
    expect(await putLate()).toBe(true)
    expect(await harness.run(broker.listTopics())).toEqual([])
    for (const attempt of [() => broker.describeTopic('tides'), () => broker.deleteTopic('tides')]) {
      expect((await harness.errorOf(attempt())).kafkaName).toBe('UNKNOWN_TOPIC_OR_PARTITION')
    }
    expect(await create('tides', 3)).toMatchObject({ partitions: 3 })
    expect(await produce('a', 2, harness.open())).toMatchObject({ baseOffset: 0 })
    expect(await leftovers()).toEqual([])
  })

  test('and makes a topic live brings none back that was deleted meanwhile', async () => {
    const isTold: unknown[] = []
    const putLate = delay('live', async () => {
      // Somebody else wants the name, and takes what is in the making for left behind.
      await harness.clock.sleep(MAKING_PATIENCE_MS)
      isTold.push(await harness.open().createTopic({ topic: 'tides' }))
    })
    const error = await harness.errorOf(broker.createTopic({ topic: 'tides', partitions: 2 }))
    expect(error).toMatchObject({ kafkaName: 'TOPIC_ALREADY_EXISTS', written: 'unknown' })
    expect(isTold).toHaveLength(1)
    await harness.run(broker.deleteTopic('tides'))
    expect(await putLate()).toBe(false)
    expect(await harness.run(broker.listTopics())).toEqual([])
    expect(await leftovers()).toEqual([])
  })
})

test('what makes a topic comes twice, all of it, and the second time after its deletion: nobody can use it, and its name is free', async () => {
  const steps: (() => Promise<unknown>)[] = []
  harness.around = async (method, _, call) => {
    if (method === 'put' || method === 'createHead') steps.push(call)
    return await call()
  }
  const first = await create('tides', 2)
  harness.around = (_, __, call) => call()
  const stale = harness.open({ topicCacheMs: 600_000 })
  await produce('told', 0, stale)
  await harness.run(broker.deleteTopic('tides'))
  for (const step of steps) await step()
  expect((await harness.plain.topics.get('tides'))?.topicId).toBe(first.topicId)
  expect(await harness.plain.index.readHead({ topicId: first.topicId, partition: 0 })).toBeUndefined()
  for (const through of [stale, harness.open()]) {
    const error = await produce('void', 0, through).catch(thrown => thrown)
    expect(error).toMatchObject({ kafkaName: 'UNKNOWN_TOPIC_OR_PARTITION', written: 'no' })
  }
  const second = await create('tides')
  expect(second.topicId).not.toBe(first.topicId)
  expect(await produce('new')).toMatchObject({ baseOffset: 0 })
  await harness.run(broker.deleteTopic('tides'))
  for (const step of steps) await step()
  expect((await harness.errorOf(broker.describeTopic('tides'))).kafkaName).toBe('UNKNOWN_TOPIC_OR_PARTITION')
  expect(await harness.run(broker.listTopics())).toEqual([])
  for (const step of steps) await step()
  const next = harness.open()
  next.start()
  await harness.run(next.close())
  expect(await harness.run(broker.listTopics())).toEqual([])
  expect(await leftovers()).toEqual([])
})

describe('what took a name comes again once it was given up, just before its maker puts the topic live', () => {
  /** Lets others give up what is in the making, do as they like, and have it there again by a put that comes twice. */
  function repeatMaking(meanwhile: () => Promise<unknown>): string[] {
    const ids: string[] = []
    let repeat: (() => Promise<unknown>) | undefined
    harness.around = async (method, args, call) => {
      if (method !== 'put') return await call()
      const { state, topicId } = args[0] as TopicItem
      if (state === 'making' && !repeat) repeat = call
      if (state === 'live' && ids.length === 0) {
        ids.push(topicId)
        await meanwhile()
        expect(await repeat!()).toBe(true)
      }
      return await call()
    }
    return ids
  }

  test('and the topic that is made is another, with logs', async () => {
    const ids = repeatMaking(async () => {
      await harness.clock.sleep(MAKING_PATIENCE_MS)
      await harness.open().createTopic({ topic: 'tides' })
      await harness.open().deleteTopic('tides')
    })
    const made = await create('tides', 2)
    expect(ids).toHaveLength(1)
    expect(ids).not.toContain(made.topicId)
    expect(made.offsets).toHaveLength(2)
    expect(await harness.run(broker.listTopics())).toEqual([
      { topic: 'tides', topicId: made.topicId, partitions: 2 },
    ])
    expect(await produce('a', 1)).toMatchObject({ baseOffset: 0 })
    expect(await leftovers()).toEqual([])
  })

  test('and so it is where nobody hears of its own being live', async () => {
    const ids = repeatMaking(async () => {
      await harness.clock.sleep(MAKING_PATIENCE_MS)
      await harness.open().createTopic({ topic: 'tides' })
      await harness.open().deleteTopic('tides')
    })
    const around = harness.around
    let isLost = false
    harness.around = async (method, args, call) => {
      const result = await around(method, args, call)
      if (isLost || method !== 'put' || (args[0] as TopicItem).topicId !== ids[0]) return result
      isLost = true
      // Somebody alters it before it is looked at again, and has not noticed anything yet.
      const item = args[0] as TopicItem
      expect(await harness.plain.topics.put({ ...item, version: 'altered' }, item.version)).toBe(true)
      throw new OutcomeUnknown('the answer was lost')
    }
    const made = await create('tides')
    expect(isLost).toBe(true)
    expect(ids).not.toContain(made.topicId)
    expect(await produce('a')).toMatchObject({ baseOffset: 0 })
    expect(await leftovers()).toEqual([])
  })
})

test('a topic that is deleted before its creation is answered is told as gone, and not made again', async () => {
  let isDeleted = false
  harness.around = async (method, args, call) => {
    const result = await call()
    if (method === 'put' && (args[0] as TopicItem).state === 'live' && !isDeleted) {
      isDeleted = true
      await harness.open().deleteTopic('tides')
    }
    return result
  }
  const error = await harness.errorOf(broker.createTopic({ topic: 'tides', partitions: 2 }))
  expect(error).toMatchObject({ kafkaName: 'UNKNOWN_TOPIC_OR_PARTITION', written: 'yes' })
  expect(await harness.run(broker.listTopics())).toEqual([])
  expect(await leftovers()).toEqual([])
})

describe('heads of a topic that is gone', () => {
  test('are not made by a growth that comes late, and take nothing of who still believes in it', async () => {
    await create('tides', 1)
    const stale = harness.open({ topicCacheMs: 600_000 })
    await produce('a', 0, stale)
    let isFirst = true
    harness.around = async (method, _, call) => {
      if (method !== 'createHead' || !isFirst) return await call()
      isFirst = false
      await harness.open().deleteTopic('tides')
      return await call()
    }
    const growth = broker.alterTopic({ topic: 'tides', partitions: 3 })
    expect((await harness.errorOf(growth)).kafkaName).toBe('UNKNOWN_TOPIC_OR_PARTITION')
    expect(await leftovers()).toEqual([])
    const late = await produce('b', 0, stale).catch(error => error)
    expect(late).toMatchObject({ kafkaName: 'UNKNOWN_TOPIC_OR_PARTITION', written: 'no' })
  })

  test('of a growth that broke off go with the topic', async () => {
    await create('tides', 1)
    harness.around = async (method, args, call) => {
      const isGrown = method === 'put' && (args[0] as TopicItem).partitions === 3
      if (isGrown) throw new Error('crashed')
      return await call()
    }
    await harness.run(
      harness
        .open()
        .alterTopic({ topic: 'tides', partitions: 3 })
        .catch(() => {}),
    )
    harness.around = (_, __, call) => call()
    expect((await leftovers()).map(({ severity }) => severity)).toEqual(['leftover', 'leftover'])
    await harness.run(broker.deleteTopic('tides'))
    expect(await leftovers()).toEqual([])
  })

  test('of a growth that broke off are used by the next one', async () => {
    await create('tides', 1)
    harness.around = async (method, args, call) => {
      if (method === 'put' && (args[0] as TopicItem).partitions === 3) throw new Error('crashed')
      return await call()
    }
    await harness.run(
      harness
        .open()
        .alterTopic({ topic: 'tides', partitions: 3 })
        .catch(() => {}),
    )
    harness.around = (_, __, call) => call()
    expect(await harness.run(broker.alterTopic({ topic: 'tides', partitions: 2 }))).toMatchObject({
      partitions: 2,
    })
    expect(await harness.run(broker.alterTopic({ topic: 'tides', partitions: 4 }))).toMatchObject({
      partitions: 4,
    })
    expect(await harness.plain.topics.get('tides')).not.toHaveProperty('growingTo')
    expect(await leftovers()).toEqual([])
  })
})

test('a growth of unknown outcome is no failure when another has grown it further since, and takes nothing back', async () => {
  await create('tides', 2)
  const other = harness.open()
  let puts = 0
  harness.around = async (method, args, call) => {
    const isGrowth = method === 'put' && (args[0] as Partial<TopicItem>).partitions === 4
    if (!isGrowth || puts++ > 0) return await call()
    await call()
    await other.alterTopic({ topic: 'tides', partitions: 6 })
    throw new OutcomeUnknown('timed out after it was done')
  }
  const altered = await harness.run(
    broker.alterTopic({ topic: 'tides', partitions: 4, set: { 'flush.ms': '1' } }),
  )
  expect(altered.partitions).toBe(6)
  expect(altered.configs.find(({ name }) => name === 'flush.ms')?.value).toBe('1')
})

describe('a deletion that a crash left half done', () => {
  /** Deletes until the given call of the given method, which never comes back. */
  async function crashAt(method: string, count: number): Promise<void> {
    const crashing = harness.open()
    let calls = 0
    harness.around = async (name, _, call) => {
      if (name === method && calls++ === count) throw new Error('crashed')
      return await call()
    }
    await harness.run(crashing.deleteTopic('tides').catch(() => {}))
    harness.around = (_, __, call) => call()
  }

  const crashes: [string, number][] = [
    ['removePartition', 0],
    ['removePartition', 1],
    ['removePartition', 2],
    ['remove', 0],
  ]

  beforeEach(async () => {
    await create('tides', 3)
    await produce('old', 1)
  })

  test.each(crashes)('at %s %d is finished by the next broker that starts', async (method, count) => {
    await crashAt(method, count)
    expect(await harness.run(broker.listTopics())).toEqual([])
    const next = harness.open()
    next.start()
    await harness.run(next.close())
    expect(await leftovers()).toEqual([])
    expect(await harness.plain.topics.get('tides')).toBeUndefined()
  })

  test.each(crashes)('at %s %d is finished by creating the topic again', async (method, count) => {
    await crashAt(method, count)
    await create('tides', 2)
    expect(await valuesOf(broker, 1)).toEqual([])
    expect(await produce('new', 1)).toMatchObject({ baseOffset: 0 })
    expect(await leftovers()).toEqual([])
  })
})

describe('a creation that a crash left half done', () => {
  const crashes: [string, number, string][] = [
    ['createHead', 0, 'making'],
    ['createHead', 2, 'making'],
    ['put', 1, 'making'],
  ]

  async function crashAt(method: string, count: number): Promise<void> {
    let calls = 0
    harness.around = async (name, _, call) => {
      if (name === method && calls++ === count) throw new Error('crashed')
      return await call()
    }
    await harness.run(
      harness
        .open()
        .createTopic({ topic: 'tides', partitions: 3 })
        .catch(() => {}),
    )
    harness.around = (_, __, call) => call()
  }

  test.each(crashes)(
    'at %s %d is not there, and is made by the next who wants it',
    async (method, count, state) => {
      await crashAt(method, count)
      expect(await harness.plain.topics.get('tides')).toMatchObject({ state })
      expect(await harness.run(broker.listTopics())).toEqual([])
      expect(await create('tides', 2)).toMatchObject({ partitions: 2 })
      expect(await produce('a', 1)).toMatchObject({ baseOffset: 0 })
      expect(await leftovers()).toEqual([])
    },
  )

  test.each(crashes)(
    'at %s %d is tidied up by a broker that starts some time later',
    async (method, count) => {
      await crashAt(method, count)
      await harness.pass(MAKING_LEFT_MS)
      const next = harness.open()
      next.start()
      await harness.run(next.close())
      expect(await harness.plain.topics.get('tides')).toBeUndefined()
      expect(await leftovers()).toEqual([])
    },
  )

  test('is left alone by who starts meanwhile: its maker may live', async () => {
    let started: Promise<void> | undefined
    harness.around = async (method, _, call) => {
      if (method === 'createHead' && !started) {
        const next = harness.open()
        next.start()
        started = next.close()
        await started
      }
      return await call()
    }
    expect(await create('tides', 3)).toMatchObject({ partitions: 3 })
    expect(await produce('a', 2)).toMatchObject({ baseOffset: 0 })
    expect(await leftovers()).toEqual([])
  })
})
