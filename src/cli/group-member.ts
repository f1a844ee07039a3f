import { setTimeout as sleep } from 'node:timers/promises'
import type {
  AssignedPartition,
  AssignorName,
  GroupBroker,
  Heartbeat,
  HeartbeatAnswer,
  OwnedPartition,
} from '../contract/groups.ts'
import { TidemarkError } from '../core/errors.ts'

export interface MemberSettings {
  groupId: string
  subscription: { topics?: string[]; topicPattern?: string }
  /** Of a static member. */
  instanceId: string | null
  /** What a description of the group shows. */
  clientId: string
  /** null: what the group uses by default. */
  assignor: AssignorName | null
  sessionTimeoutMs: number
  /** How long heartbeats may fail in a row before the last failure is passed on. */
  outageMsMax: number
  /** How long to wait after a heartbeat that failed. */
  retryPauseMs: number
  newMemberId: () => string
}

/** What a member does with what it is told. None of these may throw. */
export interface MemberEvents {
  /** These may be read from now on. */
  assigned(partitions: AssignedPartition[]): void
  /** Finish with these and commit them, then `release` them. Told again with every heartbeat until that is done. */
  toRelease(partitions: OwnedPartition[]): void
  /** Others may have these by now: nothing of them may be printed or committed any more. */
  lost(partitions: OwnedPartition[]): void
  /** After each heartbeat that was answered, and whatever it told. */
  beat(): void
  /** A heartbeat failed, and there will be another. Told once for each row of failures. */
  outage(error: TidemarkError): void
}

/** Keeps a place in a consumer group: heartbeats, one after the other, until it stops. */
export class GroupMember {
  readonly #broker: GroupBroker
  readonly #settings: MemberSettings
  readonly #events: MemberEvents
  readonly #stop = new AbortController()
  #wake = new AbortController()
  #memberId: string
  #memberEpoch = 0
  /** Whether the group may know of this member. */
  #isKnown = false
  #settledEpoch: number | undefined
  #owned = new Map<string, OwnedPartition>()
  /** Let go, and not yet told to the broker. */
  #released: OwnedPartition[] = []
  #leaseUntilMs = Number.NEGATIVE_INFINITY
  #whenLeased = Promise.withResolvers<void>()
  #outageSinceMs: number | undefined

  constructor(broker: GroupBroker, settings: MemberSettings, events: MemberEvents) {
    this.#broker = broker
    this.#settings = settings
    this.#events = events
    this.#memberId = settings.newMemberId()
  }

  get memberId(): string {
    return this.#memberId
  }

  get memberEpoch(): number {
    return this.#memberEpoch
  }

  /** Whether it owns all that it is to own for now, and nothing else. */
  get isSettled(): boolean {
    return this.#settledEpoch !== undefined && this.#released.length === 0
  }

