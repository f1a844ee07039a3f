import { splitKey } from '../../../src/adapters/items/items.ts'
import { entryEpoch, type IndexEntry } from '../../../src/core/log/entry.ts'
import { decodeBatches } from '../../../src/core/record/index.ts'
import { ingestKey } from '../../../src/core/storage-layout.ts'
import {
  STAGED_PREFIX,
  TRANSACTION_STATE_KEY,
  transactionKey,
} from '../../../src/core/storage-transactions.ts'

import { type PartitionId, partitionKey } from '../../../src/core/topic/partition-id.ts'
import { stagedRuns } from '../../../src/core/transaction/staged-runs.ts'
import type {
  PendingPlace,
  ProducerName,
  StagedChunk,
  Transaction,
} from '../../../src/core/transaction/transaction.ts'
import { transactionIdOf } from '../../../src/core/transaction/transaction.ts'
import { decodeChunk, decodeTransaction } from '../../../src/core/transaction/transaction-bytes.ts'
import type { TransactionEffects, TransactionStore } from '../../../src/ports/transaction-store.ts'
import type { WatchedObjects } from '../watched-objects.ts'
import { type Fate, placeName } from './fate.ts'
import { PendingPromises } from './pending.ts'
import type { RunsAppended } from './settling.ts'

const TRANSACTION_BEGIN = transactionKey('')
/** What may become of a transaction's state, of the same transaction. */
const NEXT_STATES: Readonly<Record<Transaction['state'], readonly Transaction['state'][]>> = {
  empty: ['empty'],
  open: ['open', 'committing', 'committed', 'aborting', 'aborted', 'empty'],
  committing: ['committing', 'committed'],
  aborting: ['aborting', 'aborted', 'empty'],
  committed: ['committed', 'empty'],
  aborted: ['aborted', 'empty'],
}

/** What a client believes to be in a transaction. */
export interface Believed {
  /** By partition key. */
  readonly records: ReadonlyMap<string, readonly string[]>
  readonly offsets: readonly (PartitionId & { readonly groupId: string; readonly offset: number })[]
}

/**
 * What transactions promise: one is decided once, by its own producer, and whole. What is decided stands in each of its logs as
 * by one change, once, in the order in which one producer's transactions were decided; nothing else of it ever does. Its offsets
 * count if it does, each once, and go on from where they were. Who was told that it is committed finds all of it; who has taken
 * a transactional id over hears no more of those before. What is staged is there as long as it may be needed.
 */
export class TransactionPromises {
  readonly #objects: WatchedObjects
  readonly #isLive: (topicId: string) => boolean
  readonly #violated: (problem: string) => void
  readonly #items = new Map<string, Transaction>()
  /** By key. */
  readonly #chunks = new Map<string, StagedChunk>()
  readonly #fates = new Map<string, Fate>()
  readonly #fateOf = new Map<string, Fate>()
  readonly #producers = new Set<bigint>()
  /** By transactional id and log: the last one that has come into it. */
  readonly #lastIn = new Map<string, number>()
  /** By transactional id: the newest producer that anybody was told to be. */
  readonly #told = new Map<string, ProducerName & { readonly rank: number }>()
  /** Values that somebody was told are in no log, and never will be. */
  readonly #disowned = new Set<string>()
  /** By version: what somebody puts with all that it does elsewhere. */
  readonly #effects = new Map<string, TransactionEffects>()
  readonly #offsets: PendingPromises
  #drained = 0
  decided = 0
  atOnce = 0
  aborted = 0
  spilled = 0
  fencings = 0

