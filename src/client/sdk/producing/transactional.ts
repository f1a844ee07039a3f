import type { Broker, CallOptions, Produce, Produced } from '../../../contract/broker.ts'
import type {
  EndedTransaction,
  GroupOffsets,
  StagedBatches,
  TransactionBroker,
  TransactionName,
} from '../../../contract/transactions.ts'
import { TidemarkError } from '../../../core/errors.ts'
import { TRANSACTION_GATHERED_BYTES_MAX } from '../../../core/limits.ts'
import { toOffset } from '../../../core/numbers.ts'
import { batchSizeBytes, readBatchHeader, stampProducer } from '../../../core/record/batch-header.ts'
import { type RetrySettings, withRetries } from '../../retry.ts'

/** Batches of one produce call that belong to the transaction. */
type Gathered = Pick<StagedBatches, 'topic' | 'partition' | 'batches'>

/**
 * The one producer of a transactional id: gathers what one transaction sends, and ships it with the call that ends it; what is
 * too much for that goes before. Batches are numbered when they are shipped, so what is dropped before leaves no gap.
 */
export class TransactionalWriter {
  readonly #broker: TransactionBroker
  readonly #transactionalId: string
  readonly #timeoutMs: number | undefined
  readonly #retry: RetrySettings
  /** As the broker told it; undefined: before the first transaction, and after one whose end is not known. */
  #producer: Pick<TransactionName, 'producerId' | 'epoch'> | undefined
  /** The same, of before: it is not that of another one by now, or this one is fenced. */
  #former: Pick<TransactionName, 'producerId' | 'epoch'> | undefined
  #number = 0
  /** By topic and partition: the number of its next record. */
  readonly #sequences = new Map<string, number>()
  #gathered: Gathered[] = []
  #gatheredBytes = 0
  #offsets: GroupOffsets[] = []
  /** Whether the broker knows of the transaction, or may. */
  #isShipped = false
  /** Settles when what was shipped before has been. */
  #shipping: Promise<void> = Promise.resolve()
  /** Why the transaction cannot be committed any more. */
  #failure: unknown
  /** Whether nobody knows what became of the last one. */
  #isUnsure = false

  constructor(
    broker: TransactionBroker,
    transactionalId: string,
    timeoutMs: number | undefined,
    retry: RetrySettings,
  ) {
    this.#broker = broker
    this.#transactionalId = transactionalId
    this.#timeoutMs = timeoutMs
    this.#retry = { ...retry, isRepeatable: true }
  }

