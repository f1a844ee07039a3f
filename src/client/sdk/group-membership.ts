import type {
  AssignedPartition,
  AssignorName,
  GroupBroker,
  Heartbeat,
  HeartbeatAnswer,
  OwnedPartition,
} from '../../contract/groups.ts'
import { TidemarkError } from '../../core/errors.ts'
import { pause } from '../pause.ts'

export interface MembershipSettings {
  groupId: string
  clientId: string
  instanceId: string | undefined
  topics: string[]
  topicPattern: string | undefined
  assignor: AssignorName | undefined
  sessionTimeoutMs: number
  /** More often than the broker asks for; at most as often as it asks unless it is set. */
  heartbeatIntervalMs: number | undefined
  /** How long the first heartbeat is tried. */
  joinMs: number
}

/** What a membership tells its consumer. */
export interface MembershipListener {
  assigned(partition: AssignedPartition): void
  /** Resolves when the partition is finished with and committed. */
  revoke(partition: OwnedPartition): Promise<void>
  /** Another may own it by now: nothing more of it may be delivered or committed. */
  lost(partition: OwnedPartition): void
  /** A heartbeat was answered; `isChanged`: what this member owns is another than before. */
  beat(isChanged: boolean): void
  /** All is lost and the member joins again, or something is to be released. */
  rebalancing(): void
  /** The membership is over. */
  failed(error: unknown): void
}

const RETRY_FIRST_MS = 100
/** While partitions wait for those who have them, a member asks more often: so much of the interval. */
const UNSETTLED_SHARE = 1 / 4
const UNSETTLED_PAUSE_MS_MIN = 50

interface Ownership {
  partition: OwnedPartition
  isRevoking: boolean
}

/**
 * One member of a group: its heartbeats, and what it owns by them. A member whose session time-out has passed
 * without an answer holds still (`isAlive`), since its partitions may be another's by then.
 */
export class GroupMembership {
  readonly #broker: GroupBroker
  readonly #settings: MembershipSettings
  readonly #listener: MembershipListener
  readonly #owned = new Map<string, Ownership>()
  #released: OwnedPartition[] = []
  #memberId = globalThis.crypto.randomUUID() as string
  #memberEpoch = 0
  #settledEpoch: number | undefined
  #intervalMs = 0
  #aliveUntilMs = 0
  #isStopped = false
  /** Set when a heartbeat shall come at once; taken back by it. */
  #isUrgent = false
  #waiting: AbortController | undefined
  #running: Promise<void> | undefined

  constructor(broker: GroupBroker, settings: MembershipSettings, listener: MembershipListener) {
    this.#broker = broker
    this.#settings = settings
    this.#listener = listener
  }

  get memberId(): string {
    return this.#memberId
  }

  get memberEpoch(): number {
    return this.#memberEpoch
  }

  /** Whether what it owns is still its own, as far as its own clock tells. */
  get isAlive(): boolean {
    return performance.now() < this.#aliveUntilMs
  }

  /** @returns what is owned and not being let go, or undefined */
  ownedOf(topic: string, partition: number): OwnedPartition | undefined {
    for (const { partition: owned } of this.#owned.values()) {
      if (owned.topic === topic && owned.partition === partition) return owned
    }
    return undefined
  }

  /**
   * Joins, and goes on in the background.
   * @throws TidemarkError when it could not join
   */
  async join(): Promise<void> {
    const deadlineMs = performance.now() + this.#settings.joinMs
    for (let failures = 0; ; failures++) {
      try {
        await this.#beat()
        break
      } catch (error) {
        const pauseMs = this.#backoffMs(failures)
        if (!isPassing(error) || performance.now() + pauseMs > deadlineMs || this.#isStopped) throw error
        await this.#wait(pauseMs)
      }
    }
    if (this.#isStopped) {
      // Stopped while the answer was on its way: whoever stopped it could not leave yet.
      await this.leave()
      throw new TidemarkError('INVALID_REQUEST', 'The consumer was stopped while it joined.')
    }
    this.#running = this.#run()
  }

  /** Makes the next heartbeat come at once. */
  beatSoon(): void {
    this.#isUrgent = true
    this.#waiting?.abort()
  }

  /** Ends the heartbeats; what is owned stays so until `leave`. */
  async stop(): Promise<void> {
    this.#isStopped = true
    this.#waiting?.abort()
    await this.#running
  }

  /** Gives up all partitions. A static member only falls silent, since it may come back for them. */
  async leave(): Promise<void> {
    const { groupId, instanceId } = this.#settings
    if (this.#memberEpoch === 0 || instanceId !== undefined) return
    await this.#broker.leaveGroup({ groupId, memberId: this.#memberId })
  }

  async #run(): Promise<void> {
    let failures = 0
    let pauseMs = this.#pauseMs()
    while (!this.#isStopped) {
      await this.#wait(pauseMs)
      if (this.#isStopped) return
      try {
        await this.#beat()
        failures = 0
        pauseMs = this.#pauseMs()
      } catch (error) {
        pauseMs = this.#backoffMs(failures++)
        if (isGivenUp(error)) this.#startAnew()
        else if (!isPassing(error)) {
          this.#isStopped = true
          this.#loseAll()
          this.#listener.failed(error)
        }
      }
    }
  }

  async #beat(): Promise<void> {
    this.#isUrgent = false
    const beganMs = performance.now()
    const released = this.#released
    const answer = await this.#broker.heartbeat(this.#request(released))
    // From when it was asked: the broker counts from some time after that.
    this.#aliveUntilMs = beganMs + this.#settings.sessionTimeoutMs
    this.#released = this.#released.filter(each => !released.includes(each))
    const isJoined = this.#memberEpoch === 0
    this.#memberEpoch = answer.memberEpoch
    this.#settledEpoch = answer.isSettled ? answer.memberEpoch : undefined
    this.#intervalMs = Math.min(
      answer.heartbeatIntervalMs,
      this.#settings.heartbeatIntervalMs ?? answer.heartbeatIntervalMs,
    )
    const isChanged = this.#adopt(answer)
    this.#listener.beat(isChanged || isJoined)
    this.#release(answer)
  }

