import { beforeEach, expect, test } from 'vitest'
import { ConsumerGroupDescribe } from '../../../../src/gateway/wire/messages/consumer-group-describe.ts'
import { ConsumerGroupHeartbeat } from '../../../../src/gateway/wire/messages/consumer-group-heartbeat.ts'
import { DescribeGroups } from '../../../../src/gateway/wire/messages/describe-groups.ts'
import { JoinGroup } from '../../../../src/gateway/wire/messages/join-group.ts'
import { OffsetCommit } from '../../../../src/gateway/wire/messages/offset-commit.ts'
import { OffsetFetch } from '../../../../src/gateway/wire/messages/offset-fetch.ts'
import { NO_UUID } from '../../../../src/gateway/wire/schema.ts'
import { AskedGateway } from '../asking.ts'

let gateway: AskedGateway
let topicId: string
beforeEach(async () => {
  gateway = new AskedGateway()
  topicId = await gateway.createTopic('tides', 4)
})

const NOTHING = {
  groupId: 'g',
  instanceId: null,
  rackId: null,
  rebalanceTimeoutMs: -1,
  subscribedTopicNames: null,
  subscribedTopicRegex: null,
  serverAssignor: null,
  topicPartitions: null,
}
const JOIN = {
  ...NOTHING,
  memberEpoch: 0,
  rebalanceTimeoutMs: 300_000,
  subscribedTopicNames: ['tides'] as string[] | null,
  topicPartitions: [],
}

/** A member that does what a client of KIP-848 does: it takes what it is told, gives up the rest, and says so. */
class Member {
  readonly memberId: string
  readonly through: AskedGateway
  epoch = 0
  owned: number[] = []
  #said: string | undefined

  constructor(memberId: string, through = gateway) {
    this.memberId = memberId
    this.through = through
  }

  async join(more: object = {}) {
    this.owned = []
    this.#said = '[]'
    return await this.beat({ ...JOIN, ...more })
  }

  async beat(more: object = {}) {
    const report = JSON.stringify(this.owned)
    const topicPartitions =
      report === this.#said ? null : this.owned.length === 0 ? [] : [{ topicId, partitions: this.owned }]
    this.#said = report
    const answer = await this.through.ask(ConsumerGroupHeartbeat, 1, {
      ...NOTHING,
      memberId: this.memberId,
      memberEpoch: this.epoch,
      topicPartitions,
      ...more,
    })
    if (answer.errorCode === 0) {
      this.epoch = answer.memberEpoch
      if (answer.assignment)
        this.owned = answer.assignment.topicPartitions.flatMap(({ partitions }) => partitions)
    }
    return answer
  }

  commit(
    partitionIndex: number,
    committedOffset: number,
    version = 9,
    epoch = this.epoch,
    instanceId: string | null = null,
  ) {
    const partition = { partitionIndex, committedOffset, committedLeaderEpoch: -1, committedMetadata: null }
    return this.through.ask(OffsetCommit, version, {
      groupId: 'g',
      generationIdOrMemberEpoch: epoch,
      memberId: this.memberId,
      groupInstanceId: instanceId,
      retentionTimeMs: -1,
      topics: [{ name: 'tides', topicId, partitions: [partition] }],
    })
  }
}

const codeOf = ({ topics }: { topics: readonly { partitions: readonly { errorCode: number }[] }[] }) =>
  topics[0]!.partitions[0]!.errorCode

/** Heartbeats of all, until nobody is told anything new. */
async function settle(...members: Member[]) {
  for (let round = 0; round < 12; round += 1) {
    for (const member of members) await member.beat()
    await gateway.harness.pass(1_000)
  }
}

