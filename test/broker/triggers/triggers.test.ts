import { beforeEach, describe, expect, test } from 'vitest'
import type { LogBroker } from '../../../src/broker/log-broker.ts'
import { TopicDirectory } from '../../../src/broker/topics/topic-directory.ts'
import { type PutTrigger, Triggers } from '../../../src/broker/triggers/triggers.ts'
import { toOffset } from '../../../src/core/numbers.ts'
import { type Trigger, triggerOwner } from '../../../src/core/trigger/trigger.ts'
import { NotApplied, OutcomeUnknown } from '../../../src/ports/outcome.ts'
import { Member } from '../groups/harness.ts'
import { batchOf, Harness, NOW_MS, numbered } from '../harness.ts'

const GROUP = 'orders-workers'
const NAME = { groupId: GROUP, topic: 'orders' }
const WANTED: PutTrigger = { ...NAME, target: 'a function', settings: { batchSize: 10 } }
const LATEST: PutTrigger = { ...WANTED, settings: { startingPosition: 'latest' } }

let harness: Harness
let broker: LogBroker
let triggers: Triggers

beforeEach(async () => {
  harness = new Harness()
  broker = harness.open()
  triggers = new Triggers(harness.ports, new TopicDirectory(harness.ports.topics, harness.clock))
  await harness.run(broker.createTopic({ topic: 'orders', partitions: 3 }))
  for (const partition of [0, 1]) {
    const batches = batchOf(numbered(0, 5 + partition), { timestampMs: NOW_MS + partition })
    await harness.run(broker.produce({ topic: 'orders', partition, batches }))
  }
})

const put = (request = WANTED) => harness.run(triggers.put(request))
const standing = () => harness.plain.triggers.readTrigger(GROUP, 'orders')

/** By partition. */
async function committed(): Promise<Record<number, number>> {
  const offsets: [number, number][] = []
  for await (const claim of harness.plain.groups.claims(GROUP)) {
    if (claim.committed) offsets.push([claim.partition, claim.committed.offset])
  }
  return Object.fromEntries(offsets)
}