  #request(released: OwnedPartition[]): Heartbeat {
    const { groupId, clientId, instanceId, topics, topicPattern, assignor, sessionTimeoutMs } = this.#settings
    return {
      groupId,
      memberId: this.#memberId,
      memberEpoch: this.#memberEpoch,
      clientId,
      sessionTimeoutMs,
      owned: [...this.#owned.values()].map(({ partition }) => partition),
      ...(topics.length > 0 && { topics }),
      ...(topicPattern !== undefined && { topicPattern }),
      ...(instanceId !== undefined && { instanceId }),
      ...(assignor !== undefined && { assignor }),
      ...(released.length > 0 && { released }),
      ...(this.#settledEpoch !== undefined && { settledEpoch: this.#settledEpoch }),
    }
  }

  /** @returns whether something changed */
  #adopt({ assigned }: HeartbeatAnswer): boolean {
    let isChanged = false
    const kept = new Set<string>()
    for (const each of assigned) {
      const key = keyOf(each)
      // Let go while the heartbeat was on its way.
      if (this.#released.some(other => keyOf(other) === key && other.generation === each.generation)) continue
      kept.add(key)
      const known = this.#owned.get(key)
      if (known?.partition.generation === each.generation) continue
      // Another generation: what was delivered under the one before can no longer be committed.
      if (known) this.#lose(key, known)
      this.#owned.set(key, { partition: toOwned(each), isRevoking: false })
      this.#listener.assigned(each)
      isChanged = true
    }
    for (const [key, ownership] of this.#owned) {
      if (kept.has(key)) continue
      this.#lose(key, ownership)
      isChanged = true
    }
    return isChanged
  }

  #release({ toRelease }: HeartbeatAnswer): void {
    const revoked = toRelease
      .map(each => this.#owned.get(keyOf(each)))
      .filter(ownership => ownership !== undefined && !ownership.isRevoking)
    if (revoked.length > 0) this.#listener.rebalancing()
    for (const ownership of revoked) if (ownership) void this.#revoke(ownership)
  }

  /** Never rejects: a revocation that fails ends the membership. */
  async #revoke(ownership: Ownership): Promise<void> {
    ownership.isRevoking = true
    const { partition } = ownership
    try {
      await this.#listener.revoke(partition)
    } catch (error) {
      this.#listener.failed(error)
      return
    }
    const key = keyOf(partition)
    if (this.#owned.get(key) !== ownership) return
    this.#owned.delete(key)
    this.#released = [...this.#released, partition]
    this.beatSoon()
  }

  #startAnew(): void {
    this.#listener.rebalancing()
    this.#loseAll()
    this.#released = []
    this.#memberId = globalThis.crypto.randomUUID()
    this.#memberEpoch = 0
    this.#settledEpoch = undefined
    this.#aliveUntilMs = 0
  }

  #loseAll(): void {
    for (const [key, ownership] of this.#owned) this.#lose(key, ownership)
  }

  #lose(key: string, { partition }: Ownership): void {
    this.#owned.delete(key)
    this.#listener.lost(partition)
  }

  #pauseMs(): number {
    if (this.#settledEpoch !== undefined) return this.#intervalMs
    return Math.max(UNSETTLED_PAUSE_MS_MIN, this.#intervalMs * UNSETTLED_SHARE)
  }

  #backoffMs(failures: number): number {
    const pauseMs = Math.min(this.#intervalMs || RETRY_FIRST_MS * 10, RETRY_FIRST_MS * 2 ** failures)
    // Half of it by chance: many members that failed together shall not come back together.
    return pauseMs / 2 + (pauseMs / 2) * Math.random()
  }

  async #wait(pauseMs: number): Promise<void> {
    if (this.#isUrgent || this.#isStopped) return
    this.#waiting = new AbortController()
    await pause(pauseMs, this.#waiting.signal)
    this.#waiting = undefined
  }
}

function keyOf({ topicId, partition }: OwnedPartition): string {
  return `${topicId} ${partition}`
}

function toOwned({ topic, topicId, partition, generation }: OwnedPartition): OwnedPartition {
  return { topic, topicId, partition, generation }
}

/** The group has given this member up: it can join again. */
function isGivenUp(error: unknown): boolean {
  return (
    error instanceof TidemarkError &&
    (error.kafkaName === 'UNKNOWN_MEMBER_ID' || error.kafkaName === 'FENCED_MEMBER_EPOCH')
  )
}

/** Worth another try: also a broker that broke down over one request. */
function isPassing(error: unknown): boolean {
  return error instanceof TidemarkError && (error.retriable || error.kafkaName === 'UNKNOWN_SERVER_ERROR')
}
