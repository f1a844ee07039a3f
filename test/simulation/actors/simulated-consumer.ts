import type { SeededEntropy } from '../../../src/adapters/memory/seeded-entropy.ts'
import { SESSION_TIMEOUT_DEFAULT_MS } from '../../../src/core/limits.ts'
import { type PartitionId, partitionKey } from '../../../src/core/topic/partition-id.ts'
import { codeOf, NONE } from '../../../src/gateway/apis/error-code.ts'
import type { RequestOf, ResponseOf } from '../../../src/gateway/wire/api.ts'
import type { ConsumerGroupHeartbeat } from '../../../src/gateway/wire/messages/consumer-group-heartbeat.ts'
import type { OffsetCommit } from '../../../src/gateway/wire/messages/offset-commit.ts'
import type { World } from '../world.ts'

export type Beat = RequestOf<typeof ConsumerGroupHeartbeat>
export type Beaten = ResponseOf<typeof ConsumerGroupHeartbeat>
export type Commit = RequestOf<typeof OffsetCommit>
export type Committed = ResponseOf<typeof OffsetCommit>

/** What a consumer reaches its group by. Undefined: no answer came in time, whatever was done. */
export interface Coordinator {
  /** With the generation of each partition that is its member's, by its key: the protocol tells none. */
  beat(request: Beat): Promise<{ answer: Beaten; generations: ReadonlyMap<string, number> } | undefined>
  commit(request: Commit): Promise<Committed | undefined>
  /** The consumer takes a partition for its own from now on. */
  taken(consumer: SimulatedConsumer, key: string): void
}

export interface ConsumerSettings {
  readonly groupId: string
  readonly topicPattern: string
  readonly rebalanceTimeoutMs: number
  readonly instanceId?: string | undefined
}

const RETRY_MS = 300
const LEAVES = -1
/** Of what is wrong for a while: it asks again, and says all of itself once more. */
const PASSING = [codeOf('COORDINATOR_NOT_AVAILABLE'), codeOf('NOT_COORDINATOR')]
/** It has lost all that it had, and joins again. */
const LOST = [codeOf('UNKNOWN_MEMBER_ID'), codeOf('FENCED_MEMBER_EPOCH')]
const NOT_COMMITTED = [
  ...PASSING,
  ...LOST,
  codeOf('STALE_MEMBER_EPOCH'),
  codeOf('FENCED_INSTANCE_ID'),
  codeOf('GROUP_ID_NOT_FOUND'),
  codeOf('UNKNOWN_TOPIC_OR_PARTITION'),
  codeOf('UNKNOWN_TOPIC_ID'),
]

/**
 * A member as Kafka's newer clients are: it takes what its group's coordinator tells it, lets go of the rest first, says what it
 * has, commits; and may be stopped at any moment.
 */
export class SimulatedConsumer {
  readonly settings: ConsumerSettings
  readonly memberId: string
  readonly #world: World
  readonly #random: SeededEntropy
  readonly #coordinator: Coordinator
  #epoch = 0
  /** What it was told to have last. */
  #target: ReadonlyMap<string, PartitionId> = new Map()
  #held = new Map<string, PartitionId>()
  readonly #generations = new Map<string, number>()
  /** What it has said last that it has; undefined: it says all of itself. */
  #said: string | undefined
  #offset = 0
  #pauseMs = 0
  #busyUntilMs = 0
  #lastHeardMs = Number.NEGATIVE_INFINITY
  isAlive = true

  constructor(settings: ConsumerSettings, world: World, coordinator: Coordinator) {
    this.settings = settings
    this.#world = world
    this.#random = world.random
    this.#coordinator = coordinator
    this.memberId = world.random.id()
  }

  /** The group's, as it was told last. */
  get epoch(): number | undefined {
    return this.isAlive && this.#epoch > 0 ? this.#epoch : undefined
  }

  get held(): ReadonlyMap<string, PartitionId> {
    return this.#held
  }

  get isPaused(): boolean {
    return this.isAlive && this.#pauseMs > 0
  }

