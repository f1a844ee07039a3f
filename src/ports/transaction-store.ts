import type { CommittedOffset } from '../core/group/group.ts'
import type { IndexEntry } from '../core/log/entry.ts'
import type { Head } from '../core/log/head.ts'
import type { Offset } from '../core/numbers.ts'
import type { PartitionId } from '../core/topic/partition-id.ts'
import type { PendingPlace, StagedChunk, Transaction } from '../core/transaction/transaction.ts'

/**
 * Transactions: an item for each transactional id, chunks of what it has staged, and a list of all ids. Every write is one atomic, durable
 * step on one item, and every read sees all writes that resolved before it began. All methods can throw NotApplied and StoreFailed; those
 * that write also OutcomeUnknown.
 */
export interface TransactionStore {
  read(transactionalId: string): Promise<Transaction | undefined>

  /**
   * Puts a transaction, with a version of its own, where the one that stands has the version `expected`; undefined: where none stands. One
   * that stands already with the given version is put: an earlier try has landed.
   * @param lasting `in order`: it may be lost with a power failure, but no later write of this store then stays. For what
   *   nobody was told, and whoever finds it undone does again. A store may take it for `at once`
   */
  put(
    transaction: Transaction,
    expected: string | undefined,
    lasting?: 'at once' | 'in order',
  ): Promise<TransactionPut>

  /**
   * Of stores that change several items in one step: as `put`, and with it all that a commit does elsewhere, in logs and claims. All of it or
   * nothing: where one condition does not hold, nothing changes. Where an earlier try has landed it is refused, with the given version.
   * @throws NoRoom as LogIndex.append
   */
  readonly putWithEffects?: (
    transaction: Transaction,
    expected: string | undefined,
    effects: TransactionEffects,
  ) => Promise<EffectsPut>

  /** Puts a chunk, under an id that no other has. May be repeated. */
  putChunk(transactionalId: string, chunk: StagedChunk): Promise<void>

  /** Undefined where it is gone, or never was: its transaction is over then, or no longer names it. */
  readChunk(
    transactionalId: string,
    chunk: Pick<StagedChunk, 'number' | 'id'>,
  ): Promise<StagedChunk | undefined>

  /** Removes the chunks of transactions below this number: also those that nobody names. May be repeated. */
  removeChunksBelow(transactionalId: string, number: number): Promise<void>

  /** Lists an id: before its item is made, and again afterwards, or a removal that is under way could take it off the list. */
  register(transactionalId: string): Promise<void>

  /** All listed ids, in the order of their UTF-8 bytes, from behind `after` on. One of them may have no item: a crash, or a removal. */
  registered(after?: string): AsyncIterable<string>

  /**
   * Removes what is over and was not used for long: its chunks, its item, on the condition that it is still this one, and its entry in the list, unless
   * somebody has listed it meanwhile. Undefined: on the condition that there is no item. Tells whether there is none any more.
   */
  remove(transactionalId: string, standing: Transaction | undefined): Promise<boolean>
}

export interface TransactionPut {
  readonly held: boolean
  /** As it stands then. */
  readonly transaction: Transaction | undefined
}

/** What a commit does to logs and to claims. */
export interface TransactionEffects {
  /** One for a partition. As LogIndex.appendDecided takes them. */
  readonly appends: readonly DecidedAppend[]
  /** As GroupStore.resolvePending takes them. */
  readonly offsets: readonly DecidedOffset[]
}

export interface DecidedAppend {
  readonly partition: PartitionId
  readonly entries: readonly IndexEntry[]
  readonly seen: Offset
  readonly newcomers: ReadonlySet<bigint>
}

export interface DecidedOffset extends PendingPlace {
  /** Of what is pending. */
  readonly version: string
  readonly committed: CommittedOffset
}

export type EffectsPut =
  /** With the heads after the appends, in their order. */
  | { readonly kind: 'put'; readonly transaction: Transaction; readonly heads: readonly Head[] }
  /** Another transaction stands than was expected. */
  | { readonly kind: 'refused'; readonly transaction: Transaction | undefined }
  /** The transaction is as expected, but a head or a claim is not: it takes single steps. */
  | { readonly kind: 'in steps' }