test('a member gets all partitions, a second one its part, and each keeps what does not move', async () => {
  const one = new Member('one')
  const first = await one.join()
  expect(first).toMatchObject({ errorCode: 0, memberId: 'one', heartbeatIntervalMs: 3_000 })
  expect(first.memberEpoch).toBeGreaterThan(0)
  expect(one.owned).toEqual([0, 1, 2, 3])
  expect((await one.beat()).assignment).toBeNull()
  const two = new Member('two')
  expect((await two.join()).assignment).toEqual({ topicPartitions: [] })
  await settle(one, two)
  expect([...one.owned, ...two.owned].sort()).toEqual([0, 1, 2, 3])
  expect([one.owned.length, two.owned.length]).toEqual([2, 2])
  await one.beat({ memberEpoch: -1 })
  await settle(two)
  expect(two.owned).toEqual([0, 1, 2, 3])
})

test('partitions move only once their owner has said that it let them go', async () => {
  const [one, two] = [new Member('one'), new Member('two')]
  await one.join()
  await one.beat()
  await two.join()
  await gateway.harness.pass(1_000)
  // It is told to let two go, and does not say yet that it has.
  const before = [...one.owned]
  await one.beat()
  expect(one.owned).toHaveLength(2)
  for (let time = 0; time < 5; time += 1) {
    await gateway.harness.pass(1_000)
    await one.beat({ topicPartitions: [{ topicId, partitions: before }] })
    expect((await two.beat()).errorCode).toBe(0)
    expect(two.owned).toEqual([])
  }
  await one.beat({ topicPartitions: [{ topicId, partitions: one.owned }] })
  await settle(two)
  expect(two.owned).toHaveLength(2)
})

test('in a steady state a heartbeat is one write and one read', async () => {
  const one = new Member('one')
  await one.join()
  await one.beat()
  await gateway.harness.pass(1_000)
  gateway.harness.calls.length = 0
  await one.beat()
  expect(gateway.harness.calls.map(({ method }) => method)).toEqual(['renewLease', 'readGroup'])
})

test('another gateway goes on where one has ended', async () => {
  const one = new Member('one')
  await one.join()
  await one.beat()
  expect(codeOf(await one.commit(1, 5))).toBe(0)
  const other = Object.assign(new AskedGateway(), {
    harness: gateway.harness,
    broker: gateway.harness.open(),
    topics: gateway.topics,
  })
  const same = Object.assign(new Member('one', other), { epoch: one.epoch, owned: one.owned })
  expect(codeOf(await same.commit(1, 9))).toBe(0)
  // Nobody knows what it was told: it is told again.
  const answer = await same.beat({ topicPartitions: null })
  expect(answer).toMatchObject({
    errorCode: 0,
    memberEpoch: one.epoch,
    assignment: { topicPartitions: [{ topicId, partitions: [0, 1, 2, 3] }] },
  })
  expect(
    (await same.beat({ topicPartitions: [{ topicId, partitions: [0, 1, 2, 3] }] })).assignment,
  ).toBeNull()
  expect(codeOf(await same.commit(2, 7))).toBe(0)
  const offsets = await gateway.harness.run(gateway.broker.fetchOffsets({ groupId: 'g' }))
  expect(offsets.map(({ partition, offset }) => [partition, offset])).toEqual([
    [1, 9],
    [2, 7],
  ])
})

test('a gateway that served a member long ago learns what others have told it since', async () => {
  const other = Object.assign(new AskedGateway(), {
    harness: gateway.harness,
    broker: gateway.harness.open(),
    topics: gateway.topics,
  })
  const [one, two] = [new Member('one'), new Member('two', other)]
  await one.join()
  await one.beat()
  // Its connection breaks, and the next one leads to the other gateway.
  const there = Object.assign(new Member('one', other), { epoch: one.epoch, owned: one.owned })
  await two.join()
  await settle(there, two)
  expect(there.epoch).toBeGreaterThan(one.epoch)
  const back = Object.assign(new Member('one'), { epoch: there.epoch, owned: there.owned })
  expect(codeOf(await back.commit(back.owned[0]!, 3))).toBe(0)
  expect(await back.beat()).toMatchObject({ errorCode: 0, memberEpoch: there.epoch })
  expect(back.owned).toEqual(there.owned)
  expect(codeOf(await back.commit(back.owned[0]!, 4))).toBe(0)
})