describe('a trigger', () => {
  test('is made, active, with defaults for what was left out', async () => {
    const trigger = await put()
    expect(trigger).toMatchObject({ ...NAME, target: 'a function', state: 'active', version: 1 })
    expect(trigger.settings).toMatchObject({ batchSize: 10, startingPosition: 'earliest', onFailure: null })
    expect(trigger.createdMs).toBeGreaterThanOrEqual(NOW_MS)
    expect(await standing()).toEqual(trigger)
    expect(await harness.run(triggers.list())).toEqual([trigger])
    expect(await committed()).toEqual({})
  })

  test('is altered where it is there, and keeps its id and its state', async () => {
    const made = await put()
    await harness.run(triggers.pause(NAME))
    const altered = await put({ ...WANTED, target: 'another', settings: { batchSize: 20 } })
    expect(altered).toMatchObject({
      triggerId: made.triggerId,
      target: 'another',
      state: 'paused',
      version: 3,
    })
    expect(altered.settings.batchSize).toBe(20)
    expect(altered.createdMs).toBe(made.createdMs)
    expect(await standing()).toEqual(altered)
  })

  test('of an id that was chosen is not taken for one of another', async () => {
    await put({ ...WANTED, triggerId: 'chosen', state: 'paused' })
    expect(await put({ ...WANTED, triggerId: 'chosen' })).toMatchObject({ state: 'paused', version: 2 })
    const other = harness.errorOf(triggers.put({ ...WANTED, triggerId: 'other' }))
    expect(await other).toMatchObject({ kafkaName: 'NON_EMPTY_GROUP' })
  })

  test('has another id when it is made anew', async () => {
    const { triggerId } = await put()
    await harness.run(triggers.remove(NAME))
    expect((await put()).triggerId).not.toBe(triggerId)
  })

  test('is one, if ten make it', async () => {
    const all = Array.from({ length: 10 }, (_, number) =>
      triggers.put({ ...WANTED, target: `target-${number}` }),
    )
    const made = await harness.run(Promise.all(all))
    expect(new Set(made.map(({ triggerId }) => triggerId)).size).toBe(1)
    expect((await standing())?.version).toBe(10)
  })

  test.each([
    ['INVALID_GROUP_ID', { groupId: '' }],
    ['INVALID_TOPIC_EXCEPTION', { topic: 'a#b' }],
    ['UNKNOWN_TOPIC_OR_PARTITION', { topic: 'rivers' }],
    ['INVALID_REQUEST', { target: '' }],
    ['INVALID_REQUEST', { target: 'a\nb' }],
    ['INVALID_REQUEST', { settings: { batchSize: 0 } }],
    ['INVALID_REQUEST', { settings: { onFailure: 'tidemark://orders' } }],
  ])('is not made, %s, with %j', async (kafkaName, change) => {
    expect(await harness.errorOf(triggers.put({ ...WANTED, ...change }))).toMatchObject({
      kafkaName,
      written: 'no',
    })
    expect(await harness.run(triggers.list())).toEqual([])
    expect(await harness.run(broker.listGroups())).toEqual([])
  })

  test('whose given-up records would come back to it through others is not made', async () => {
    for (const topic of ['lost', 'lost-again']) await harness.run(broker.createTopic({ topic }))
    const giveUp = (topic: string, to: string, groupId = GROUP) =>
      put({ groupId, topic, target: 'a function', settings: { onFailure: `tidemark://${to}` } })
    await giveUp('orders', 'lost')
    await giveUp('lost', 'lost-again')
    const closing = giveUp('lost-again', 'orders', 'other')
    await expect(closing).rejects.toMatchObject({
      kafkaName: 'INVALID_REQUEST',
      message: expect.stringContaining('from "lost-again" to "orders" to "lost" to "lost-again"'),
    })
    // Altered, a trigger leads elsewhere, and the circle is none.
    await giveUp('lost', 'nowhere')
    await giveUp('lost-again', 'orders', 'other')
    await expect(giveUp('lost', 'lost-again')).rejects.toMatchObject({ kafkaName: 'INVALID_REQUEST' })
  })

  test('is removed with its id, or whichever there is; not there, it is gone', async () => {
    const made = await put()
    const { triggerId } = made
    await harness.run(triggers.remove({ ...NAME, triggerId: 'another' }))
    expect(await standing()).toEqual(made)
    await harness.run(triggers.remove({ ...NAME, triggerId }))
    expect(await standing()).toBeUndefined()
    await put()
    await harness.run(triggers.remove(NAME))
    await harness.run(triggers.remove(NAME))
    expect(await standing()).toBeUndefined()
  })

  test('is paused and resumed; a resumed one has another version each time', async () => {
    await put()
    expect(await harness.run(triggers.pause(NAME))).toMatchObject({ state: 'paused', version: 2 })
    expect(await harness.run(triggers.pause(NAME))).toMatchObject({ state: 'paused', version: 2 })
    expect(await harness.run(triggers.resume(NAME))).toMatchObject({ state: 'active', version: 3 })
    expect(await harness.run(triggers.resume(NAME))).toMatchObject({ state: 'active', version: 4 })
    expect(await harness.errorOf(triggers.pause({ ...NAME, topic: 'rivers' }))).toMatchObject({
      kafkaName: 'GROUP_ID_NOT_FOUND',
    })
  })

  test('stays when its topic is deleted, and says so', async () => {
    await put()
    await harness.run(broker.deleteTopic('orders'))
    expect(await harness.run(broker.listTriggers())).toMatchObject([{ state: 'active', hasTopic: false }])
    expect(await harness.run(broker.describeGroup(GROUP))).toMatchObject({ partitions: [], members: 1 })
    expect(await harness.run(broker.pauseTrigger(NAME))).toMatchObject({ state: 'paused', hasTopic: false })
  })
})

