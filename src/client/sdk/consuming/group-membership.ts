import type {
  AssignedPartition,
  AssignorName,
  GroupBroker,
  Heartbeat,
  HeartbeatAnswer,
  OwnedPartition,
} from '../../../contract/groups.ts'
import { TidemarkError } from '../../../core/errors.ts'
import {
  API_TIMEOUT_MS,
  CLIENT_TIMEOUT_MS_MIN,
  CLOSE_HEARTBEAT_MS,
  CLOSE_LEAVE_MS,
  HEARTBEAT_ATTEMPTS_MIN,
  SESSION_TIMEOUT_DEFAULT_MS,
} from '../../../core/limits.ts'
import { DeadlinePassed } from '../../deadline.ts'
import { pause } from '../../pause.ts'
import { pauseAfter, tryOnce, tryTimeoutMs, withRetries } from '../../retry.ts'
import { isPassing, type Outages } from '../outages.ts'
import { requestRetries } from '../retry-options.ts'
import { isKafkaError } from '../topic-facts.ts'
import type { ConsumerOptions, ConsumerWork } from './consumer-options.ts'
import type { ReadPartition } from './partition-stream.ts'
import type { Subscription } from './subscription.ts'

/** What a membership tells its consumer. None of these may throw. */
export interface MembershipListener {
  /** These are read from now on. `committedOffset`: where to begin; null: nothing was ever committed. */
  assigned(partitions: readonly AssignedPartition[]): void
  /** Finish with these and commit them, then `release` them. Told again until that is done. */
  toRelease(partitions: readonly OwnedPartition[]): void
  /** Others may have these by now: nothing more of them may be delivered or committed. */
  lost(partitions: readonly OwnedPartition[]): void
  /** A heartbeat was answered, and all that it told is told. */
  beat(): void
  /** All is lost, and the member joins again. */
  rebalancing(): void
  /** The membership is over. */
  failed(error: unknown): void
}

/** While partitions wait for those who have them, a member asks more often: so much of the interval. */
const UNSETTLED_SHARE = 1 / 4
const UNSETTLED_PAUSE_MS_MIN = 50
/** A busy process may be so late with a timer. */
const TIMER_LATE_MS = 1_000

/**
 * One member of a group: its heartbeats, and what it owns by them. A member whose session time-out has passed
 * without an answer holds still (`isAlive`), since its partitions may be another's by then.
 */
export class GroupMembership {
  readonly #broker: GroupBroker
  readonly #options: ConsumerOptions & { clientId: string }
  readonly #groupId: string
  readonly #sessionTimeoutMs: number
  readonly #retry: ReturnType<typeof requestRetries>
  readonly #subscription: Subscription
  readonly #outages: Outages<ConsumerWork>
  readonly #listener: MembershipListener
  #owned = new Map<string, OwnedPartition>()
  /** Let go, and not yet told to the broker. */
  #released: OwnedPartition[] = []
  #memberId = globalThis.crypto.randomUUID() as string
  #memberEpoch = 0
  /** Whether the group may know of this member. */
  #isKnown = false
  #settledEpoch: number | undefined
  #intervalMs = 0
  #aliveUntilMs = 0
  /** The same by the wall clock, which goes on while a machine is suspended: the other one may not. */
  #aliveUntilDateMs = 0
  /** When the last heartbeat that was answered went out. */
  #answeredMs = 0
  #watch: NodeJS.Timeout | undefined
  #isStopped = false
  /** Set when a heartbeat shall come at once; taken back by it. */
  #isUrgent = false
  #waiting: AbortController | undefined
  /** Ends a heartbeat that is under way. */
  readonly #ending = new AbortController()
  #running: Promise<void> | undefined

  constructor(
    broker: GroupBroker,
    options: ConsumerOptions & { clientId: string },
    subscription: Subscription,
    outages: Outages<ConsumerWork>,
    listener: MembershipListener,
  ) {
    this.#broker = broker
    this.#options = options
    this.#groupId = options.groupId ?? ''
    this.#sessionTimeoutMs = options.sessionTimeout ?? SESSION_TIMEOUT_DEFAULT_MS
    const giveUpAfterMs = options.giveUpAfter ?? Number.POSITIVE_INFINITY
    this.#retry = requestRetries(options.retry ?? {}, giveUpAfterMs, options.requestTimeout)
    this.#subscription = subscription
    this.#outages = outages
    this.#listener = listener
  }

  get memberId(): string {
    return this.#memberId
  }