  /** Whether it has what it was told to have, and nothing else. */
  get isReconciled(): boolean {
    return [...this.#held.keys()].sort().join() === [...this.#target.keys()].sort().join()
  }

  /** Whether its group must still take it for one that is there: it has heard of a heartbeat that is not over yet. */
  isInSession(marginMs: number): boolean {
    const endMs = this.#lastHeardMs + SESSION_TIMEOUT_DEFAULT_MS - marginMs
    return this.isAlive && this.#world.clock.monotonicMs() < endMs
  }

  kill(): void {
    this.isAlive = false
  }

  pause(durationMs: number): void {
    this.#pauseMs = durationMs
  }

  /** Is busy for so long with what it has, and lets nothing go meanwhile; it says that it is there all the same. */
  beBusy(durationMs: number): void {
    this.#busyUntilMs = this.#world.clock.monotonicMs() + durationMs
  }

  /** Lives until it is killed, has left, or another process has taken its place. */
  async live(): Promise<void> {
    while (this.isAlive) {
      await this.#pause()
      const waitMs = await this.#beat()
      if (!this.isAlive) return
      await this.#commit()
      const hasLetGo = this.#reconcile()
      await this.#world.clock.sleep(hasLetGo ? 0 : waitMs)
    }
  }

  async leave(): Promise<void> {
    this.isAlive = false
    await this.#coordinator.beat({ ...this.#ids(), memberEpoch: LEAVES, ...NOTHING })
  }

  #ids() {
    const { groupId, instanceId = null } = this.settings
    return { groupId, memberId: this.memberId, instanceId, rackId: null }
  }

  async #pause(): Promise<void> {
    if (this.#pauseMs === 0) return
    await this.#world.clock.sleep(this.#pauseMs)
    this.#pauseMs = 0
    // A zombie: it does not know yet what has become of its partitions.
    await this.#commit()
  }

