import { type Offset, toOffset } from '../../core/numbers.ts'
import type { Committing } from './committing.ts'
import { CONSUMER_EVENTS } from './consumer-options.ts'
import type { Delivery } from './delivery.ts'
import { type ConsumerWork, isPassing } from './outages.ts'
import type { PartitionListener, PartitionSource, ReadPartition } from './partition-source.ts'
import { PartitionStream } from './partition-stream.ts'
import type { Prefetcher } from './prefetcher.ts'

export interface AssignmentSettings {
  groupId: string
  groupProtocol: string
  /** Where each partition's reading ends; one that is missing has nothing to read. null: nowhere. */
  stopOffsets: readonly { topic: string; partition: number; offset: Offset }[] | null
}

export interface AssignmentHost {
  /** Where the consumer was told to go on in a partition that it did not own then. */
  takeSeek(topic: string, partition: number): Offset | undefined
  hears(type: string): boolean
  emit(type: string, payload: unknown): void
  tell(error: unknown, during: ConsumerWork, goesOn: boolean): void
  failed(error: unknown): void
  /** A heartbeat was answered: what is owned may be another, or all that is to come. */
  beat(): void
}

/** What a consumer owns: it is read from when it comes until it is given back, committed, or lost. */
export class Assignment implements PartitionListener {
  readonly source: PartitionSource
  readonly #settings: AssignmentSettings
  readonly #delivery: Delivery
  readonly #prefetcher: Prefetcher
  readonly #committing: Committing
  readonly #host: AssignmentHost
  readonly #stops: ReadonlyMap<string, Offset> | null
  #told = ''

  constructor(
    settings: AssignmentSettings,
    parts: { delivery: Delivery; prefetcher: Prefetcher; committing: Committing },
    host: AssignmentHost,
    openSource: (listener: PartitionListener) => PartitionSource,
  ) {
    this.#settings = settings
    this.#delivery = parts.delivery
    this.#prefetcher = parts.prefetcher
    this.#committing = parts.committing
    this.#host = host
    const { stopOffsets } = settings
    this.#stops = stopOffsets && new Map(stopOffsets.map(each => [keyOf(each), each.offset]))
    this.source = openSource(this)
  }

  get member(): { groupId: string; memberId: string; groupGenerationId: number } {
    const { memberId, memberEpoch } = this.source
    return { groupId: this.#settings.groupId, memberId, groupGenerationId: memberEpoch }
  }

  /** Whether all that it is to own is read as far as it shall be. */
  get isAtEnd(): boolean {
    return (
      this.#stops !== null &&
      this.source.isSettled &&
      this.#delivery.streams.every(({ isAtStop, isBusy, isDeleted }) => (isAtStop && !isBusy) || isDeleted)
    )
  }

  /** Sorted. */
  partitions(): { topic: string; partition: number }[] {
    return this.#delivery.streams
      .map(({ topic, partition }) => ({ topic, partition }))
      .toSorted((a, b) => (a.topic === b.topic ? a.partition - b.partition : a.topic < b.topic ? -1 : 1))
  }

  find({ topic, partition }: { topic: string; partition: number }): PartitionStream | undefined {
    return this.#delivery.streams.find(each => each.topic === topic && each.partition === partition)
  }

  assigned(partitions: readonly (ReadPartition & { committedOffset: Offset | null })[]): void {
    const streams = partitions.map(({ committedOffset, ...place }) => {
      const stop = this.#stops === null ? null : (this.#stops.get(keyOf(place)) ?? toOffset(0))
      const stream = new PartitionStream(place, committedOffset, stop)
      const sought = this.#host.takeSeek(place.topic, place.partition)
      if (sought !== undefined) stream.jump(sought)
      return stream
    })
    // All of them first, so that they share what may be fetched ahead.
    this.#delivery.streams.push(...streams)
    this.#prefetcher.partitions = this.#delivery.streams.length
    for (const stream of streams) this.#prefetcher.want(stream)
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
      await this.#committing.positions(streams, 0)
    } catch (error) {
      if (!isPassing(error)) this.#host.tell(error, 'commit', true)
      for (const stream of streams) {
        stream.isRevoking = false
        this.#prefetcher.want(stream)
      }
      this.#delivery.pump()
      return
    }
    // Another may own it by now, as a refusal told.
    for (const stream of streams.filter(({ isLost }) => !isLost)) {
      this.#remove(stream)
      this.source.release(stream)
    }
  }

  lost(partitions: readonly ReadPartition[]): void {
    for (const partition of partitions) {
      const stream = this.find(partition)
      if (!stream || stream.generation !== partition.generation) continue
      stream.isLost = true
      this.#remove(stream)
    }
    const places = partitions.map(({ topic, partition }) => ({ topic, partition }))
    this.#host.emit(CONSUMER_EVENTS.PARTITIONS_LOST, { partitions: places })
  }

  beat(): void {
    this.#host.emit(CONSUMER_EVENTS.HEARTBEAT, this.member)
    this.#tellAssignment()
    this.#host.beat()
  }

  rebalancing(): void {
    const { groupId, memberId } = this.member
    this.#host.emit(CONSUMER_EVENTS.REBALANCING, { groupId, memberId })
  }

  failed(error: unknown): void {
    this.#host.failed(error)
  }

  #tellAssignment(): void {
    if (!this.#host.hears(CONSUMER_EVENTS.GROUP_JOIN)) return
    const memberAssignment: Record<string, number[]> = {}
    for (const { topic, partition } of this.partitions()) {
      memberAssignment[topic] = [...(memberAssignment[topic] ?? []), partition]
    }
    const told = JSON.stringify([this.source.memberId, memberAssignment])
    if (told === this.#told) return
    this.#told = told
    this.#host.emit(CONSUMER_EVENTS.GROUP_JOIN, {
      ...this.member,
      memberAssignment,
      groupProtocol: this.#settings.groupProtocol,
      // There is no leader: whichever broker is asked works the assignment out.
      isLeader: false,
      leaderId: '',
      duration: 0,
    })
  }

  #remove(stream: PartitionStream): void {
    this.#delivery.remove(stream)
    this.#prefetcher.partitions = this.#delivery.streams.length
  }
}

function keyOf({ topic, partition }: { topic: string; partition: number }): string {
  return `${partition} ${topic}`
}