  /** Who it is, as events tell it. */
  get identity(): { groupId: string; memberId: string; groupGenerationId: number } {
    return { groupId: this.#groupId, memberId: this.#memberId, groupGenerationId: this.#memberEpoch }
  }

  get assignor(): AssignorName {
    return this.#options.assignor ?? 'cooperative-sticky'
  }

  /**
   * Whether what it owns is its own still. Time counts from before a heartbeat, so a broker's lease ends later. A wall clock
   * that is set ahead looks like a machine that was suspended: it costs a wait for the next heartbeat.
   */
  get isAlive(): boolean {
    return performance.now() < this.#aliveUntilMs && Date.now() < this.#aliveUntilDateMs
  }

  /** Whether it has all that it is to have for now, and nothing else. */
  get isSettled(): boolean {
    return this.#settledEpoch !== undefined && this.#released.length === 0
  }

  /**
   * Joins, and goes on in the background.
   * @throws TidemarkError when it could not join
   */
  async join(): Promise<void> {
    this.#answeredMs = performance.now()
    const deadlineMs = performance.now() + (this.#options.giveUpAfter ?? API_TIMEOUT_MS)
    for (let failures = 0; ; failures++) {
      try {
        await this.#beat()
        break
      } catch (error) {
        if (this.#isStopped) break
        const pauseMs = this.#backoffMs(failures)
        if (performance.now() + pauseMs > deadlineMs) throw error
        if (!this.#outages.failed('heartbeat', this, error, this.#answeredMs)) throw error
        await this.#wait(pauseMs)
      }
    }
    if (this.#isStopped) {
      // Stopped while the answer was on its way: whoever stopped it could not leave yet.
      await this.leave().catch(() => {})
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
    clearTimeout(this.#watch)
    this.#waiting?.abort()
    const passed = new DeadlinePassed(CLOSE_HEARTBEAT_MS)
    const timer = setTimeout(() => this.#ending.abort(passed), CLOSE_HEARTBEAT_MS).unref()
    // A join that is under way has nobody who waits for it here, and the same time.
    if (!this.#running) return
    await this.#running
    clearTimeout(timer)
  }

  /** A static member only falls silent, since it may come back. */
  async leave(): Promise<void> {
    if (!this.#isKnown || this.#options.groupInstanceId !== undefined) return
    try {
      const request = { groupId: this.#groupId, memberId: this.#memberId }
      await withRetries(call => this.#broker.leaveGroup(request, call), {
        ...this.#retry,
        forMs: CLOSE_LEAVE_MS,
        tryMs: Math.min(this.#retry.tryMs, tryTimeoutMs(CLOSE_LEAVE_MS)),
        isRepeatable: true,
        // Nothing was sent: there is no broker to leave.
        isGivenUp: ({ written }) => written === 'no',
      })
    } catch (error) {
      // It never heard that it has joined: that it had is not likely.
      if (this.#memberEpoch > 0 || !isPassing(error)) throw error
    }
  }

  /** Gives back what was to be released. */
  release(partition: ReadPartition): void {
    const owned = this.#take(partition)
    if (!owned) return
    this.#released.push(owned)
    this.beatSoon()
  }

  /** Another owns it, as a refused commit told. */
  giveUp(partition: ReadPartition): void {
    const owned = this.#take(partition)
    if (!owned) return
    // So that the group tells anew what is owned.
    this.#settledEpoch = undefined
    this.#listener.lost([owned])
    this.beatSoon()
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
        if (this.#isStopped) return
        pauseMs = this.#backoffMs(failures++)
        if (isGivenUp(error)) this.#startAnew()
        else if (!this.#outages.failed('heartbeat', this, error, this.#answeredMs)) {
          this.#isStopped = true
          this.#loseAll()
          this.#listener.failed(error)
        }
      }
    }
  }

  async #beat(): Promise<void> {
    this.#isUrgent = false
    const [beganMs, beganDateMs] = [performance.now(), Date.now()]
    const request = this.#request()
    this.#isKnown = true
    const settings = { tryMs: this.#tryMs, signal: this.#ending.signal }
    const answer = await tryOnce(call => this.#broker.heartbeat(request, call), settings)
    this.#answeredMs = beganMs
    this.#aliveUntilMs = beganMs + this.#sessionTimeoutMs
    this.#aliveUntilDateMs = beganDateMs + this.#sessionTimeoutMs
    this.#memberEpoch = answer.memberEpoch
    this.#settledEpoch = answer.isSettled ? answer.memberEpoch : undefined
    this.#intervalMs = Math.min(
      answer.heartbeatIntervalMs,
      this.#options.heartbeatInterval ?? answer.heartbeatIntervalMs,
    )
    if (this.isAlive) this.#watchSession(this.#aliveUntilMs)
    else {
      // The session ended while this was on its way: only the next answer tells that it goes on.
      this.#isUrgent = true
      this.#watchSession(performance.now() + this.#intervalMs + TIMER_LATE_MS)
    }
    this.#adopt(request, answer)
    this.#outages.passed('heartbeat', this)
    this.#listener.beat()
  }

  /** A heartbeat may hang for longer than the session: its end is told all the same. */
  #watchSession(dueMs: number): void {
    clearTimeout(this.#watch)
    if (this.#isStopped) return
    const leftMs = Math.max(0, Math.ceil(dueMs - performance.now()))
    this.#watch = setTimeout(() => {
      // A process that slept has asked nobody: the heartbeat that it sends now tells more.
      const hasSlept = performance.now() - dueMs > this.#intervalMs + TIMER_LATE_MS
      if (hasSlept) this.#watchSession(performance.now() + this.#intervalMs)
      else if (!this.#outages.isFailing('heartbeat')) {
        const silence = silent(this.#groupId, this.#sessionTimeoutMs)
        this.#outages.failed('heartbeat', this, silence, this.#answeredMs)
      }
    }, leftMs)
  }

  #request(): Heartbeat {
    const { clientId, groupInstanceId: instanceId, assignor } = this.#options
    const { topics, topicPattern } = this.#subscription
    return {
      groupId: this.#groupId,
      memberId: this.#memberId,
      memberEpoch: this.#memberEpoch,
      clientId,
      sessionTimeoutMs: this.#sessionTimeoutMs,
      owned: [...this.#owned.values()],
      ...(topics.length > 0 && { topics }),
      ...(topicPattern !== undefined && { topicPattern }),
      ...(instanceId !== undefined && { instanceId }),
      ...(assignor !== undefined && { assignor }),
      // A copy: what is released while this is on its way is still to be told.
      ...(this.#released.length > 0 && { released: [...this.#released] }),
      ...(this.#settledEpoch !== undefined && { settledEpoch: this.#settledEpoch }),
    }
  }

  #adopt({ owned, released = [] }: Heartbeat, answer: HeartbeatAnswer): void {
    this.#released = this.#released.filter(partition => !released.includes(partition))
    // What was let go or lost while the heartbeat was on its way is not owned again because of its answer.
    const asked = new Map(owned.map(partition => [keyOf(partition), partition]))
    const assigned = answer.assigned.filter(
      partition => !isSame(asked.get(keyOf(partition)), partition) || this.#owns(partition),
    )
    const before = this.#owned
    this.#owned = new Map(assigned.map(partition => [keyOf(partition), toOwned(partition)]))
    // Another generation: what was delivered under the one before can no longer be committed.
    const lost = [...before.values()].filter(partition => !this.#owns(partition))
    const added = assigned.filter(partition => !isSame(before.get(keyOf(partition)), partition))
    if (lost.length > 0) this.#listener.lost(lost)
    if (added.length > 0) this.#listener.assigned(added)
    const toRelease = answer.toRelease.filter(partition => this.#owns(partition))
    if (toRelease.length > 0) this.#listener.toRelease(toRelease)
  }

  #owns(partition: OwnedPartition): boolean {
    return isSame(this.#owned.get(keyOf(partition)), partition)
  }

  /** What is owned under this generation is not any more. */
  #take({ topic, partition, generation }: ReadPartition): OwnedPartition | undefined {
    for (const [key, owned] of this.#owned) {
      if (owned.topic !== topic || owned.partition !== partition) continue
      if (owned.generation !== generation) continue
      this.#owned.delete(key)
      return owned
    }
    return undefined
  }

  #startAnew(): void {
    this.#listener.rebalancing()
    this.#loseAll()
    this.#released = []
    this.#memberId = globalThis.crypto.randomUUID()
    this.#memberEpoch = 0
    this.#isKnown = false
    this.#settledEpoch = undefined
    this.#aliveUntilMs = 0
    clearTimeout(this.#watch)
  }

  #loseAll(): void {
    const lost = [...this.#owned.values()]
    this.#owned.clear()
    if (lost.length > 0) this.#listener.lost(lost)
  }

  /** A part of what is left of the session, so that after a heartbeat that is swallowed there is time for others. */
  get #tryMs(): number {
    const leftMs = this.isAlive ? this.#aliveUntilMs - performance.now() : this.#sessionTimeoutMs
    const leastMs = Math.min(CLIENT_TIMEOUT_MS_MIN, this.#sessionTimeoutMs / (2 * HEARTBEAT_ATTEMPTS_MIN))
    return Math.min(this.#retry.tryMs, Math.max(leastMs, leftMs / HEARTBEAT_ATTEMPTS_MIN))
  }

  #pauseMs(): number {
    if (this.#settledEpoch !== undefined) return this.#intervalMs
    return Math.max(UNSETTLED_PAUSE_MS_MIN, this.#intervalMs * UNSETTLED_SHARE)
  }

  #backoffMs(failures: number): number {
    const pauseMaxMs = this.#intervalMs === 0 ? this.#retry.pauseMaxMs : this.#intervalMs
    return pauseAfter(failures, { ...this.#retry, pauseMaxMs })
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

function isSame(one: OwnedPartition | undefined, other: OwnedPartition): boolean {
  return one !== undefined && one.generation === other.generation
}

function toOwned({ topic, topicId, partition, generation }: OwnedPartition): OwnedPartition {
  return { topic, topicId, partition, generation }
}

function silent(groupId: string, sessionTimeoutMs: number): TidemarkError {
  const message =
    `No heartbeat was answered for ${sessionTimeoutMs} ms, the session time-out: others in the group ${groupId} may ` +
    'have its partitions by now. It delivers nothing until one is answered.'
  return new TidemarkError('REQUEST_TIMED_OUT', message)
}

/** The group has given this member up: it can join again. */
function isGivenUp(error: unknown): boolean {
  return isKafkaError(error, 'UNKNOWN_MEMBER_ID') || isKafkaError(error, 'FENCED_MEMBER_EPOCH')
}
