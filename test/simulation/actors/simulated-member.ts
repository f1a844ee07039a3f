import type { SeededEntropy } from '../../../src/adapters/memory/seeded-entropy.ts'
import type {
  AssignedPartition,
  GroupBroker,
  Heartbeat,
  HeartbeatAnswer,
  OwnedPartition,
} from '../../../src/contract/groups.ts'
import { TidemarkError } from '../../../src/core/errors.ts'
import { toOffset } from '../../../src/core/numbers.ts'
import { partitionKey } from '../../../src/core/topic/partition-id.ts'
import type { Clock } from '../../../src/ports/clock.ts'
import type { World } from '../world.ts'

/** Sends a call to some broker. Undefined: no answer came, whatever was done. */
export type Send = <T>(call: (broker: GroupBroker) => Promise<T>) => Promise<T | undefined>

export interface MemberSettings {
  readonly groupId: string
  readonly topicPattern: string
  readonly sessionTimeoutMs: number
  readonly instanceId?: string
  /** What it does with its partitions instead of committing offsets as it goes; `lost`: it has to be told anew where to go on. */
  readonly deliver?: (memberId: string, holdings: readonly Holding[]) => Promise<'kept' | 'lost'>
}

/** How long a member waits before it asks again that got no answer. */
const RETRY_MS = 300

/** A partition that a member owns. */
export interface Holding extends OwnedPartition {
  /** The next record to deliver. */
  next: number
  /** How many commits it has asked for. */
  commits: number
}

/** A consumer as the protocol wants it: heartbeats, delivers, commits, lets go; and may be stopped at any moment. */
export class SimulatedMember {
  readonly settings: MemberSettings
  readonly #world: World
  readonly #random: SeededEntropy
  readonly #clock: Clock
  readonly #send: Send
  #memberId: string
  #memberEpoch = 0
  #settledEpoch: number | undefined
  #held = new Map<string, Holding>()
  #released: OwnedPartition[] = []
  #toRelease: OwnedPartition[] = []
  #pauseMs = 0
  isAlive = true

  constructor(settings: MemberSettings, world: World, send: Send) {
    this.settings = settings
    this.#world = world
    this.#random = world.random
    this.#clock = world.clock
    this.#send = send
    this.#memberId = world.random.id()
  }

  /** The epoch in which it was told that it owns its share; undefined: it still waits for that. */
  get settledEpoch(): number | undefined {
    return this.isAlive ? this.#settledEpoch : undefined
  }

  get isPaused(): boolean {
    return this.isAlive && this.#pauseMs > 0
  }

  get holdings(): readonly OwnedPartition[] {
    return [...this.#held.values()]
  }

  get memberId(): string {
    return this.#memberId
  }

  /** Lives until it is killed, has left, or another process has taken its place. */
  async live(): Promise<void> {
    let waitMs = 0
    while (this.isAlive) {
      await this.#clock.sleep(waitMs)
      await this.#pause()
      if (!this.isAlive) return
      waitMs = await this.#beat()
      await this.#deliver()
    }
  }

  kill(): void {
    this.isAlive = false
  }

  /** Stops for so long at the next opportunity, as a process does that the system has put to sleep. */
  pause(durationMs: number): void {
    this.#pauseMs = durationMs
  }

  async leave(): Promise<void> {
    this.isAlive = false
    const { groupId, instanceId } = this.settings
    const memberId = this.#memberId
    await this.#ask(broker =>
      broker.leaveGroup({ groupId, memberId, ...(instanceId !== undefined && { instanceId }) }),
    )
  }

  async #pause(): Promise<void> {
    if (this.#pauseMs === 0) return
    await this.#clock.sleep(this.#pauseMs)
    this.#pauseMs = 0
    // A zombie: it does not know yet what has become of its partitions.
    await this.#deliver()
  }

  /** One heartbeat; tells how long to wait for the next. */
  async #beat(): Promise<number> {
    // What it is to let go it has delivered and committed by now.
    for (const { topicId, partition, generation } of this.#toRelease) {
      const key = partitionKey({ topicId, partition })
      const holding = this.#held.get(key)
      if (holding?.generation !== generation) continue
      this.#held.delete(key)
      this.#released.push(toOwned(holding))
    }
    this.#toRelease = []
    if (this.#released.length > 0) this.#settledEpoch = undefined
    const answer = await this.#ask(broker => broker.heartbeat(this.#request()))
    if (!this.isAlive) return 0
    if (!answer) return RETRY_MS
    this.#take(answer)
    return this.#toRelease.length > 0
      ? 0
      : answer.heartbeatIntervalMs - this.#random.integer(0, Math.floor(answer.heartbeatIntervalMs / 10))
  }