  constructor(options: {
    readonly objects: WatchedObjects
    readonly isLive: (topicId: string) => boolean
    readonly violated: (problem: string) => void
  }) {
    this.#objects = options.objects
    this.#isLive = options.isLive
    this.#violated = options.violated
    this.#offsets = new PendingPromises(transactionId => this.#fates.get(transactionId), options.violated)
    options.objects.onRemoval(key => {
      for (const [name, transaction] of this.#items) {
        if (!isNeeded(transaction)) continue
        for (const { place } of this.#runs(name, transaction)) {
          if (place.kind === 'object' && ingestKey(place) === key) {
            this.#violated(`dangling: ${key} was removed, and is staged in ${transactionIdOf(transaction)}`)
          }
        }
      }
    })
  }

  /** How many offsets have come to count, and how many have not. */
  get offsets(): { readonly applied: number; readonly dropped: number } {
    return this.#offsets
  }

  isProducer(producerId: bigint): boolean {
    return this.#producers.has(producerId)
  }

  /** The store, with what is put in one step known before it is: then nothing of it ever stands in an item. */
  watch(store: TransactionStore): TransactionStore {
    const { putWithEffects } = store
    if (!putWithEffects) return store
    return {
      ...store,
      putWithEffects: (transaction, expected, effects) => {
        this.#effects.set(transaction.version, effects)
        return putWithEffects(transaction, expected, effects)
      },
    }
  }

  /** Hears of every change of an item. */
  readonly changed = (key: string, before: Uint8Array | undefined, after: Uint8Array | undefined): void => {
    const { partitionKey: first, sortKey } = splitKey(key)
    if (first.startsWith(TRANSACTION_BEGIN)) {
      if (sortKey === TRANSACTION_STATE_KEY) this.#itemChanged(first, after && decodeTransaction(after))
      else if (sortKey.startsWith(STAGED_PREFIX)) this.#chunkChanged(first, key, sortKey, after)
    } else this.#offsets.changed(key, before, after)
  }

  /** Hears what a head has got. */
  readonly runsAppended: RunsAppended = (partition, runs) => {
    const log = partitionKey(partition)
    const values = runs.flatMap(({ entry, run }) =>
      run && entry.producers.some(({ producerId }) => this.#producers.has(producerId)) ? valuesIn(run) : [],
    )
    const byFate = new Map<Fate, string[]>()
    for (const value of values) {
      const fate = this.#fateOf.get(value)
      if (!fate) this.#violated(`undecided: "${value}" came into ${log}, and nobody has decided so`)
      else byFate.set(fate, [...(byFate.get(fate) ?? []), value])
    }
    for (const [fate, came] of byFate) this.#cameInto(log, fate, came)
  }

  /** Hears from which epoch on objects are kept. */
  readonly drainedBelow = (epoch: number): void => {
    this.#drained = epoch
    for (const [name, transaction] of this.#items) {
      const { transactionalId, floor } = transaction
      // Of one that is in the making nobody knows yet, and who makes it raises the floor before anybody does.
      const told = this.#told.get(transactionalId)
      const isTold = told?.producerId === transaction.producerId && told.epoch === transaction.epoch
      if (floor < epoch && isTold) {
        this.#violated(
          `undrained: "${transactionalId}" stages objects of epoch ${floor}, and all below ${epoch} are drained`,
        )
      }
      if (isNeeded(transaction)) this.#checkEpochs(name, transaction)
    }
  }

  /** Somebody was told that he is the producer of a transactional id. */
  toldProducer(transactionalId: string, { producerId, epoch }: ProducerName): void {
    const known = this.#told.get(transactionalId)
    if (known?.producerId === producerId && known.epoch >= epoch) {
      if (known.epoch === epoch) {
        this.#violated(`two producers: "${transactionalId}" was told to be ${producerId} with ${epoch} twice`)
      }
      return
    }
    this.#told.set(transactionalId, { producerId, epoch, rank: (known?.rank ?? 0) + 1 })
  }

  /** Whether somebody else was told by now that he is the producer. */
  isReplaced(transactionalId: string, { producerId, epoch }: ProducerName): boolean {
    const known = this.#told.get(transactionalId)
    return known !== undefined && (known.producerId !== producerId || known.epoch > epoch)
  }

