import type { Broker } from '../../../contract/broker.ts'
import { CLIENT_TIMEOUT_MS } from '../../../core/limits.ts'
import { type Offset, toOffset } from '../../../core/numbers.ts'
import { RETRY_DEFAULT, withRetries } from '../../retry.ts'
import { parseOffset } from '../arguments.ts'
import { isPassing } from '../outages.ts'
import {
  CONSUMER_EVENTS,
  type ConsumerWork,
  type LostPartition,
  type TopicPartitionOffset,
} from './consumer-options.ts'
import type { Delivery } from './delivery.ts'
import type { GroupMembership, MembershipListener } from './group-membership.ts'
import { type PartitionPlace, watchForPartitions } from './new-partitions.ts'
import type { OffsetCommits } from './offset-commits.ts'
import { PartitionStream, type ReadPartition, type SeekPlace } from './partition-stream.ts'
import type { Prefetcher } from './prefetcher.ts'

const UNTIL_ANSWERED = {
  ...RETRY_DEFAULT,
  forMs: Number.POSITIVE_INFINITY,
  tryMs: CLIENT_TIMEOUT_MS,
  isRead: true,
}

export interface AssignmentHost {
  /** Where the consumer was told to go on in a partition that it did not own then. */
  takeSeek(topic: string, partition: number): Offset | SeekPlace | undefined
  hears(type: string): boolean
  emit(type: string, payload: unknown): void
  failed(error: unknown, during: ConsumerWork): void
  /** It is not read any more, whatever failed at it. */
  gone(stream: PartitionStream): void
  /** A heartbeat was answered: what is owned may be another, or all that is to come. */
  beat(): void
}

/** What works on the partitions. */
export interface AssignmentParts {
  delivery: Delivery
  prefetcher: Prefetcher
  commits: OffsetCommits
}

/** What a consumer owns: it is read from when it comes until it is given back, committed, or lost. */
export class Assignment implements MembershipListener {
  readonly #membership: GroupMembership | null
  readonly #parts: AssignmentParts
  readonly #host: AssignmentHost
  readonly #stops: ReadonlyMap<string, Offset> | null
  readonly #leaving = new AbortController()
  #endWatch: (() => void) | undefined
  #told = ''

  /**
   * @param join null: partitions are assigned by hand
   * @param stopOffsets where each partition's reading ends; one that is missing has nothing to read. undefined: nowhere
   */
  constructor(
    join: ((listener: MembershipListener) => GroupMembership) | null,
    stopOffsets: readonly TopicPartitionOffset[] | undefined,
    parts: AssignmentParts,
    host: AssignmentHost,
  ) {
    this.#membership = join?.(this) ?? null
    this.#parts = parts
    this.#host = host
    this.#stops = stopOffsets
      ? new Map(stopOffsets.map(each => [keyOf(each), parseOffset(each.offset)]))
      : null
  }

  /** null: nobody shares. */
  get membership(): GroupMembership | null {
    return this.#membership
  }

  get isAlive(): boolean {
    return this.#membership?.isAlive ?? true
  }

  /** Whether all that it is to own is read as far as it shall be. */
  get isAtEnd(): boolean {
    return (
      this.#stops !== null &&
      (this.#membership?.isSettled ?? true) &&
      this.#parts.delivery.streams.every(
        ({ isAtStop, isBusy, isDeleted }) => (isAtStop && !isBusy) || isDeleted,
      )
    )
  }

  /** @throws TidemarkError when it could not join */
  async join(): Promise<void> {
    await this.#membership?.join()
  }

  /** @param lookMs how often to look for new partitions; null: not to look */
  assignByHand(broker: Broker, places: readonly PartitionPlace[], lookMs: number | null): void {
    const assign = (all: readonly PartitionPlace[]) =>
      this.assigned(all.map(({ offset, ...place }) => ({ ...place, committedOffset: offset })))
    assign(places)
    for (const topic of new Set(places.filter(each => !each.topicId).map(each => each.topic))) {
      void this.#learnId(broker, topic)
    }
    if (lookMs !== null) this.#endWatch = watchForPartitions(broker, places, lookMs, assign)
  }

  /** So that a topic that is made anew under the name is not taken for this one. */
  async #learnId(broker: Broker, topic: string): Promise<void> {
    const settings = { ...UNTIL_ANSWERED, signal: this.#leaving.signal }
    // What is refused for good is told by the fetches as well.
    const described = await withRetries(call => broker.describeTopic(topic, call), settings).catch(() => null)
    for (const stream of this.#parts.delivery.streams) {
      if (stream.topic === topic) stream.topicId ??= described?.topicId
    }
  }

  async leave(): Promise<void> {
    this.#leaving.abort()
    this.#endWatch?.()
    await this.#membership?.stop()
    for (const stream of this.#parts.delivery.streams) this.#remove(stream)
    await this.#membership?.leave()
  }

  /** Sorted. */
  partitions(): { topic: string; partition: number }[] {
    return this.#parts.delivery.streams
      .map(({ topic, partition }) => ({ topic, partition }))
      .toSorted((a, b) => (a.topic === b.topic ? a.partition - b.partition : a.topic < b.topic ? -1 : 1))
  }

  /** Without a generation the one of the topic that stands, where one was made anew. */
  find({ topic, partition, generation }: ReadPartition): PartitionStream | undefined {
    const found = this.#parts.delivery.streams.filter(
      each =>
        each.topic === topic &&
        each.partition === partition &&
        (generation === undefined || each.generation === generation),
    )
    return found.find(({ isDeleted }) => !isDeleted) ?? found[0]
  }