  /** Begins the next transaction; nothing is sent for it but what makes this the one producer, where it is not. */
  async begin(): Promise<void> {
    if (this.#isUnsure) throw unsure()
    if (!this.#producer) {
      const request = {
        transactionalId: this.#transactionalId,
        ...(this.#timeoutMs !== undefined && { timeoutMs: this.#timeoutMs }),
        ...this.#former,
      }
      const { producerId, epoch, number } = await this.#insist(call =>
        this.#broker.initProducer(request, call),
      )
      this.#producer = { producerId, epoch }
      this.#former = this.#producer
      this.#number = number
      this.#sequences.clear()
    }
    this.#number += 1
    this.#forget()
  }

  /** The broker as a producer sees it within a transaction: what it writes is gathered, and nothing has an offset yet. */
  within(broker: Broker): Broker {
    const produce = async ({ topic, partition, batches }: Produce): Promise<Produced> => {
      if (this.#failure !== undefined) throw this.#failure
      this.#gathered.push({ topic, partition, batches })
      this.#gatheredBytes += batches.length
      if (this.#gatheredBytes > TRANSACTION_GATHERED_BYTES_MAX) await this.#ship()
      return { baseOffset: null as never, records: 0, startOffset: toOffset(0), logAppendTimeMs: null }
    }
    return new Proxy(broker, {
      get(target, name) {
        if (name === 'produce') return produce
        const value: unknown = Reflect.get(target, name)
        return typeof value === 'function' ? value.bind(target) : value
      },
    })
  }

  addOffsets(offsets: GroupOffsets): void {
    if (this.#failure !== undefined) throw this.#failure
    this.#offsets.push(offsets)
  }

  /** @throws TidemarkError; the transaction is aborted then, but where `written` is `unknown` */
  async commit(): Promise<EndedTransaction> {
    await this.#shipping
    if (this.#failure !== undefined) {
      await this.abort().catch(() => {})
      throw this.#failure
    }
    const isEmpty = !this.#isShipped && this.#gathered.length === 0 && this.#offsets.length === 0
    if (isEmpty) {
      this.#number -= 1
      return { number: this.#number, partitions: [] }
    }
    const batches = this.#takeGathered()
    const offsets = this.#offsets
    this.#isShipped = true
    try {
      return await this.#insist(call =>
        this.#broker.endTransaction(
          { ...this.#name(), commit: true, batches: batches.map(copy), offsets },
          call,
        ),
      )
    } catch (error) {
      const isUnknown = error instanceof TidemarkError && error.written === 'unknown'
      if (isUnknown) {
        this.#isUnsure = true
      } else {
        this.#failure = error
        await this.abort().catch(() => {})
      }
      throw error
    } finally {
      this.#forget()
    }
  }

  async abort(): Promise<void> {
    await this.#shipping
    const isShipped = this.#isShipped
    const hasFailed = this.#failure !== undefined
    this.#forget()
    if (!isShipped) {
      this.#number -= 1
      return
    }
    try {
      await this.#insist(call => this.#broker.endTransaction({ ...this.#name(), commit: false }, call))
      // What was refused has its numbers here, and has none at the broker.
      if (hasFailed) this.#lost()
    } catch (error) {
      // The next one begins by asking for another epoch, which aborts what is open.
      this.#lost()
      if (!(error instanceof TidemarkError) || error.kafkaName !== 'INVALID_TXN_STATE') throw error
    }
  }

  /** What stands at the broker is not known: the next transaction begins under another epoch. */
  #lost(): void {
    this.#producer = undefined
  }

  #name(): TransactionName & { number: number } {
    return { transactionalId: this.#transactionalId, ...this.#producer!, number: this.#number }
  }

  #ship(): Promise<void> {
    const batches = this.#takeGathered()
    this.#isShipped = true
    const shipped = this.#shipping.then(async () => {
      if (this.#failure !== undefined) throw this.#failure
      const results = await this.#insist(call =>
        this.#broker.stage({ ...this.#name(), batches: batches.map(copy), adds: true }, call),
      )
      const failed = results.find(({ error }) => error)?.error
      if (failed) {
        const { kafkaName, message, retriable } = failed
        throw new TidemarkError(kafkaName as TidemarkError['kafkaName'], message, 'no', { retriable })
      }
    })
    this.#shipping = shipped.catch(error => {
      this.#failure ??= error
    })
    return shipped
  }

  /** Numbers what was gathered, in its order. */
  #takeGathered(): Gathered[] {
    const gathered = this.#gathered
    this.#gathered = []
    this.#gatheredBytes = 0
    const { producerId, epoch } = this.#producer!
    for (const { topic, partition, batches } of gathered) {
      const key = `${topic}/${partition}`
      let next = this.#sequences.get(key) ?? 0
      for (let position = 0; position < batches.length; position += batchSizeBytes(batches, position)) {
        const producer = { producerId, producerEpoch: epoch, baseSequence: next, isTransactional: true }
        stampProducer(batches, position, producer)
        next += readBatchHeader(batches, position).recordCount
      }
      this.#sequences.set(key, next)
    }
    return joined(gathered)
  }

  #forget(): void {
    this.#gathered = []
    this.#gatheredBytes = 0
    this.#offsets = []
    this.#isShipped = false
    this.#failure = undefined
    this.#shipping = Promise.resolve()
  }

  #insist<T>(work: (call: CallOptions) => Promise<T>): Promise<T> {
    return withRetries(work, this.#retry)
  }
}

/** Whoever tried it again as a new one might write it twice. */
function unsure(): TidemarkError {
  return new TidemarkError(
    'INVALID_TXN_STATE',
    'Nobody knows whether the last transaction was committed. Begin anew from what is committed (a consumer by itself, once it is started ' +
      'anew), and connect this producer again.',
  )
}

/** Batches of one partition that follow one another go as one. */
function joined(gathered: readonly Gathered[]): Gathered[] {
  const places = new Map<string, Gathered & { parts: Uint8Array[] }>()
  for (const each of gathered) {
    const key = `${each.topic}/${each.partition}`
    const place = places.get(key)
    if (place) place.parts.push(each.batches)
    else places.set(key, { ...each, parts: [each.batches] })
  }
  return [...places.values()].map(({ topic, partition, parts }) => ({
    topic,
    partition,
    batches: parts.length === 1 ? parts[0]! : Buffer.concat(parts),
  }))
}

/** For each try: the bytes of the one before belonged to the broker. */
function copy(gathered: Gathered): Gathered {
  return { ...gathered, batches: new Uint8Array(gathered.batches) }
}