test('a gateway that told a member to wait learns what another has given it in the same epoch', async () => {
  const other = Object.assign(new AskedGateway(), {
    harness: gateway.harness,
    broker: gateway.harness.open(),
    topics: gateway.topics,
  })
  const [one, two] = [new Member('one'), new Member('two')]
  await one.join()
  await one.beat()
  await two.join()
  await gateway.harness.pass(1_000)
  await two.beat()
  const there = Object.assign(new Member('two', other), { epoch: two.epoch, owned: two.owned })
  await settle(one, there)
  expect(there.owned).toHaveLength(2)
  const back = Object.assign(new Member('two'), { epoch: there.epoch, owned: there.owned })
  expect(there.epoch).toBe(two.epoch)
  expect(codeOf(await back.commit(back.owned[0]!, 3))).toBe(0)
  expect(codeOf(await back.commit(one.owned[0]!, 3))).toBe(113)
})

test("an answer that got lost is told again, and what it told is nobody else's", async () => {
  const one = new Member('one')
  await one.join()
  // The member knows nothing of it, and says so.
  const again = await one.beat({ topicPartitions: [] })
  expect(again.assignment).toEqual({ topicPartitions: [{ topicId, partitions: [0, 1, 2, 3] }] })
})

test('what was told to nobody, since its request was given up, is told again', async () => {
  const one = new Member('one')
  await one.join()
  await one.beat()
  let goOn = () => {}
  const held = new Promise<void>(resolve => {
    goOn = resolve
  })
  let isFirst = true
  gateway.harness.around = async (method, _, call) => {
    const isHeld = isFirst && method === 'readGroup'
    if (isHeld) isFirst = false
    if (isHeld) await held
    return await call()
  }
  const givenUp = gateway.begin(ConsumerGroupHeartbeat, 1, { ...JOIN, memberId: 'two' })
  const two = new Member('two')
  await two.join()
  expect(two.owned).toEqual([])
  await one.beat({ memberEpoch: -1 })
  await gateway.harness.pass(1_000)
  goOn()
  const unheard = await gateway.harness.run(givenUp)
  expect(unheard!.assignment).toEqual({ topicPartitions: [{ topicId, partitions: [0, 1, 2, 3] }] })
  expect((await two.beat()).assignment).toEqual(unheard!.assignment)
  expect((await two.beat()).assignment).toBeNull()
})

test('a join that was given up and comes late takes nothing from its member that it has not let go', async () => {
  const other = Object.assign(new AskedGateway(), {
    harness: gateway.harness,
    broker: gateway.harness.open(),
    topics: gateway.topics,
  })
  const [one, two] = [new Member('one'), new Member('two')]
  await one.join()
  await one.beat()
  await other.ask(ConsumerGroupHeartbeat, 1, { ...JOIN, memberId: 'one' })
  const all = [...one.owned]
  await two.join()
  await gateway.harness.pass(1_000)
  await one.beat({ topicPartitions: null })
  expect(one.owned).toHaveLength(2)
  for (let time = 0; time < 3; time += 1) {
    await two.beat()
    expect(two.owned).toEqual([])
    expect(codeOf(await one.commit(all.find(each => !one.owned.includes(each))!, time))).toBe(0)
    await gateway.harness.pass(1_000)
    await one.beat({ topicPartitions: [{ topicId, partitions: all }] })
  }
  await one.beat({ topicPartitions: [{ topicId, partitions: one.owned }] })
  await settle(one, two)
  expect([...one.owned, ...two.owned].sort()).toEqual([0, 1, 2, 3])
})