  assigned(partitions: readonly (ReadPartition & { committedOffset: Offset | null })[]): void {
    const { delivery, prefetcher } = this.#parts
    this.#endReplaced(partitions)
    const streams = partitions.map(({ committedOffset, ...place }) => {
      const stop = this.#stops === null ? null : (this.#stops.get(keyOf(place)) ?? toOffset(0))
      const stream = new PartitionStream(place, committedOffset, stop)
      const sought = this.#host.takeSeek(place.topic, place.partition)
      if (sought !== undefined) stream.seek(sought)
      return stream
    })
    // All of them first, so that they share what may be fetched ahead.
    delivery.streams.push(...streams)
    prefetcher.partitions = delivery.streams.length
    for (const stream of streams) prefetcher.want(stream)
  }

  /** A topic that was made anew has another id: what is left of the one before is nobody's any more. */
  #endReplaced(partitions: readonly ReadPartition[]): void {
    const topicIds = new Map(partitions.map(({ topic, topicId }) => [topic, topicId]))
    for (const stream of this.#parts.delivery.streams) {
      const topicId = topicIds.get(stream.topic)
      if (topicId === undefined || stream.topicId === undefined || stream.topicId === topicId) continue
      stream.end()
      if (stream.isDeleted) continue
      stream.isDeleted = true
      const { topic, partition } = stream
      this.#host.emit(CONSUMER_EVENTS.PARTITION_DELETED, { topic, partition })
    }
  }

  toRelease(partitions: readonly ReadPartition[]): void {
    const streams = partitions
      .map(partition => this.find(partition))
      .filter(stream => stream !== undefined)
      .filter(({ isRevoking }) => !isRevoking)
    if (streams.length > 0) this.rebalancing()
    // Those that can go at once go with one commit; the others do not hold them up.
    const busy = streams.filter(({ isBusy }) => isBusy)
    void this.#revoke(streams.filter(({ isBusy }) => !isBusy))
    for (const stream of busy) void this.#revoke([stream])
  }

  /** Never rejects: what cannot be committed is kept until it is told again. */
  async #revoke(streams: PartitionStream[]): Promise<void> {
    for (const stream of streams) stream.isRevoking = true
    try {
      await Promise.all(streams.map(stream => stream.idle()))
      // Tried once: by the next heartbeat the group may have changed its mind.
      await this.#parts.commits.positionsOnce(streams)
    } catch (error) {
      if (!isPassing(error)) this.#parts.commits.tellOnce(error)
      for (const stream of streams) {
        stream.isRevoking = false
        this.#parts.prefetcher.want(stream)
      }
      this.#parts.delivery.pump()
      return
    }
    // Another may own it by now, as a refusal told.
    for (const stream of streams.filter(({ isLost }) => !isLost)) {
      this.#remove(stream)
      this.#host.gone(stream)
      this.#membership?.release(stream)
    }
  }

  lost(partitions: readonly ReadPartition[]): void {
    const streams = partitions.map(partition => {
      const stream = this.find(partition)
      return stream?.generation === partition.generation ? stream : undefined
    })
    const told = partitions.map(({ topic, partition }, index): LostPartition => {
      const { position, committed } = streams[index] ?? { position: null, committed: null }
      return { topic, partition, position: toText(position), committed: toText(committed) }
    })
    for (const stream of streams.filter(each => each !== undefined)) {
      stream.isLost = true
      this.#remove(stream)
      this.#host.gone(stream)
    }
    this.#host.emit(CONSUMER_EVENTS.PARTITIONS_LOST, { ...this.#membership?.identity, partitions: told })
  }

  beat(): void {
    this.#host.emit(CONSUMER_EVENTS.HEARTBEAT, this.#membership?.identity)
    this.#tellAssignment()
    this.#host.beat()
  }

  rebalancing(): void {
    this.#host.emit(CONSUMER_EVENTS.REBALANCING, this.#membership?.identity)
  }

  failed(error: unknown): void {
    this.#host.failed(error, 'heartbeat')
  }

  #tellAssignment(): void {
    if (!this.#host.hears(CONSUMER_EVENTS.GROUP_JOIN)) return
    const memberAssignment: Record<string, number[]> = {}
    for (const { topic, partition } of this.partitions()) {
      memberAssignment[topic] = [...(memberAssignment[topic] ?? []), partition]
    }
    const told = JSON.stringify([this.#membership?.memberId, memberAssignment])
    if (told === this.#told) return
    this.#told = told
    this.#host.emit(CONSUMER_EVENTS.GROUP_JOIN, {
      ...this.#membership?.identity,
      memberAssignment,
      groupProtocol: this.#membership?.assignor,
      // There is no leader: whichever broker is asked works the assignment out.
      isLeader: false,
      leaderId: '',
      duration: 0,
    })
  }

  #remove(stream: PartitionStream): void {
    this.#parts.delivery.remove(stream)
    this.#parts.prefetcher.partitions = this.#parts.delivery.streams.length
  }
}

function toText(offset: Offset | null): string | null {
  return offset === null ? null : String(offset)
}

function keyOf({ topic, partition }: { topic: string; partition: number }): string {
  return `${partition} ${topic}`
}
