import { PARTITIONS_REMEMBERED_MAX } from '../../core/limits.ts'
import { decidedSteps, isBelow } from '../../core/log/changes/append-decided.ts'
import type { IndexEntry } from '../../core/log/entry.ts'
import { entryEpoch, placeEntries, spanOf } from '../../core/log/entry.ts'
import { findInTail, type Head } from '../../core/log/head.ts'
import { stateOf } from '../../core/log/producers/flushed-producer.ts'
import { type ProducerState, packState, type SequenceStep } from '../../core/log/producers/producer-state.ts'
import { isPastHardLimit } from '../../core/log/tail.ts'
import { advance, type Offset } from '../../core/numbers.ts'
import { type PartitionId, partitionKey } from '../../core/topic/partition-id.ts'
import type { Ports } from '../../ports/index.ts'
import { NoRoom, NotApplied } from '../../ports/outcome.ts'
import { asTidemarkError } from '../../ports/store-errors.ts'
import type { DecidedAppend } from '../../ports/transaction-store.ts'
import { inTime, isTransient, pauseBeforeRetry, retryUntil, timedOut } from '../store-calls/retry.ts'
import { bringAnew } from './staged-bytes.ts'

/** Told of what this process has appended, so that whoever waits for it hears, and a tail that got long is cut before the answer goes out. */
export type DecidedListener = (
  partition: PartitionId,
  appended: { readonly head: Head; readonly baseOffset: Offset },
  entries: readonly IndexEntry[],
) => Promise<void> | undefined

/** Cuts a tail that takes no more: settling/make-room.ts. */
export type MakeRoom = (ports: Ports, partition: PartitionId, deadlineMs: number) => Promise<Head | undefined>

/** What became of entries that were decided. */
export interface Decided {
  /** As it is with them, or was found with them in it; undefined: the partition is gone, and they with it. */
  readonly head: Head | undefined
  /** Of the first record; undefined: they are there, too far back to know where, or will never be. */
  readonly baseOffset: Offset | undefined
  /** Whether it was this call that appended them. */
  readonly isOwn: boolean
}

/** Of a head, what the next append to it needs. */
interface SeenHead extends Pick<Head, 'nextOffset' | 'producers'> {
  readonly isPastHardLimit: boolean
}

/**
 * Appends what was decided, each partition's entries in one step, and once, however many do it and whatever happens to single tries:
 * what the head, or the producer's item, says of the producer is the receipt.
 *
 * A producer that the seen head does not know is a newcomer once its item has been read, as in producing/append-once.ts: that
 * argument holds here as well. Only that an item of a producer that has expired counts, too, for as long as it is there.
 */
export class DecidedAppends {
  readonly #ports: Ports
  readonly #cutTail: MakeRoom
  readonly #seen = new Map<string, SeenHead>()

  constructor(ports: Ports, makeRoom: MakeRoom) {
    this.#ports = ports
    this.#cutTail = makeRoom
  }