test('what a member has told another gateway that it has is not taken for let go', async () => {
  const other = Object.assign(new AskedGateway(), {
    harness: gateway.harness,
    broker: gateway.harness.open(),
    topics: gateway.topics,
  })
  const [one, two] = [new Member('one'), new Member('two')]
  await one.join()
  const there = Object.assign(new Member('one', other), { epoch: one.epoch, owned: one.owned })
  await there.beat()
  await two.join()
  const all = [...one.owned]
  for (let time = 0; time < 3; time += 1) {
    await gateway.harness.pass(1_000)
    await one.beat({ topicPartitions: null })
    expect(one.owned).toHaveLength(2)
    await two.beat()
    expect(two.owned).toEqual([])
  }
  expect(codeOf(await one.commit(all.find(each => !one.owned.includes(each))!, 5))).toBe(0)
  await one.beat({ topicPartitions: [{ topicId, partitions: one.owned }] })
  await settle(one, two)
  expect([...one.owned, ...two.owned].sort()).toEqual([0, 1, 2, 3])
})

test('a member that never says that it let something go joins anew, and others get it', async () => {
  const [one, two] = [new Member('one'), new Member('two')]
  await one.join({ rebalanceTimeoutMs: 10_000 })
  await one.beat()
  await two.join()
  const held = [{ topicId, partitions: [...one.owned] }]
  const codes: number[] = []
  for (let second = 0; second < 16; second += 1) {
    await gateway.harness.pass(1_000)
    codes.push((await one.beat({ topicPartitions: held })).errorCode)
    await two.beat()
    if (codes.at(-1) !== 0) break
  }
  expect(codes.at(-1)).toBe(110)
  expect(codes.length).toBeGreaterThan(10)
  await one.join()
  await settle(one, two)
  expect([...one.owned, ...two.owned].sort()).toEqual([0, 1, 2, 3])
})

test('what is not owned is not committed', async () => {
  const [one, two] = [new Member('one'), new Member('two')]
  await one.join()
  await two.join()
  await settle(one, two)
  expect(codeOf(await one.commit(two.owned[0]!, 3))).toBe(113)
  expect(codeOf(await one.commit(one.owned[0]!, 3))).toBe(0)
  expect(codeOf(await one.commit(one.owned[0]!, 2))).toBe(0)
  expect(codeOf(await one.commit(one.owned[0]!, 3, 9, 77))).toBe(113)
  expect(codeOf(await one.commit(one.owned[0]!, 3, 8))).toBe(35)
  expect(codeOf(await new Member('nobody').commit(0, 3, 9, 4))).toBe(25)
  expect(codeOf(await one.commit(one.owned[0]!, 4, 10))).toBe(0)
})

test('a member is told what is committed only in its own epoch, and whoever is no member not at all', async () => {
  const member = new Member('one')
  await member.join()
  await member.beat()
  const fetch = async (memberId: string | null, memberEpoch: number, groupId = 'g', through = gateway) => {
    const topics = [{ name: 'tides', topicId: NO_UUID, partitionIndexes: [0] }]
    const { groups } = await through.ask(OffsetFetch, 9, {
      groupId: '',
      topics: [],
      groups: [{ groupId, memberId, memberEpoch, topics }],
      requireStable: false,
    })
    return groups[0]!.errorCode
  }
  expect(await fetch('one', member.epoch)).toBe(0)
  expect(await fetch(null, -1)).toBe(0)
  expect(await fetch('one', member.epoch - 1)).toBe(113)
  expect(await fetch('one', member.epoch + 1)).toBe(113)
  expect(await fetch('one', -1)).toBe(113)
  expect(await fetch('two', member.epoch)).toBe(25)
  expect(await fetch('one', 1, 'nobody')).toBe(0)
  const other = Object.assign(new AskedGateway(), {
    harness: gateway.harness,
    broker: gateway.harness.open(),
    topics: gateway.topics,
  })
  expect(await fetch('one', member.epoch, 'g', other)).toBe(0)
  expect(await fetch('one', member.epoch - 1, 'g', other)).toBe(113)
})