  /** Heartbeats until `stop`. @throws what no further heartbeat can mend */
  async run(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      const pauseMs = await this.#beat()
      await this.#pause(pauseMs)
    }
  }

  /** The heartbeat under way is the last one. */
  stop(): void {
    this.#stop.abort()
    this.#wake.abort()
    this.#whenLeased.resolve()
  }

  /** Once `run` has ended. A static member means to come back, so it just falls silent. */
  async leave(): Promise<void> {
    const { groupId, instanceId } = this.#settings
    if (instanceId !== null || !this.#isKnown) return
    await this.#broker.leaveGroup({ groupId, memberId: this.#memberId })
  }

  /** Gives back what was to be released. The broker hears of it at once. */
  release(partition: OwnedPartition): void {
    if (this.#owned.get(keyOf(partition))?.generation !== partition.generation) return
    this.#owned.delete(keyOf(partition))
    this.#released.push(partition)
    this.heartbeatNow()
  }

  /** Another owns it, as a refused commit told. */
  giveUp(partition: OwnedPartition): void {
    if (this.#owned.get(keyOf(partition))?.generation !== partition.generation) return
    this.#owned.delete(keyOf(partition))
    this.#settledEpoch = undefined
    this.#events.lost([partition])
    this.heartbeatNow()
  }

  /** Ends the pause before the next heartbeat. */
  heartbeatNow(): void {
    this.#wake.abort()
  }

  /**
   * Resolves while nobody else can have taken what this member owns; after a long silence, once a heartbeat has told
   * what it owns still. Time counts from before a heartbeat was sent, so a broker's lease ends later than this.
   */
  async leased(): Promise<void> {
    while (!this.#stop.signal.aborted && performance.now() >= this.#leaseUntilMs)
      await this.#whenLeased.promise
  }

  /** One heartbeat. Answers the milliseconds until the next one. */
  async #beat(): Promise<number> {
    const request = this.#request()
    const sentMs = performance.now()
    let answer: HeartbeatAnswer
    this.#isKnown = true
    try {
      answer = await this.#broker.heartbeat(request)
    } catch (error) {
      return this.#failed(request, error)
    }
    this.#outageSinceMs = undefined
    this.#apply(request, answer)
    this.#leaseUntilMs = sentMs + this.#settings.sessionTimeoutMs
    this.#whenLeased.resolve()
    this.#whenLeased = Promise.withResolvers()
    this.#events.beat()
    return answer.heartbeatIntervalMs
  }

  #request(): Heartbeat {
    const { groupId, subscription, instanceId, clientId, assignor, sessionTimeoutMs } = this.#settings
    // From here on, `release` and `giveUp` are reasons to come back at once.
    this.#wake = new AbortController()
    return {
      groupId,
      memberId: this.#memberId,
      memberEpoch: this.#memberEpoch,
      ...(instanceId === null ? {} : { instanceId }),
      clientId,
      ...subscription,
      ...(assignor === null ? {} : { assignor }),
      sessionTimeoutMs,
      owned: [...this.#owned.values()],
      // A copy: what is released while this is on its way is still to be told.
      ...(this.#released.length === 0 ? {} : { released: [...this.#released] }),
      ...(this.#settledEpoch === undefined ? {} : { settledEpoch: this.#settledEpoch }),
    }
  }

  #apply(request: Heartbeat, answer: HeartbeatAnswer): void {
    const told = new Set(request.released ?? [])
    this.#released = this.#released.filter(partition => !told.has(partition))
    // What was let go or lost while the heartbeat was on its way is not ours again because of its answer.
    const asked = new Map(request.owned.map(partition => [keyOf(partition), partition]))
    const assigned = answer.assigned.filter(
      partition => !isSame(asked.get(keyOf(partition)), partition) || this.#owns(partition),
    )
    const before = this.#owned
    this.#owned = new Map(
      assigned.map(({ topic, topicId, partition, generation }) => {
        const owned = { topic, topicId, partition, generation }
        return [keyOf(owned), owned]
      }),
    )
    const lost = [...before.values()].filter(partition => !this.#owns(partition))
    const added = assigned.filter(partition => !isSame(before.get(keyOf(partition)), partition))
    this.#memberEpoch = answer.memberEpoch
    this.#settledEpoch = answer.isSettled ? answer.memberEpoch : undefined
    if (lost.length > 0) this.#events.lost(lost)
    if (added.length > 0) this.#events.assigned(added)
    const toRelease = answer.toRelease.filter(partition => this.#owns(partition))
    if (toRelease.length > 0) this.#events.toRelease(toRelease)
  }

  #owns(partition: OwnedPartition): boolean {
    return isSame(this.#owned.get(keyOf(partition)), partition)
  }

  #failed(request: Heartbeat, error: unknown): number {
    if (!(error instanceof TidemarkError)) throw error
    if (error.kafkaName === 'UNKNOWN_MEMBER_ID' && request.memberEpoch > 0) {
      this.#beginAnew()
      return 0
    }
    if (!error.retriable) throw error
    // From the first failure on: a machine that slept has not failed for long.
    this.#outageSinceMs ??= this.#tellOutage(error)
    if (performance.now() - this.#outageSinceMs > this.#settings.outageMsMax) throw error
    return this.#settings.retryPauseMs
  }

  #tellOutage(error: TidemarkError): number {
    this.#events.outage(error)
    return performance.now()
  }

  /** The group gave this member up. */
  #beginAnew(): void {
    const lost = [...this.#owned.values()]
    this.#owned = new Map()
    this.#released = []
    this.#settledEpoch = undefined
    this.#memberEpoch = 0
    this.#memberId = this.#settings.newMemberId()
    this.#events.lost(lost)
  }

  async #pause(pauseMs: number): Promise<void> {
    if (pauseMs === 0 || this.#stop.signal.aborted) return
    // Woken, it ends early; that is no failure.
    await sleep(pauseMs, undefined, { signal: this.#wake.signal }).catch(() => {})
  }
}

function keyOf({ topicId, partition }: OwnedPartition): string {
  return `${topicId}/${partition}`
}

function isSame(one: OwnedPartition | undefined, other: OwnedPartition): boolean {
  return one !== undefined && one.generation === other.generation
}