  #request(): Heartbeat {
    const { groupId, topicPattern, sessionTimeoutMs, instanceId } = this.settings
    return {
      groupId,
      memberId: this.#memberId,
      memberEpoch: this.#memberEpoch,
      topicPattern,
      sessionTimeoutMs,
      ...(instanceId !== undefined && { instanceId }),
      owned: [...this.#held.values()].map(toOwned),
      released: [...this.#released],
      ...(this.#settledEpoch !== undefined && { settledEpoch: this.#settledEpoch }),
    }
  }

  #take({ memberEpoch, assigned, toRelease, isSettled }: HeartbeatAnswer): void {
    this.#memberEpoch = memberEpoch
    this.#settledEpoch = isSettled ? memberEpoch : undefined
    this.#released = []
    this.#toRelease = toRelease
    const before = this.#held
    this.#held = new Map(assigned.map(each => [partitionKey(each), this.#hold(each, before)]))
  }

  #hold(assigned: AssignedPartition, before: ReadonlyMap<string, Holding>): Holding {
    this.#world.ownership.told(assigned, this.#memberId)
    const known = before.get(partitionKey(assigned))
    if (known?.generation === assigned.generation) return known
    return { ...toOwned(assigned), next: assigned.committedOffset ?? 0, commits: 0 }
  }

  /** Delivers a few records of each partition, or goes back by some, and commits that. */
  async #deliver(): Promise<void> {
    if (!this.isAlive || this.#held.size === 0) return
    // Of a topic that was deleted and made again it may hold a partition twice, and commits are by name.
    const byName = new Map([...this.#held.values()].map(each => [`${each.topic}/${each.partition}`, each]))
    const holdings = [...byName.values()]
    if (this.settings.deliver) {
      if ((await this.settings.deliver(this.#memberId, holdings)) === 'kept') return
      for (const holding of holdings) {
        if (this.#held.get(partitionKey(holding)) === holding) this.#held.delete(partitionKey(holding))
      }
      this.#settledEpoch = undefined
      return
    }
    const isGoingBack = this.#random.fraction() < 0.1
    for (const holding of holdings) {
      const records = this.#random.integer(0, 5)
      holding.next = isGoingBack ? Math.max(0, holding.next - records) : holding.next + records
      holding.commits += 1
    }
    const asked = holdings.map(({ next, commits }) => ({ offset: next, sequence: commits }))
    const highestBefore = new Map(holdings.map(each => [each, this.#world.ownership.highestTold(each)]))
    const { groupId, instanceId } = this.settings
    const memberId = this.#memberId
    const answer = await this.#ask(broker =>
      broker.commitOffsets({
        groupId,
        memberId,
        ...(instanceId !== undefined && { instanceId }),
        // As it was when it was asked: the same call may be sent once more, much later.
        offsets: holdings.map(({ topic, topicId, partition, generation }, index) => ({
          topic,
          topicId,
          partition,
          generation,
          offset: toOffset(asked[index]!.offset),
          sequence: asked[index]!.sequence,
        })),
      }),
    )
    for (const [index, { error }] of (answer ?? []).entries()) {
      const holding = holdings[index]!
      if (error === null && highestBefore.get(holding)! > holding.generation) {
        throw new Error(`fenced: ${memberId} committed to ${partitionKey(holding)} after another owned it`)
      }
      if (error === null) this.#world.ownership.committed(groupId, holding, asked[index]!)
      if (error?.kafkaName !== 'FENCED_MEMBER_EPOCH') continue
      this.#world.ownership.fenced += 1
      if (this.#held.get(partitionKey(holding)) === holding) this.#held.delete(partitionKey(holding))
      // What it owns is not what it was told: it must be told anew.
      this.#settledEpoch = undefined
    }
  }

  /** Undefined: it has to ask again. */
  async #ask<T>(call: (broker: GroupBroker) => Promise<T>): Promise<T | undefined> {
    try {
      return await this.#send(call)
    } catch (error) {
      if (!(error instanceof TidemarkError)) throw error
      switch (error.kafkaName) {
        case 'UNKNOWN_MEMBER_ID':
          this.#startAnew()
          return undefined
        case 'FENCED_INSTANCE_ID':
          this.isAlive = false
          return undefined
        case 'REQUEST_TIMED_OUT':
        case 'KAFKA_STORAGE_ERROR':
          return undefined
        default:
          throw error
      }
    }
  }

  #startAnew(): void {
    this.#memberId = this.#random.id()
    this.#memberEpoch = 0
    this.#settledEpoch = undefined
    this.#held.clear()
    this.#released = []
    this.#toRelease = []
  }
}

function toOwned({ topic, topicId, partition, generation }: OwnedPartition): OwnedPartition {
  return { topic, topicId, partition, generation }
}