test('a member that was given up, or has an epoch that was never told, joins anew', async () => {
  const one = new Member('one')
  await one.join()
  expect(await one.beat({ memberEpoch: one.epoch + 5 })).toMatchObject({ errorCode: 110 })
  expect(await new Member('nobody').beat({ memberEpoch: 3 })).toMatchObject({ errorCode: 25 })
  const two = new Member('two')
  await two.join()
  for (let time = 0; time < 20; time += 1) {
    await gateway.harness.pass(3_000)
    await two.beat()
  }
  expect(await one.beat()).toMatchObject({ errorCode: 25 })
  expect(two.owned).toEqual([0, 1, 2, 3])
  await one.join()
  await settle(one, two)
  expect(one.owned).toHaveLength(2)
})

test('a static member that pauses keeps what it has, and one that takes its place fences it', async () => {
  const instance = { instanceId: 'A' }
  const [one, two] = [new Member('one'), new Member('two')]
  await one.join(instance)
  await two.join()
  for (let time = 0; time < 6; time += 1) {
    await one.beat(instance)
    await two.beat()
    await gateway.harness.pass(1_000)
  }
  const before = [...one.owned]
  expect(await one.beat({ ...instance, memberEpoch: -2 })).toMatchObject({ errorCode: 0, memberEpoch: -2 })
  const back = new Member('back')
  await back.join(instance)
  expect(back.owned).toEqual(before)
  one.epoch = back.epoch
  expect((await one.beat(instance)).errorCode).toBe(25)
})

test('what a static member still has whose place was taken it cannot commit any more, whichever gateway is asked', async () => {
  const instance = { instanceId: 'A' }
  const other = Object.assign(new AskedGateway(), {
    harness: gateway.harness,
    broker: gateway.harness.open(),
    topics: gateway.topics,
  })
  const [before, two] = [new Member('before'), new Member('two')]
  await before.join(instance)
  await before.beat(instance)
  await two.join()
  await gateway.harness.pass(1_000)
  // It is told to let two go, which it never says that it has.
  const all = [...before.owned]
  await before.beat({ ...instance, topicPartitions: null })
  const moved = all.filter(partition => !before.owned.includes(partition))
  expect(moved).toHaveLength(2)
  const after = new Member('after')
  await after.join(instance)
  const there = Object.assign(new Member('after', other), { epoch: after.epoch, owned: after.owned })
  await two.beat({ memberEpoch: -1 })
  for (let time = 0; time < 4; time += 1) {
    await gateway.harness.pass(1_000)
    await there.beat(instance)
  }
  expect(there.owned).toEqual(all)
  for (const partition of all)
    expect(codeOf(await before.commit(partition, 9, 9, before.epoch, 'A'))).not.toBe(0)
  for (const partition of all) expect(codeOf(await there.commit(partition, 3, 9, there.epoch, 'A'))).toBe(0)
})

test('subscriptions change by what is sent, and by expressions', async () => {
  const other = await gateway.createTopic('rivers', 1)
  const one = new Member('one')
  await one.join()
  const told = async (more: object) => {
    await one.beat(more)
    for (let time = 0; time < 4; time += 1) {
      await gateway.harness.pass(3_000)
      await one.beat({ topicPartitions: [] })
    }
    const { assignment } = await one.beat({ topicPartitions: [] })
    return assignment!.topicPartitions.map(each => each.topicId).sort()
  }
  expect(await told({ subscribedTopicRegex: 'riv.*' })).toEqual([topicId, other].sort())
  expect(await told({ subscribedTopicNames: [] })).toEqual([other])
  expect(await told({ subscribedTopicRegex: '', subscribedTopicNames: ['tides'] })).toEqual([topicId])
  expect(await one.beat({ subscribedTopicRegex: 'tid(?=es)' })).toMatchObject({ errorCode: 128 })
  expect(await one.join({ subscribedTopicRegex: '[' })).toMatchObject({ errorCode: 128 })
})

