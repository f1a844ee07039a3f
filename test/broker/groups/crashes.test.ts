import { beforeEach, describe, expect, test } from 'vitest'
import type { LogBroker } from '../../../src/broker/log-broker.ts'
import { NotApplied } from '../../../src/ports/outcome.ts'
import { Harness } from '../harness.ts'
import { GROUP, Member, settle } from './harness.ts'

let harness: Harness
let broker: LogBroker

beforeEach(async () => {
  harness = new Harness()
  broker = harness.open()
  await harness.run(broker.createTopic({ topic: 'orders', partitions: 2 }))
})

describe('a broker that dies at any step', () => {
  // Each is the last thing that gets done, or the first that does not.
  const writes = [
    'createGroup',
    'putMember',
    'markGroup',
    'winCheck',
    'putTargetChunk',
    'setTarget',
    'removeOlderTargets',
  ]

  test.each(
    writes.flatMap(method => [
      [method, 'before'],
      [method, 'after'],
    ]),
  )('of a join, at %s, %s it is done', async (method, when) => {
    const [one, two] = [new Member(harness, broker, 'one'), new Member(harness, broker, 'two')]
    await settle([one])
    harness.around = async (name, _, call) => {
      if (name !== method) return await call()
      if (when === 'after') await call()
      // Not even the retries help: to whoever asked, the broker is gone.
      throw new NotApplied('died')
    }
    await expect(two.send()).rejects.toMatchObject({ kafkaName: 'REQUEST_TIMED_OUT' })
    harness.around = (_, __, call) => call()
    await settle([one, two])
    expect([...one.partitions, ...two.partitions].sort()).toEqual([0, 1])
  })

  test.each(
    ['renewLease', 'markGroup', 'winCheck', 'removeMember', 'putTargetChunk', 'setTarget'].flatMap(method => [
      [method, 'before'],
      [method, 'after'],
    ]),
  )('of a leave, at %s, %s it is done', async (method, when) => {
    const [one, two] = [new Member(harness, broker, 'one'), new Member(harness, broker, 'two')]
    await settle([one, two])
    harness.around = async (name, _, call) => {
      if (name !== method) return await call()
      if (when === 'after') await call()
      throw new NotApplied('died')
    }
    await expect(two.leave()).rejects.toMatchObject({ kafkaName: 'REQUEST_TIMED_OUT' })
    harness.around = (_, __, call) => call()
    // At the latest when the session of the one that is gone would have ended.
    for (let beats = 0; beats < 16; beats += 1) {
      await one.beat()
      await harness.pass(3_000)
    }
    expect(one.partitions).toEqual([0, 1])
    expect((await harness.run(broker.describeGroup(GROUP))).members).toBe(1)
  })

  test.each(
    [{}, { instanceId: 'a' }].flatMap(settings => [
      { settings, method: 'putMember', when: 'after' },
      { settings, method: 'markGroup', when: 'before' },
    ]),
  )('of another subscription of $settings, at $method, $when it is done', async step => {
    const { settings, method, when } = step
    await harness.run(broker.createTopic({ topic: 'returns' }))
    const one = new Member(harness, broker, 'one', { ...settings, topics: ['orders'] })
    const two = new Member(harness, broker, 'two', { topics: ['orders', 'returns'] })
    await settle([one, two])
    // A member that stays says so with a heartbeat, a static one when its process starts anew.
    const change = {
      topics: ['returns'],
      ...('instanceId' in settings && { memberId: 'new', memberEpoch: 0 }),
    }
    Object.assign(one.request, change)
    harness.around = async (name, _, call) => {
      if (name !== method) return await call()
      if (when === 'after') await call()
      throw new NotApplied('died')
    }
    await expect(one.send()).rejects.toMatchObject({ kafkaName: 'REQUEST_TIMED_OUT' })
    harness.around = (_, __, call) => call()
    for (let beats = 0; beats < 8; beats += 1) {
      for (const member of [one, two]) await member.beat()
      await harness.pass(3_000)
    }
    const places = (member: Member) => member.assigned.map(({ topic, partition }) => `${topic}/${partition}`)
    expect(places(two).sort()).toEqual(['orders/0', 'orders/1'])
    expect(places(one)).toEqual(['returns/0'])
  })
})