  /**
   * @param entries one producer's, whose numbers follow one another
   * @throws TidemarkError REQUEST_TIMED_OUT at the deadline: somebody else may go on
   */
  async append(partition: PartitionId, decided: readonly IndexEntry[], deadlineMs: number): Promise<Decided> {
    const { clock, index } = this.#ports
    const [step] = decidedSteps(decided)
    let entries = decided
    let known = await this.#look(partition, deadlineMs)
    let newcomers: ReadonlySet<bigint> | undefined
    for (let failures = 0; ; ) {
      if (!known) return GONE
      try {
        if (clock.monotonicMs() >= deadlineMs) throw timedOut(new NotApplied('its time is over'), 'yes')
        if (known.isPastHardLimit) known = await this.#makeRoom(partition, deadlineMs)
        if (!known) return GONE
        if (!newcomers) {
          const found = await this.#readItem(partition, step!, known, deadlineMs)
          if (found === 'has it') return { head: undefined, baseOffset: undefined, isOwn: false }
          newcomers = found
        }
        const outcome = await inTime(
          clock,
          deadlineMs,
          index.appendDecided(partition, entries, known.nextOffset, newcomers),
        )
        if (outcome.kind === 'missing') return this.#forget(partition)
        const { head } = outcome
        const seen = this.#remember(partition, head)
        if (outcome.kind === 'appended')
          return { head, baseOffset: advance(head.nextOffset, -spanOf(entries)), isOwn: true }
        if (hasAll(head.producers.get(step!.producerId), step!)) {
          return { head, baseOffset: findRun(head, entries, step!), isOwn: false }
        }
        if (entries.some(entry => entryEpoch(entry) < head.appendFloor)) {
          entries = await bringAnew(this.#ports, entries, deadlineMs)
        } else if (
          head.tailOffset <= known.nextOffset &&
          isBetween(head.producers.get(step!.producerId), step!)
        ) {
          throw new Error('a log has a part of what a transaction has decided to append as a whole')
        }
        // Or the tail has moved on, or the producer was retired since the known head. Somebody else has made headway: no pause.
        known = seen
        newcomers = undefined
      } catch (error) {
        if (!isTransient(error)) throw asTidemarkError(error, 'yes')
        // Whatever becomes of that: the next try tells.
        if (error instanceof NoRoom) known = await this.#makeRoom(partition, deadlineMs).catch(() => known)
        if (!(await pauseBeforeRetry(this.#ports, failures, deadlineMs))) throw timedOut(error, 'yes')
        failures += 1
      }
    }
  }

  /**
   * What appending them takes in one step with others, as far as is known; undefined: it is done, or takes more.
   * @param isFresh whether the head is read anew
   */
  async plan(
    partition: PartitionId,
    entries: readonly IndexEntry[],
    deadlineMs: number,
    isFresh: boolean,
  ): Promise<DecidedAppend | undefined> {
    if (isFresh) this.#seen.delete(partitionKey(partition))
    const [step] = decidedSteps(entries)
    const known = await this.#look(partition, deadlineMs)
    if (!known || known.isPastHardLimit) return undefined
    const newcomers = await this.#readItem(partition, step!, known, deadlineMs)
    if (newcomers === 'has it') return undefined
    return { partition, entries, seen: known.nextOffset, newcomers }
  }

  /** Notes a head that somebody else has seen. */
  note(partition: PartitionId, head: Head): void {
    this.#remember(partition, head)
  }

  /** A head as it was at some time; undefined: there is none. */
  async #look(partition: PartitionId, deadlineMs: number): Promise<SeenHead | undefined> {
    const known = this.#seen.get(partitionKey(partition))
    if (known) return known
    const read = () => this.#ports.index.readHead(partition)
    const head = await retryUntil(this.#ports, deadlineMs, 'yes', read)
    return head && this.#remember(partition, head)
  }

  async #readItem(
    partition: PartitionId,
    step: SequenceStep,
    known: SeenHead,
    deadlineMs: number,
  ): Promise<ReadonlySet<bigint> | 'has it'> {
    const { producerId } = step
    if (known.producers.has(producerId)) return NOBODY
    const read = () => this.#ports.index.readProducer(partition, producerId)
    const item = await retryUntil(this.#ports, deadlineMs, 'yes', read)
    return item && hasAll(stateOf(item), step) ? 'has it' : new Set([producerId])
  }

  async #makeRoom(partition: PartitionId, deadlineMs: number): Promise<SeenHead | undefined> {
    const head = await this.#cutTail(this.#ports, partition, deadlineMs)
    return head && this.#remember(partition, head)
  }

  #remember(partition: PartitionId, head: Head): SeenHead {
    const { nextOffset, producers } = head
    const seen = { nextOffset, producers, isPastHardLimit: isPastHardLimit(head) }
    const key = partitionKey(partition)
    this.#seen.delete(key)
    const [oldest] = this.#seen.size >= PARTITIONS_REMEMBERED_MAX ? this.#seen.keys() : []
    if (oldest !== undefined) this.#seen.delete(oldest)
    this.#seen.set(key, seen)
    return seen
  }

  #forget(partition: PartitionId): Decided {
    this.#seen.delete(partitionKey(partition))
    return GONE
  }
}

const NOBODY: ReadonlySet<bigint> = new Set()
const GONE: Decided = { head: undefined, baseOffset: undefined, isOwn: false }

/** Whether a log with this state of the producer has what was decided: its numbers only grow, and of what is decided nothing is left out. */
function hasAll(state: ProducerState | undefined, { epoch, last }: SequenceStep): boolean {
  return state !== undefined && packState(state) >= packState({ epoch, lastSequence: last })
}

/** Whether it has some of it, which must not be. */
function isBetween(state: ProducerState | undefined, step: SequenceStep): boolean {
  return state !== undefined && !isBelow(state, step)
}

/** Where they begin, whoever has appended them, and in however many entries. */
function findRun(
  head: Head,
  [first]: readonly IndexEntry[],
  { producerId, epoch, first: sequence }: SequenceStep,
): Offset | undefined {
  const inTail = findInTail(head, first!.id)
  if (inTail !== undefined) return inTail
  for (const { baseOffset, entry } of placeEntries(head.tailOffset, head.tail)) {
    const run = entry.producers.find(
      each => each.producerId === producerId && each.epoch === epoch && each.sequence === sequence,
    )
    if (run) return advance(baseOffset, run.spanBefore)
  }
  const flushed = head.flushedProducers.get(producerId)
  if (flushed?.epoch !== epoch) return undefined
  return flushed.runs.find(run => run.sequence === sequence)?.baseOffset
}
