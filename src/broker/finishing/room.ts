import { isFull, spill } from '../../core/transaction/changes/spill.ts'
import {
  type Changed,
  isRefusal,
  type Refusal,
  type Transaction,
} from '../../core/transaction/transaction.ts'
import { Lane } from '../../core/turns.ts'
import { NoRoom, OutcomeUnknown } from '../../ports/outcome.ts'
import { asTidemarkError } from '../../ports/store-errors.ts'
import type { TransactionPut } from '../../ports/transaction-store.ts'
import { inTime, isTransient, pauseBeforeRetry, timedOut } from '../store-calls/retry.ts'
import { type TransactionCall, toError } from './transaction-call.ts'

/**
 * A change of what stands; undefined: nothing does.
 * @param tried the number of the transaction that an earlier try may have changed: it is about no other
 */
export type Change = (standing: Transaction | undefined, tried: number | undefined) => Changed

export interface ChangeOptions {
  /** Called where somebody else has changed it since it was seen, before it is decided anew on what stands. */
  readonly onOvertaken?: () => Promise<void>
  /** As in TransactionStore.put. */
  readonly lasting?: 'in order'
  /** Puts it with something else; undefined: it does not, and it is put alone. What is put bears the given version. */
  readonly put?: (next: Transaction, expected: string | undefined) => Promise<TransactionPut | undefined>
}

/** What a change has come to. */
export interface Changing {
  readonly transaction: Transaction
  /** Whether this has put it; or it stood already as it was to become. */
  readonly isPut: boolean
}

/**
 * A transactional id in this process: its calls come one after the other, and each begins with what the last one has seen. So a step
 * costs one write and no read, as long as the producer stays with one broker.
 *
 * What was seen earlier only ever helps to try: the write tells whether it still stands, and what is answered without a write was
 * read within the call.
 */
export class Room {
  readonly transactionalId: string
  readonly lane = new Lane(1)
  /** Calls that are under way or wait. */
  waiting = 0
  /** As it was when it was seen last; undefined: it was not, or there was none. */
  #known: Transaction | undefined

  constructor(transactionalId: string) {
    this.transactionalId = transactionalId
  }

  get known(): Transaction | undefined {
    return this.#known
  }

  forget(): void {
    this.#known = undefined
  }

  /** As it stands. */
  async read(call: TransactionCall): Promise<Transaction | undefined> {
    this.#known = await call.read(() => call.ports.transactions.read(this.transactionalId))
    return this.#known
  }

  /**
   * Changes it, by one write. The loop is the only retry: after a try of unknown outcome what stands is looked at again, and decided anew where
   * it is not what was put.
   * @throws TidemarkError as the change refuses; REQUEST_TIMED_OUT at the deadline
   */
  async change(
    call: TransactionCall,
    change: Change,
    { onOvertaken, lasting, put: putWith }: ChangeOptions = {},
  ): Promise<Changing> {
    const { clock, entropy, transactions } = call.ports
    const tried = new Set<string>()
    let triedNumber: number | undefined
    let isFresh = this.#known === undefined
    let standing = this.#known ?? (await this.read(call))
    for (let failures = 0; ; ) {
      const changed = change(standing, triedNumber)
      if (isRefusal(changed) || changed === standing) {
        if (!isFresh) {
          const before = standing?.version
          standing = await this.read(call)
          isFresh = true
          if (standing?.version !== before) await onOvertaken?.()
          continue
        }
        // What an earlier try has put may have been finished since, and another have taken its producer's place.
        if (isRefusal(changed))
          throw triedNumber === undefined ? toError(changed) : toError(asRetriable(changed), 'unknown')
        return { transaction: changed, isPut: false }
      }
      const next = { ...(await this.#spilled(call, changed)), version: entropy.id() }
      try {
        const putAlone = () =>
          transactions.put(next, standing?.version, lasting).catch(error => {
            throw error instanceof NoRoom ? toError(TOO_LARGE, call.written.written) : error
          })
        const put = putWith?.(next, standing?.version).then(done => done ?? putAlone()) ?? putAlone()
        const { held, transaction } = await inTime(clock, call.deadlineMs, put)
        this.#known = transaction
        call.written.isWritten()
        if (held) return { transaction: transaction ?? next, isPut: true }
      } catch (error) {
        this.#known = undefined
        if (!isTransient(error)) throw asTidemarkError(error, call.written.written)
        if (error instanceof OutcomeUnknown) {
          tried.add(next.version)
          triedNumber ??= next.number
          call.written.isWritten()
        }
        if (!(await pauseBeforeRetry(call.ports, failures, call.deadlineMs)))
          throw timedOut(error, call.written.written)
        failures += 1
        await this.read(call)
      }
      standing = this.#known
      isFresh = true
      if (standing && tried.has(standing.version)) return { transaction: standing, isPut: true }
      await onOvertaken?.()
    }
  }

  /** With its staged runs in chunks, where they are too much for the item: they stand before the item names them. */
  async #spilled(call: TransactionCall, transaction: Transaction): Promise<Transaction> {
    if (!isFull(transaction)) return transaction
    const spilled = spill(transaction, () => call.ports.entropy.id())
    if ('kafkaName' in spilled) throw toError(spilled)
    const { transactions } = call.ports
    await call.forEach(spilled.chunks, chunk =>
      call.write(() => transactions.putChunk(this.transactionalId, chunk)),
    )
    return spilled.transaction
  }
}

/** Another try would be as large. To abort takes no more room than there is. */
const TOO_LARGE: Refusal = {
  kafkaName: 'TRANSACTION_ABORTABLE',
  message:
    'The transaction has more partitions and offsets, or its producer has numbered records of more partitions, than the store has ' +
    'room for in one item. Abort it, and write to fewer in one transaction, or with another producer of this transactional id.',
}

/**
 * Which transaction a call is about that does not say so was read from what had been seen before its first try, and that may have been
 * over by then: whoever asks again begins with what stands.
 */
function asRetriable(refusal: Refusal): Refusal {
  return refusal.kafkaName === 'INVALID_TXN_STATE'
    ? { ...refusal, kafkaName: 'CONCURRENT_TRANSACTIONS' }
    : refusal
}
