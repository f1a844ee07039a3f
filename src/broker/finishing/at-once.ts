import type { EndedTransaction } from '../../contract/transactions.ts'
import { TRANSACTION_EFFECT_ITEMS_MAX } from '../../core/limits.ts'
import { spanOf } from '../../core/log/entry.ts'
import { advance } from '../../core/numbers.ts'
import { finished } from '../../core/transaction/changes/finish.ts'
import {
  type PendingPlace,
  type Transaction,
  type TransactionPartition,
  transactionIdOf,
} from '../../core/transaction/transaction.ts'
import type {
  DecidedAppend,
  DecidedOffset,
  TransactionEffects,
  TransactionPut,
} from '../../ports/transaction-store.ts'
import { committedBy, type Finishing, fitsHead } from './finish.ts'
import type { TransactionCall } from './transaction-call.ts'

/** A commit with all that it does elsewhere, where the store can do it in one step: one sync for what is several steps else. */
export class CommitAtOnce {
  readonly #call: TransactionCall
  readonly #finishing: Finishing
  #ended: EndedTransaction['partitions'] = []
  /** Of what was tried last. */
  #version: string | undefined

  constructor(call: TransactionCall, finishing: Finishing) {
    this.#call = call
    this.#finishing = finishing
  }

  /** Where its records are, if it was this that has put it so: not where it was planned on what had been seen before. */
  endedOf({ version }: Transaction): EndedTransaction['partitions'] {
    return version === this.#version ? this.#ended : []
  }

  /** Undefined: it is no commit, or one that takes single steps. @throws as TransactionStore.put */
  async put(decided: Transaction, expected: string | undefined): Promise<TransactionPut | undefined> {
    const { transactions } = this.#call.ports
    if (!transactions.putWithEffects || !isSmallCommit(decided)) return undefined
    for (const isFresh of [false, true]) {
      const places = decided.partitions.filter(({ runs }) => runs.length > 0)
      const effects = await this.#plan(decided, places, isFresh)
      if (!effects) return undefined
      // Where the answer is lost, nobody knows where they are, but that they are there.
      this.#ended = places.map(({ topic, partition, runs }) => ({
        topic,
        partition,
        baseOffset: null,
        records: spanOf(runs),
      }))
      const over = finished(decided, this.#call.nowMs())
      this.#version = over.version
      const outcome = await transactions.putWithEffects(over, expected, effects)
      if (outcome.kind === 'refused')
        return { held: outcome.transaction?.version === over.version, transaction: outcome.transaction }
      if (outcome.kind === 'put') {
        const cuts: (Promise<void> | undefined)[] = []
        this.#ended = places.map((place, number) => {
          const head = outcome.heads[number]!
          const baseOffset = advance(head.nextOffset, -spanOf(place.runs))
          this.#finishing.appends.note(place, head)
          cuts.push(this.#finishing.onAppend(place, { head, baseOffset }, place.runs))
          const { topic, partition } = place
          return { topic, partition, baseOffset, records: spanOf(place.runs) }
        })
        await Promise.all(cuts)
        return { held: true, transaction: over }
      }
    }
    this.#ended = []
    return undefined
  }

  /** @param isFresh whether heads are read anew, and not taken as they were seen last */
  async #plan(
    decided: Transaction,
    places: readonly TransactionPartition[],
    isFresh: boolean,
  ): Promise<TransactionEffects | undefined> {
    const appends: DecidedAppend[] = []
    for (const place of places) {
      const planned = await this.#finishing.appends.plan(place, place.runs, this.#call.deadlineMs, isFresh)
      if (!planned) return undefined
      appends.push(planned)
    }
    const offsets: DecidedOffset[] = []
    for (const place of decided.offsets) {
      const offset = await this.#resolution(place, transactionIdOf(decided))
      if (offset) offsets.push(offset)
    }
    return { appends, offsets }
  }

  /** Undefined: nothing of this transaction is pending there. */
  async #resolution(place: PendingPlace, transactionId: string): Promise<DecidedOffset | undefined> {
    const { groupId, topicId, partition } = place
    const { groups } = this.#call.ports
    const claim = await this.#call.read(() => groups.readClaim(groupId, { topicId, partition }))
    if (claim?.pending?.transactionId !== transactionId) return undefined
    const { version } = claim.pending
    return { groupId, topicId, partition, version, committed: committedBy(claim, this.#call.nowMs()) }
  }
}

function isSmallCommit({ state, chunks, partitions, offsets, done }: Transaction): boolean {
  return (
    state === 'committing' &&
    chunks.length === 0 &&
    done.length === 0 &&
    partitions.length + offsets.length <= TRANSACTION_EFFECT_ITEMS_MAX &&
    partitions.every(({ runs }) => fitsHead(runs))
  )
}
