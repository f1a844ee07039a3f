import type { LogBroker } from '../../../src/broker/log-broker.ts'
import type {
  AssignedPartition,
  Heartbeat,
  HeartbeatAnswer,
  OwnedPartition,
} from '../../../src/contract/groups.ts'
import type { Harness } from '../harness.ts'

export const GROUP = 'orders-workers'

/** A member that does what the protocol asks, heartbeat by heartbeat. */
export class Member {
  readonly #harness: Harness
  readonly #broker: LogBroker
  readonly request: Heartbeat
  assigned: AssignedPartition[] = []
  toRelease: OwnedPartition[] = []
  isSettled = false

  constructor(harness: Harness, broker: LogBroker, memberId: string, settings: Partial<Heartbeat> = {}) {
    this.#harness = harness
    this.#broker = broker
    this.request = { groupId: GROUP, memberId, memberEpoch: 0, topics: ['orders'], owned: [], ...settings }
  }

  /** Takes what it was given, lets go of what it was asked for, and tells the numbers of its partitions. */
  async beat(): Promise<number[]> {
    const released = this.toRelease
    const isReleased = (one: OwnedPartition) =>
      released.some(other => other.topicId === one.topicId && other.partition === one.partition)
    const answer = await this.send({
      owned: this.assigned.filter(one => !isReleased(one)),
      released,
    })
    this.assigned = answer.assigned
    this.toRelease = answer.toRelease
    this.isSettled = answer.isSettled
    this.request.memberEpoch = answer.memberEpoch
    if (answer.isSettled) this.request.settledEpoch = answer.memberEpoch
    else delete this.request.settledEpoch
    return this.partitions
  }

  /** One heartbeat as given, whose answer changes nothing here. */
  send(change: Partial<Heartbeat> = {}): Promise<HeartbeatAnswer> {
    return this.#harness.run(this.#broker.heartbeat({ ...this.request, ...change }))
  }

  leave(): Promise<void> {
    const { groupId, memberId, instanceId } = this.request
    return this.#harness.run(
      this.#broker.leaveGroup({ groupId, memberId, ...(instanceId !== undefined && { instanceId }) }),
    )
  }

  /** Kafka's name of what became of a commit; null: it is committed. */
  async commit(partition: number, offset: number, topic = 'orders'): Promise<string | null> {
    const owned = this.assigned.find(one => one.topic === topic && one.partition === partition)
    if (!owned) throw new Error(`it does not own ${topic}/${partition}`)
    const { groupId, memberId, instanceId } = this.request
    const [committed] = await this.#harness.run(
      this.#broker.commitOffsets({
        groupId,
        memberId,
        ...(instanceId !== undefined && { instanceId }),
        offsets: [{ topic, partition, offset: offset as never, generation: owned.generation }],
      }),
    )
    return committed!.error?.kafkaName ?? null
  }

  get partitions(): number[] {
    return this.assigned.map(({ partition }) => partition).sort((one, other) => one - other)
  }
}

/** Lets all members heartbeat in turn until each owns its share. */
export async function settle(members: readonly Member[], rounds = 10): Promise<void> {
  for (let round = 0; round < rounds; round += 1) {
    for (const member of members) await member.beat()
    if (members.every(member => member.isSettled)) return
  }
  throw new Error(`not settled after ${rounds} rounds`)
}