describe('where it begins', () => {
  test('at the end, every partition has its end committed before there is a trigger', async () => {
    let seen: Record<number, number> | undefined
    harness.around = async (method, _, call) => {
      if (method === 'putTrigger') seen = await committed()
      return await call()
    }
    await put(LATEST)
    expect(seen).toEqual({ 0: 5, 1: 6, 2: 0 })
  })

  test('at a time, its first record, or the end where there is none', async () => {
    await put({ ...WANTED, settings: { startingPosition: { timestampMs: NOW_MS + 1 } } })
    expect(await committed()).toEqual({ 0: 5, 1: 0, 2: 0 })
  })

  test('is where the group was, if it was anywhere', async () => {
    const offsets = [{ topic: 'orders', partition: 0, offset: toOffset(2) }]
    await harness.run(broker.commitOffsets({ groupId: GROUP, offsets }))
    harness.calls.length = 0
    await put(LATEST)
    expect(harness.count('readHead')).toBe(2)
    expect(await committed()).toEqual({ 0: 2, 1: 6, 2: 0 })
  })

  test('is free of what another trigger owned without committing', async () => {
    const id = await harness.partitionId('orders', 0)
    await harness.plain.groups.setOwner(GROUP, id, triggerOwner('gone'), undefined)
    await put(LATEST)
    expect(await harness.plain.groups.readClaim(GROUP, id)).toMatchObject({
      owner: null,
      committed: { offset: 5 },
    })
  })

  test('stays for what is altered, but for a start that changes', async () => {
    await put(LATEST)
    await harness.run(broker.alterTopic({ topic: 'orders', partitions: 4 }))
    await harness.run(broker.produce({ topic: 'orders', partition: 3, batches: batchOf(['a', 'b']) }))
    // The new partition has come since, and so have its records.
    await put({ ...LATEST, settings: { ...LATEST.settings, batchSize: 5 } })
    expect(await committed()).toEqual({ 0: 5, 1: 6, 2: 0 })
    await put({ ...LATEST, settings: { startingPosition: { timestampMs: NOW_MS + 5_000 } } })
    expect(await committed()).toEqual({ 0: 5, 1: 6, 2: 0, 3: 2 })
  })

  test('is committed for more partitions than one call has time for', async () => {
    await harness.run(broker.createTopic({ topic: 'wide', partitions: 400 }))
    harness.around = async (method, _, call) => {
      if (method === 'readClaim') await harness.clock.sleep(400)
      return await call()
    }
    await put({ ...LATEST, topic: 'wide' })
    harness.around = (_, __, call) => call()
    expect(Object.keys(await committed())).toHaveLength(400)
  })
})

describe('a group with members', () => {
  test('gets no trigger until they are gone', async () => {
    const member = new Member(harness, broker, 'one')
    await member.beat()
    expect(await harness.errorOf(triggers.put(LATEST))).toMatchObject({ kafkaName: 'NON_EMPTY_GROUP' })
    expect(await standing()).toBeUndefined()
    expect(await committed()).toEqual({})
    await member.leave()
    await put(LATEST)
    expect(await committed()).toEqual({ 0: 5, 1: 6, 2: 0 })
  })

  test('of other topics gets none either, and nothing is committed', async () => {
    await harness.run(broker.createTopic({ topic: 'rivers' }))
    await new Member(harness, broker, 'one', { topics: ['rivers'] }).beat()
    expect(await harness.errorOf(triggers.put(LATEST))).toMatchObject({ kafkaName: 'NON_EMPTY_GROUP' })
    expect(await committed()).toEqual({})
    expect(harness.count('putTrigger')).toBe(0)
  })

  test('of whom nothing was heard gets one, and they do not come back', async () => {
    const member = new Member(harness, broker, 'one')
    await member.beat()
    await harness.pass(60_000)
    await put()
    expect(await harness.errorOf(member.send())).toMatchObject({ kafkaName: 'UNKNOWN_MEMBER_ID' })
    expect(await harness.errorOf(new Member(harness, broker, 'one').send())).toMatchObject({
      kafkaName: 'INCONSISTENT_GROUP_PROTOCOL',
    })
  })

  test('who join while a trigger is made keep the group', async () => {
    const member = new Member(harness, broker, 'one')
    harness.around = async (method, _, call) => {
      if (method === 'putTrigger') await broker.heartbeat(member.request)
      return await call()
    }
    expect(await harness.errorOf(triggers.put(WANTED))).toMatchObject({ kafkaName: 'NON_EMPTY_GROUP' })
    expect(await standing()).toBeUndefined()
  })

  test('who join just as a trigger is made leave again', async () => {
    const member = new Member(harness, broker, 'one')
    harness.around = async (method, _, call) => {
      if (method === 'putMember') {
        harness.around = (_name, __, inner) => inner()
        await triggers.put(WANTED)
      }
      return await call()
    }
    const refused = { kafkaName: 'INCONSISTENT_GROUP_PROTOCOL', written: 'no' }
    expect(await harness.errorOf(member.send())).toMatchObject(refused)
    expect(await standing()).toMatchObject({ ...NAME, target: WANTED.target, state: 'active', version: 1 })
    expect(await harness.run(broker.describeGroup(GROUP))).toMatchObject({
      state: 'Stable',
      memberList: [{ clientId: 'a function' }],
    })
  })
})