  /** A call of a producer was answered as done, which had been replaced when it began. */
  toldZombie(transactionalId: string, producer: ProducerName, what: string): void {
    this.#violated(
      `fenced: ${what} of "${transactionalId}" by ${producer.producerId} with epoch ${producer.epoch} was done after another took over`,
    )
  }

  /** Somebody was told that his transaction is committed, and what he has put into it. */
  toldCommitted(transactionalId: string, { records, offsets }: Believed): void {
    const fates = new Set([...records.values()].flat().map(value => this.#fateOf.get(value)))
    if (fates.size > 1) {
      const parts = [...records.values()]
        .flat()
        .map(value => `${value} in ${this.#fateOf.get(value)?.transactionId}`)
      this.#violated(`torn: a transaction of "${transactionalId}" was decided in parts: ${parts.join(', ')}`)
    }
    for (const [log, values] of records) {
      for (const value of values) {
        const fate = this.#fateOf.get(value)
        if (!fate) {
          this.#violated(
            `lost: "${value}" of "${transactionalId}" is not in what was decided, and was told to be`,
          )
        } else if (!fate.appended.has(log) && this.#isLive(log.slice(0, log.lastIndexOf('#')))) {
          this.#violated(`late: "${value}" was told to be committed, and is not in ${log} yet`)
        }
      }
    }
    for (const place of offsets) {
      if (!this.#isLive(place.topicId)) continue
      const committed = this.#offsets.committed.get(placeName(place))?.offset ?? -1
      if (committed < place.offset) {
        this.#violated(
          `lost: ${placeName(place)} is committed at ${committed}, and was told to be at ${place.offset}`,
        )
      }
    }
  }

  /** Somebody was told that it is aborted, or that nothing of it is or will be there. */
  toldAborted(values: readonly string[]): void {
    for (const value of values) {
      this.#disowned.add(value)
      if (this.#fateOf.has(value)) this.#violated(`untrue: "${value}" was told to be aborted, and counts`)
    }
  }

  /** What stands of a transactional id. */
  standing(transactionalId: string): Transaction | undefined {
    return this.#items.get(transactionKey(transactionalId))
  }

  /** At rest, when somebody has looked: all is done that was decided, and nothing is left of it. */
  unfinished(): string[] {
    const problems: string[] = []
    for (const { transactionId, commits, records, appended, offsets } of this.#fates.values()) {
      for (const log of commits ? records.keys() : []) {
        const isThere = appended.has(log) || !this.#isLive(log.slice(0, log.lastIndexOf('#')))
        if (!isThere) problems.push(`torn: ${transactionId} is committed, and ${log} has nothing of it`)
      }
      for (const [place, became] of commits ? offsets : []) {
        if (became === 'pending' && this.#offsets.standing.has(place)) {
          problems.push(`torn: ${transactionId} is committed, and its offset at ${place} is not`)
        }
      }
    }
    for (const { transactionalId, state } of this.#items.values()) {
      if (state === 'open' || state === 'committing' || state === 'aborting') {
        problems.push(`unfinished: the transaction of "${transactionalId}" is ${state}`)
      }
    }
    for (const [place, { transactionId }] of this.#offsets.standing) {
      problems.push(`unfinished: an offset of ${transactionId} is still pending at ${place}`)
    }
    return problems
  }

  #itemChanged(name: string, after: Transaction | undefined): void {
    const before = this.#items.get(name)
    if (!after) {
      if (before && isOngoing(before))
        this.#violated(`gone: ${name} was removed while it was ${before.state}`)
      this.#items.delete(name)
      for (const key of this.#lastIn.keys()) if (key.startsWith(`${name} `)) this.#lastIn.delete(key)
      return
    }
    this.#producers.add(after.producerId)
    this.#items.set(name, after)
    this.#checkSuccession(name, before, after)
    if (after.state === 'open' || after.state === 'committing') this.#checkEpochs(name, after)
    const effects = this.#effects.get(after.version)
    if (effects) {
      this.#decideAtOnce(after, effects)
      return
    }
    const isSame = before !== undefined && transactionIdOf(before) === transactionIdOf(after)
    const wasOpen = isSame ? before.state === 'open' : after.state !== 'empty'
    if (!wasOpen || after.state === 'open') {
      if (isSame && isOngoing(before) && !isOngoing(after)) this.#checkFinished(before)
      return
    }
    // From open to committed at once means that there was nothing in it, or that all of it was done in the same step.
    const commits = after.state === 'committing' || after.state === 'committed'
    this.#decide(name, after.state === 'committing' || !isSame ? after : before, commits)
  }

  #checkSuccession(name: string, before: Transaction | undefined, after: Transaction): void {
    if (!before) return
    const [was, is] = [before, after].map(
      ({ producerId, epoch, number, state }) =>
        `${producerId} with epoch ${epoch}, number ${number} ${state}`,
    )
    const told = `${name} went from ${was} to ${is}`
    if (after.producerId === before.producerId && after.epoch < before.epoch) this.#violated(`back: ${told}`)
    if (after.number < before.number || after.number > before.number + 1) this.#violated(`back: ${told}`)
    if (after.floor < before.floor) this.#violated(`back: the floor of ${name}: ${told}`)
    if (after.number === before.number) {
      if (!NEXT_STATES[before.state].includes(after.state)) this.#violated(`decided twice: ${told}`)
    } else if (isOngoing(before)) this.#violated(`torn: ${told}, and the one before was not over`)
    const isOther = after.producerId !== before.producerId || after.epoch !== before.epoch
    if (isOther) this.fencings += 1
    if (isOther && before.state !== 'committing' && after.state === 'committing') {
      this.#violated(`fenced: ${told}`)
    }
  }

  #decide(name: string, transaction: Transaction, commits: boolean): void {
    const { transactionalId, number, offsets } = transaction
    const transactionId = transactionIdOf(transaction)
    const records = new Map<string, string[]>()
    if (commits) {
      for (const [log, { runs }] of stagedRuns(transaction, this.#chunksOf(name, transaction))) {
        records.set(
          log,
          runs.flatMap(run => this.#valuesOf(run, transactionId)),
        )
      }
    }
    this.#record(transactionId, { transactionalId, number }, commits, records, offsets)
  }

  #decideAtOnce(transaction: Transaction, { appends, offsets }: TransactionEffects): void {
    const transactionId = transactionIdOf(transaction)
    const runs = appends.map(({ partition, entries }): [string, string[]] => [
      partitionKey(partition),
      entries.flatMap(entry => this.#valuesOf(entry, transactionId)),
    ])
    this.atOnce += 1
    this.#record(transactionId, transaction, true, new Map(runs), offsets)
  }

  #record(
    transactionId: string,
    { transactionalId, number }: Pick<Transaction, 'transactionalId' | 'number'>,
    commits: boolean,
    records: ReadonlyMap<string, readonly string[]>,
    offsets: readonly PendingPlace[],
  ): void {
    const places = offsets.map(place => [placeName(place), 'pending'] as const)
    const fate: Fate = {
      ...{ transactionId, transactionalId, number, commits, records },
      appended: new Set(),
      offsets: new Map(places),
    }
    this.#fates.set(transactionId, fate)
    if (commits) this.decided += 1
    else this.aborted += 1
    for (const value of [...records.values()].flat()) {
      if (this.#fateOf.has(value)) this.#violated(`doubled: "${value}" was decided twice`)
      if (this.#disowned.has(value)) this.#violated(`untrue: "${value}" was told to be aborted, and counts`)
      this.#fateOf.set(value, fate)
    }
  }

  /** It is said to be over: so it is. */
  #checkFinished(before: Transaction): void {
    const fate = this.#fates.get(transactionIdOf(before))!
    for (const log of fate.records.keys()) {
      if (!fate.appended.has(log) && this.#isLive(log.slice(0, log.lastIndexOf('#')))) {
        this.#violated(`torn: ${fate.transactionId} is said to be over, and ${log} has nothing of it`)
      }
    }
    // What comes late of one that was aborted, whoever meets it takes away.
    for (const [place, became] of fate.commits ? fate.offsets : []) {
      if (became === 'pending' && this.#offsets.standing.get(place)?.transactionId === fate.transactionId) {
        this.#violated(`torn: ${fate.transactionId} is said to be over, and is pending at ${place}`)
      }
    }
  }

  #cameInto(log: string, fate: Fate, came: readonly string[]): void {
    const { transactionId, transactionalId, number, records, appended } = fate
    const whole = records.get(log) ?? []
    if (appended.has(log)) this.#violated(`doubled: ${transactionId} came into ${log} again`)
    if (String(whole) !== String(came)) {
      this.#violated(`torn: ${log} has got ${came} of ${transactionId} at once, which has ${whole}`)
    }
    const key = `${transactionKey(transactionalId)} ${log}`
    const last = this.#lastIn.get(key) ?? 0
    if (last >= number)
      this.#violated(`order: number ${number} came into ${log} after ${last}: ${transactionId}`)
    this.#lastIn.set(key, number)
    appended.add(log)
  }

  #chunkChanged(name: string, key: string, sortKey: string, after: Uint8Array | undefined): void {
    if (!after) {
      const chunk = this.#chunks.get(key)
      this.#chunks.delete(key)
      const transaction = this.#items.get(name)
      const isNamed = transaction?.chunks.some(({ id }) => id === chunk?.id)
      if (transaction && isNamed && isNeeded(transaction))
        this.#violated(`dangling: ${key} was removed, and counts`)
      return
    }
    if (!this.#chunks.has(key)) this.spilled += 1
    const [, number, id] = sortKey.split('#')
    this.#chunks.set(key, decodeChunk({ id: id!, number: Number(number) }, after))
  }

  #checkEpochs(name: string, transaction: Transaction): void {
    for (const run of this.#runs(name, transaction)) {
      if (entryEpoch(run) >= this.#drained) continue
      this.#violated(
        `undrained: ${transactionIdOf(transaction)} has a run of epoch ${entryEpoch(run)}, and all below ${this.#drained} are drained`,
      )
    }
  }

  #chunksOf(name: string, { chunks, number }: Transaction): StagedChunk[] {
    return chunks.flatMap(({ id }) => {
      const chunk = [...this.#chunks.values()].find(each => each.id === id && each.number === number)
      if (!chunk) this.#violated(`dangling: chunk ${id} of ${name} counts, and is not there`)
      return chunk ?? []
    })
  }

  #runs(name: string, transaction: Transaction): IndexEntry[] {
    return [...stagedRuns(transaction, this.#chunksOf(name, transaction)).values()].flatMap(
      ({ runs }) => runs,
    )
  }

  #valuesOf({ place, bytes }: IndexEntry, transactionId: string): string[] {
    if (place.kind === 'inline') return valuesIn(place.payload)
    const object = place.kind === 'object' ? this.#objects.bytesOf(ingestKey(place)) : undefined
    if (object && place.kind === 'object') {
      return valuesIn(object.subarray(place.position, place.position + bytes))
    }
    this.#violated(`dangling: ${transactionId} is decided without its object`)
    return []
  }
}

/** Whether what it has staged may still come into a log. */
function isNeeded({ state }: Transaction): boolean {
  return state === 'open' || state === 'committing'
}

function isOngoing({ state }: Transaction): boolean {
  return state === 'open' || state === 'committing' || state === 'aborting'
}

function valuesIn(run: Uint8Array): string[] {
  return decodeBatches(run).map(({ key }) => (key ? Buffer.from(key).toString() : ''))
}
