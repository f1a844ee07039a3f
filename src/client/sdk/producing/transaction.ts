import type { GroupOffsets } from '../../../contract/transactions.ts'
import { TidemarkError } from '../../../core/errors.ts'
import { checkName, given, givenEach, parseOffset } from '../arguments.ts'
import type { Consumer } from '../consuming/consumer.ts'
import type { ProducerBatch, ProducerRecord } from './producer-options.ts'
import type { RecordMetadata } from './sent-records.ts'
import type { TransactionalWriter } from './transactional.ts'

/** Offsets that a transaction commits; KafkaJS's shape, and whose they are. */
export interface TransactionOffsets {
  /** Whose group it is. With `consumer` it may be left out. */
  consumerGroupId?: string
  /**
   * The member that has read them: they are refused once another one owns the partition, so that no two process the same records.
   * Without it, nothing fences but the producer's own transactional id.
   */
  consumer?: Consumer
  topics: {
    topic: string
    /** Each of the next message to deliver. */
    partitions: { partition: number; offset: string | number; metadata?: string | null }[]
  }[]
}

/** Where what was committed stands: the first record's offset of each partition, and how many there are. */
export interface CommittedRecords {
  topic: string
  partition: number
  /** In digits; -1 where it is not known any more. */
  baseOffset: string
  records: number
}

/** A producer, as a transaction uses it. */
export interface TransactionSender {
  send(record: ProducerRecord): Promise<RecordMetadata[]>
  sendBatch(batch: ProducerBatch): Promise<RecordMetadata[]>
  flush(): Promise<void>
}

/**
 * Records of several partitions, and offsets of groups, all or nothing. Nothing of it can be read before `commit` has resolved, and
 * nothing of one that is aborted ever.
 */
export class Transaction {
  readonly #writer: TransactionalWriter
  readonly #producer: TransactionSender
  readonly #onEnd: () => void
  #isActive = true

  constructor(writer: TransactionalWriter, producer: TransactionSender, onEnd: () => void) {
    this.#writer = writer
    this.#producer = producer
    this.#onEnd = onEnd
  }

  isActive(): boolean {
    return this.#isActive
  }

  /**
   * Takes messages for one topic. They are shipped with `commit`, or before where they are many: where they stand is not known before, so
   * `baseOffset` is -1.
   * @throws TidemarkError: abort the transaction then; it cannot be committed without these
   */
  async send(record: ProducerRecord): Promise<RecordMetadata[]> {
    return await this.#part(() => this.#producer.send(record))
  }

  /** As `send`, to several topics. */
  async sendBatch(batch: ProducerBatch): Promise<RecordMetadata[]> {
    return await this.#part(() => this.#producer.sendBatch(batch))
  }

  /** Commits offsets of a group with the rest, or not at all. @throws TidemarkError INVALID_REQUEST */
  async sendOffsets(offsets: TransactionOffsets): Promise<void> {
    await this.#part(async () => this.#writer.addOffsets(toGroupOffsets(given(offsets, "a group's offsets"))))
  }

  /**
   * Resolves when all of it can be read.
   * @throws TidemarkError: nothing of it is committed, but where `written` is `unknown`: then nobody knows
   */
  async commit(): Promise<CommittedRecords[]> {
    this.#check()
    try {
      await this.#producer.flush()
      const { partitions } = await this.#writer.commit()
      return partitions.map(({ baseOffset, ...each }) => ({ ...each, baseOffset: String(baseOffset ?? -1) }))
    } finally {
      this.#end()
    }
  }

  async abort(): Promise<void> {
    this.#check()
    try {
      await this.#producer.flush()
      await this.#writer.abort()
    } finally {
      this.#end()
    }
  }

  async #part<T>(take: () => Promise<T>): Promise<T> {
    this.#check()
    try {
      return await take()
    } catch (error) {
      this.#writer.fail(error)
      throw error
    }
  }

  #check(): void {
    if (this.#isActive) return
    throw new TidemarkError('INVALID_TXN_STATE', 'The transaction has ended: begin another one.')
  }

  #end(): void {
    this.#isActive = false
    this.#onEnd()
  }
}

function toGroupOffsets({ consumerGroupId, consumer, topics }: TransactionOffsets): GroupOffsets {
  const offsets = givenEach(topics, 'a topic and partitions', 'topics').flatMap(({ topic, partitions }) => {
    checkName(topic, 'topic')
    return givenEach(partitions, 'a partition and an offset', 'partitions').map(each => ({
      topic,
      partition: each.partition,
      offset: parseOffset(each.offset),
      ...(each.metadata != null && { metadata: each.metadata }),
    }))
  })
  if (consumer) return consumer.ownedOffsets(offsets)
  checkName(consumerGroupId, 'group id')
  return { groupId: consumerGroupId!, offsets }
}