/** The first call of a method, done or not, is one of which nobody knows what became of it. */
function loseFirst(method: string, isDone: boolean): void {
  let isFirst = true
  harness.around = async (name, _, call) => {
    if (name !== method || !isFirst) return await call()
    isFirst = false
    if (isDone) await call()
    throw new OutcomeUnknown('lost')
  }
}

describe.each([
  ['was done', true],
  ['was not done', false],
])('a write of which nobody knows, and which %s,', (_, isDone) => {
  test.each(['createGroup', 'setOwner', 'commit', 'putTrigger'])('of %s makes one trigger', async method => {
    const id = await harness.partitionId('orders', 0)
    await harness.plain.groups.setOwner(GROUP, id, triggerOwner('gone'), undefined)
    loseFirst(method, isDone)
    const trigger = await put(LATEST)
    expect(await standing()).toEqual(trigger)
    expect(trigger.version).toBe(1)
    expect(await committed()).toEqual({ 0: 5, 1: 6, 2: 0 })
  })

  test('of an alteration, a pause, a resumption or a removal does what was asked', async () => {
    await put()
    loseFirst('putTrigger', isDone)
    expect((await put({ ...WANTED, target: 'another' })).target).toBe('another')
    loseFirst('putTrigger', isDone)
    await harness.run(triggers.pause(NAME))
    expect(await standing()).toMatchObject({ state: 'paused', target: 'another' })
    loseFirst('putTrigger', isDone)
    await harness.run(triggers.resume(NAME))
    expect(await standing()).toMatchObject({ state: 'active' })
    loseFirst('removeTrigger', isDone)
    await harness.run(triggers.remove(NAME))
    expect(await standing()).toBeUndefined()
  })
})

test('one that was made by a try of which nobody knew, and paused since, is the one', async () => {
  let isFirst = true
  harness.around = async (name, _, call) => {
    if (name !== 'putTrigger' || !isFirst) return await call()
    isFirst = false
    await call()
    await triggers.pause(NAME)
    throw new OutcomeUnknown('lost')
  }
  const { triggerId } = await put()
  expect(await standing()).toMatchObject({ triggerId, state: 'paused', version: 2 })
})

describe('whoever makes a trigger and dies', () => {
  const steps = ['createGroup', 'setTarget', 'setOwner', 'commit', 'putTrigger']

  test.each(
    steps.flatMap(method => [
      [method, 'before'],
      [method, 'after'],
    ]),
  )('at %s, %s it is done, leaves what the next try goes on from', async (method, when) => {
    const id = await harness.partitionId('orders', 0)
    await harness.plain.groups.setOwner(GROUP, id, triggerOwner('gone'), undefined)
    harness.around = async (name, _, call) => {
      if (name !== method) return await call()
      if (when === 'after') await call()
      throw new NotApplied('died')
    }
    await harness.run(Promise.allSettled([triggers.put(LATEST)]))
    harness.around = (_, __, call) => call()
    // Who looks meanwhile finds a trigger only with all that it begins from.
    if (await standing()) expect(await committed()).toEqual({ 0: 5, 1: 6, 2: 0 })
    await harness.run(broker.produce({ topic: 'orders', partition: 2, batches: batchOf(['late']) }))
    const trigger: Trigger = await put(LATEST)
    expect(await standing()).toEqual(trigger)
    expect(Object.keys(await committed())).toHaveLength(3)
    expect(await harness.run(broker.describeGroup(GROUP))).toMatchObject({ state: 'Stable', members: 1 })
  })
})
