import type { Broker } from '../../../contract/broker.ts'
import { TidemarkError } from '../../../core/errors.ts'
import type { CompressionName } from '../../../core/record/compression-name.ts'
import type { RecordInput } from '../../../core/record/record.ts'
import { partitionForKey, stickyPartition } from '../../../core/topic/partitioner.ts'
import { recordBytesMax } from '../../record-size.ts'
import type { Room } from '../room.ts'
import type { TopicFacts } from '../topic-facts.ts'
import type { OutgoingBatch } from './outgoing-batch.ts'
import {
  type BatchSettings,
  type Delivery,
  PartitionBatches,
  type TopicSending,
} from './partition-batches.ts'

export interface TopicWriterSettings<Tag> extends BatchSettings {
  /** For what is written without saying. */
  compression: CompressionName
  /** Produce calls at the same time, each to another partition. */
  callsMax: number
  /** Holds what was taken and has not settled; several writers may share it. */
  room: Room
  /** Whether nothing more is sent after a failure. What is on its way then still settles. */
  stopsAtFailure: boolean
  onSettled: (delivery: Delivery<Tag>) => void
}

/** What is asked of one record. */
export interface Placing {
  /** Left out: that of the key; without a key one that stays the same for a batch. */
  partition?: number | undefined
  compression?: CompressionName
}

/**
 * Writes records to one topic: gathers them into batches by partition and sends several partitions' at the same
 * time, each one's in their order. Nothing waits for a promise of each record: `onSettled` tells what became of them.
 */
export class TopicWriter<Tag = undefined> {
  /** What is known of the topic; a newer answer may take its place. */
  facts: TopicFacts
  readonly #settings: TopicWriterSettings<Tag>
  readonly #sending: TopicSending<Tag>
  readonly #partitions = new Map<number, PartitionBatches<Tag>>()
  /** Where records without a key go, until a batch is full. */
  #sticky: number | null = null
  /** Partitions that have something to send and nothing on its way, the longest waiting first. */
  readonly #ready: PartitionBatches<Tag>[] = []
  readonly #calls = new Set<Promise<void>>()
  #failure: { error: unknown } | undefined

  constructor(broker: Broker, facts: TopicFacts, settings: TopicWriterSettings<Tag>) {
    this.facts = facts
    this.#settings = settings
    this.#sending = {
      broker,
      settings,
      room: settings.room,
      facts: () => this.facts,
      onClosed: partition => {
        if (partition === this.#sticky) this.#moveOn()
      },
      onDue: batches => {
        this.#ready.push(batches)
        this.#startCalls()
      },
      onSettled: delivery => this.#settled(delivery),
    }
  }

  /** Whether it has stopped at a failure. */
  get hasStopped(): boolean {
    return this.#failure !== undefined
  }

  /** Whether little enough is unacknowledged; `room` waits for it. */
  get hasRoom(): boolean {
    return this.hasStopped || !this.#settings.room.isFull
  }

  /**
   * Takes a record, also where there is no room: the caller sees to that between two.
   * @param tag what the record is called when it is told what became of it
   * @returns the batch whose last record it is
   * @throws TidemarkError MESSAGE_TOO_LARGE, UNKNOWN_TOPIC_OR_PARTITION: it was not taken, which changes nothing for
   *   those before it; what it has stopped at
   */
  write(record: RecordInput, tag: Tag, { partition, compression }: Placing = {}): OutgoingBatch<Tag> {
    const bytes = recordBytesMax(record)
    const batches = this.place(record, bytes, partition)
    return batches.add(record, bytes, tag, compression ?? this.#settings.compression)
  }

  /**
   * The first half of `write`: where a record goes.
   * @param bytes the record's upper bound
   * @throws TidemarkError UNKNOWN_TOPIC_OR_PARTITION; what it has stopped at
   */
  place(record: RecordInput, bytes: number, partition?: number): PartitionBatches<Tag> {
    if (this.#failure) throw this.#failure.error
    const chosen = partition ?? this.#byKey(record)
    const batches = this.#batchesOf(chosen)
    if (chosen !== this.#sticky || batches.hasRoomFor(bytes)) return batches
    // Closing the batch moves the sticky partition on, and a record without a key goes along.
    batches.flush()
    return this.#batchesOf(partition ?? this.#byKey(record))
  }

  /** Waits until little enough is unacknowledged, or it has stopped. */
  async room(): Promise<void> {
    if (!this.hasRoom) await this.#settings.room.whenFree(() => this.hurry(), Number.POSITIVE_INFINITY)
  }

  /** As if all that was gathered had waited long enough. */
  hurry(): void {
    for (const batches of this.#partitions.values()) batches.hurry()
  }

  /** Sends what has been gathered, without waiting for more. Resolves when all that was taken has settled. */
  async flush(): Promise<void> {
    for (const batches of this.#partitions.values()) {
      if (this.#failure) batches.abandon(this.#failure.error)
      else batches.flush()
    }
    while (this.#calls.size > 0) await Promise.all(this.#calls)
  }

  #byKey({ key }: RecordInput): number {
    const { partitions } = this.facts
    if (key != null) return partitionForKey(key, partitions)
    // A topic that was made again may have fewer.
    return this.#sticky !== null && this.#sticky < partitions ? this.#sticky : this.#moveOn()
  }

  #moveOn(): number {
    this.#sticky = stickyPartition(this.#sticky, this.facts.partitions, this.#settings.retry.random())
    return this.#sticky
  }

  #batchesOf(partition: number): PartitionBatches<Tag> {
    const { topic, partitions } = this.facts
    if (!Number.isInteger(partition) || partition < 0 || partition >= partitions) {
      throw new TidemarkError(
        'UNKNOWN_TOPIC_OR_PARTITION',
        `${topic} has no partition ${partition}: it has ${partitions}, numbered from 0.`,
      )
    }
    let batches = this.#partitions.get(partition)
    if (!batches) {
      batches = new PartitionBatches(partition, this.#sending)
      this.#partitions.set(partition, batches)
    }
    return batches
  }

  #startCalls(): void {
    while (this.#calls.size < this.#settings.callsMax && !this.#failure) {
      const batches = this.#ready.shift()
      if (!batches) return
      const call = batches.send().then(() => {
        this.#calls.delete(call)
        this.#startCalls()
      })
      this.#calls.add(call)
    }
  }

  #settled(delivery: Delivery<Tag>): void {
    this.#settings.onSettled(delivery)
    if (delivery.error === undefined || this.#failure || !this.#settings.stopsAtFailure) return
    this.#failure = { error: delivery.error }
    for (const batches of this.#partitions.values()) batches.abandon(delivery.error)
  }
}