  /** One heartbeat; tells how long to wait for the next. */
  async #beat(): Promise<number> {
    const topicPartitions = this.#epoch === 0 ? [] : byTopic(this.#held.values())
    const said = JSON.stringify(topicPartitions)
    const { rebalanceTimeoutMs, topicPattern } = this.settings
    const whole = {
      rebalanceTimeoutMs,
      subscribedTopicNames: null,
      subscribedTopicRegex: topicPattern,
      serverAssignor: null,
      topicPartitions,
    }
    const changes = { ...NOTHING, topicPartitions: said === this.#said ? null : topicPartitions }
    const isWhole = this.#epoch === 0 || this.#said === undefined
    const sentMs = this.#world.clock.monotonicMs()
    const beaten = await this.#coordinator.beat({
      ...this.#ids(),
      memberEpoch: this.#epoch,
      ...(isWhole ? whole : changes),
    })
    if (!this.isAlive) return 0
    // Whether it was heard it does not know.
    this.#said = undefined
    if (!beaten) return RETRY_MS
    const { errorCode, memberEpoch = 0, heartbeatIntervalMs = 0, assignment } = beaten.answer
    const told = assignment ? placesOf(assignment.topicPartitions).map(([key]) => key) : 'nothing new'
    this.#world.history.note(
      this.memberId,
      `has ${[...this.#held.keys()]}; ${errorCode}, ${memberEpoch}: ${told}`,
    )
    if (errorCode === NONE) {
      this.#said = said
      this.#epoch = memberEpoch
      this.#lastHeardMs = sentMs
      if (assignment) this.#target = new Map(placesOf(assignment.topicPartitions))
      this.#noteGenerations(beaten.generations)
      return heartbeatIntervalMs - this.#random.integer(0, Math.floor(heartbeatIntervalMs / 10))
    }
    if (errorCode === codeOf('FENCED_INSTANCE_ID')) this.isAlive = false
    else if (LOST.includes(errorCode)) this.#lose()
    else if (!PASSING.includes(errorCode)) throw new Error(`${this.memberId} was answered ${errorCode}`)
    return RETRY_MS
  }

  /** Of what it is to have, by which claims it has it. */
  #noteGenerations(generations: ReadonlyMap<string, number>): void {
    for (const [key, { topicId, partition }] of this.#target) {
      const generation = generations.get(key)
      if (generation === undefined) continue
      // Where it turns to another gateway, that may take it anew for the same member, and the one before still tells the older claim.
      this.#generations.set(key, Math.max(generation, this.#generations.get(key) ?? 0))
      this.#world.ownership.told({ topic: '', topicId, partition, generation }, this.memberId)
    }
  }

  /** Lets go of what it is not to have any more, and then takes what is new. Tells whether it has anything to say of that. */
  #reconcile(): boolean {
    if (!this.isAlive || this.#world.clock.monotonicMs() < this.#busyUntilMs) return false
    const before = [...this.#held.keys()].join()
    for (const key of this.#held.keys()) if (!this.#target.has(key)) this.#held.delete(key)
    for (const [key, place] of this.#target) {
      if (this.#held.has(key)) continue
      this.#held.set(key, place)
      this.#coordinator.taken(this, key)
    }
    return before !== [...this.#held.keys()].join()
  }

  #lose(): void {
    this.#epoch = 0
    this.#held.clear()
    this.#generations.clear()
    this.#target = new Map()
    this.#lastHeardMs = Number.NEGATIVE_INFINITY
  }

  /** Commits some of what it has. None is made once another owns it. */
  async #commit(): Promise<void> {
    if (!this.isAlive || this.#epoch === 0) return
    const places = [...this.#held].filter(() => this.#random.fraction() < 0.5)
    if (places.length === 0) return
    const { ownership } = this.#world
    const highestBefore = new Map(places.map(([key, place]) => [key, ownership.highestTold(place)]))
    this.#offset += 1
    const topics = byTopic(places.map(([_, place]) => place)).map(topic => ({
      name: '',
      topicId: topic.topicId,
      partitions: topic.partitions.map(partitionIndex => ({
        partitionIndex,
        committedOffset: this.#offset,
        committedLeaderEpoch: -1,
        committedMetadata: null,
      })),
    }))
    const { groupId, instanceId = null } = this.settings
    const answer = await this.#coordinator.commit({
      groupId,
      generationIdOrMemberEpoch: this.#epoch,
      memberId: this.memberId,
      groupInstanceId: instanceId,
      retentionTimeMs: -1,
      topics,
    })
    for (const { topicId = '', partitions: told } of answer?.topics ?? []) {
      for (const { partitionIndex: partition, errorCode } of told) {
        const key = partitionKey({ topicId, partition })
        const generation = this.#generations.get(key)
        if (errorCode === NONE && generation !== undefined && highestBefore.get(key)! > generation)
          throw new Error(`fenced: ${this.memberId} committed to ${key} after another owned it`)
        if (errorCode === NONE) this.#world.count('consumers’ commits')
        else if (!NOT_COMMITTED.includes(errorCode)) throw new Error(`a commit was answered ${errorCode}`)
      }
    }
  }
}

const NOTHING = {
  rebalanceTimeoutMs: -1,
  subscribedTopicNames: null,
  subscribedTopicRegex: null,
  serverAssignor: null,
  topicPartitions: null,
}

function placesOf(topics: NonNullable<Beaten['assignment']>['topicPartitions']): [string, PartitionId][] {
  return topics.flatMap(({ topicId, partitions }) =>
    partitions.map((partition): [string, PartitionId] => [
      partitionKey({ topicId, partition }),
      { topicId, partition },
    ]),
  )
}

function byTopic(places: Iterable<PartitionId>): { topicId: string; partitions: number[] }[] {
  const byId = new Map<string, number[]>()
  for (const { topicId, partition } of places) byId.set(topicId, [...(byId.get(topicId) ?? []), partition])
  return [...byId]
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([topicId, partitions]) => ({ topicId, partitions: partitions.sort((one, other) => one - other) }))
}