test("what a heartbeat lacks is told in Kafka's words", async () => {
  const ask = async (more: object, version = 1) =>
    await gateway.ask(ConsumerGroupHeartbeat, version, { ...JOIN, memberId: 'one', ...more })
  const cases: [object, number, string][] = [
    [{ groupId: '' }, 42, "GroupId can't be empty."],
    [{ memberId: '' }, 42, "MemberId can't be empty."],
    [{ rebalanceTimeoutMs: -1 }, 42, 'RebalanceTimeoutMs must be provided in first request.'],
    [{ topicPartitions: null }, 42, 'TopicPartitions must be empty when (re-)joining.'],
    [
      { subscribedTopicNames: null },
      42,
      'Either SubscribedTopicNames or SubscribedTopicRegex must be non-null when (re-)joining.',
    ],
    [{ memberEpoch: -2 }, 42, "InstanceId can't be null."],
    [{ memberEpoch: -3 }, 42, 'MemberEpoch is invalid.'],
    [
      { serverAssignor: 'mine' },
      112,
      'ServerAssignor mine is not supported. Supported assignors: uniform, range.',
    ],
  ]
  for (const [more, errorCode, errorMessage] of cases) {
    expect(await ask(more)).toMatchObject({ errorCode, errorMessage })
  }
  const given = await ask({ memberId: '', serverAssignor: 'range' }, 0)
  expect(given).toMatchObject({ errorCode: 0 })
  expect(given.memberId).toMatch(/^[0-9a-f-]{36}$/)
})

test('groups are described; those of the other kind are no consumer groups', async () => {
  const one = new Member('one')
  await one.join({ serverAssignor: 'uniform' })
  await one.beat()
  const describe = async (groupId: string) =>
    (await gateway.ask(ConsumerGroupDescribe, 1, { groupIds: [groupId], includeAuthorizedOperations: false }))
      .groups[0]!
  expect(await describe('g')).toMatchObject({
    errorCode: 0,
    groupState: 'Stable',
    groupEpoch: one.epoch,
    assignorName: 'uniform',
    members: [
      {
        memberId: 'one',
        clientId: 'test',
        subscribedTopicNames: ['tides'],
        assignment: { topicPartitions: [{ topicId, topicName: 'tides', partitions: [0, 1, 2, 3] }] },
        memberType: 1,
      },
    ],
  })
  expect(await describe('other')).toMatchObject({ errorCode: 69 })
  const dead = await gateway.ask(DescribeGroups, 5, { groups: ['g'], includeAuthorizedOperations: false })
  expect(dead.groups[0]).toMatchObject({ errorCode: 0, groupState: 'Dead' })
})

test('members of the two protocols are not in one group, and are told so', async () => {
  const one = new Member('one')
  await one.join()
  const classic = {
    groupId: 'g',
    sessionTimeoutMs: 10_000,
    rebalanceTimeoutMs: 30_000,
    memberId: '',
    groupInstanceId: null,
    protocolType: 'consumer',
    protocols: [{ name: 'range', metadata: Buffer.alloc(0) }],
    reason: null,
  }
  expect((await gateway.ask(JoinGroup, 3, classic)).errorCode).toBe(23)
  await one.beat({ memberEpoch: -1 })
  expect((await gateway.ask(JoinGroup, 3, classic)).errorCode).toBe(0)
  expect(await one.join()).toMatchObject({ errorCode: 23 })
})

test('a member of the SDK and one of a Kafka client share a group', async () => {
  const one = new Member('one')
  await one.join()
  await one.beat()
  const sdk = { groupId: 'g', memberId: 'sdk', topics: ['tides'] }
  let owned: { topic: string; topicId: string; partition: number; generation: number }[] = []
  for (let time = 0; time < 6; time += 1) {
    const answer = await gateway.harness.run(gateway.broker.heartbeat({ ...sdk, memberEpoch: time, owned }))
    owned = answer.assigned
    await gateway.harness.pass(1_000)
    await one.beat()
  }
  expect(owned).toHaveLength(2)
  expect([...one.owned, ...owned.map(({ partition }) => partition)].sort()).toEqual([0, 1, 2, 3])
})
