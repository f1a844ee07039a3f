import { entryEpoch, type IndexEntry } from '../../log/entry.ts'
import { partitionKey } from '../../topic/partition-id.ts'
import { type Caller, fence, wrongState } from '../fence.ts'
import {
  isRefusal,
  type Refusal,
  type SpilledRun,
  type Transaction,
  type TransactionPartition,
} from '../transaction.ts'
import { type NamedPartition, newPartition, tooManyPartitions } from './add-partitions.ts'
import { opened } from './begin.ts'

export interface RunToStage extends NamedPartition {
  /** With exactly one run, of the transaction's producer. */
  readonly run: IndexEntry
}

export interface Staged {
  /** The very same where nothing has changed. */
  readonly transaction: Transaction
  /** By partition key: what was not staged, and why. */
  readonly refusals: ReadonlyMap<string, Refusal>
}

/**
 * Takes runs into the open transaction, each partition for itself: what follows on what its producer has staged there under this epoch, in
 * whatever transaction and however that ended. What stands in it already is taken again, and changes nothing.
 * @param adds whether partitions that are not in it are added, and the next transaction begun where none is open
 */
export function stage(
  standing: Transaction,
  caller: Caller,
  runs: readonly RunToStage[],
  adds: boolean,
  nowMs: number,
): Staged | Refusal {
  const refused = fence(standing, caller, 'INVALID_PRODUCER_EPOCH')
  if (refused) return refused
  if (standing.state !== 'open' && !adds) return wrongState(standing, 'stage records')
  const open = opened(standing, caller, nowMs)
  if (isRefusal(open)) return open
  const refusals = new Map<string, Refusal>()
  const work = new Staging(open, adds)
  for (const each of runs) {
    const key = partitionKey(each)
    // What comes behind one that was refused is not looked at: it would hide why, or be taken without it.
    if (refusals.has(key)) continue
    const refused = work.stage(each)
    if (refused) refusals.set(key, refused)
  }
  const { transaction } = work
  // One that would be begun for nothing is not.
  if (transaction === open) return { transaction: standing, refusals }
  return { transaction: { ...transaction, updatedMs: nowMs }, refusals }
}

/** Takes runs one after the other, thousands of them as well. */
class Staging {
  readonly #open: Transaction
  readonly #adds: boolean
  /** By partition key. */
  readonly #places: Map<string, TransactionPartition>
  readonly #sequences: Map<string, number>
  #isChanged = false

  constructor(open: Transaction, adds: boolean) {
    this.#open = open
    this.#adds = adds
    this.#places = new Map(open.partitions.map(place => [partitionKey(place), place]))
    this.#sequences = new Map(open.sequences)
  }

  /** With all that was taken; the very same where nothing was. */
  get transaction(): Transaction {
    if (!this.#isChanged) return this.#open
    return { ...this.#open, partitions: [...this.#places.values()], sequences: this.#sequences }
  }

  /** Why it is not taken; undefined: it is, or was before. */
  stage({ run, ...partition }: RunToStage): Refusal | undefined {
    const key = partitionKey(partition)
    const place = this.#placeOf(key, partition)
    if ('kafkaName' in place) return place
    const { sequence, records } = runOf(run, this.#open)
    const standing = this.#sequences.get(key)
    if (standing !== undefined && sequence !== standing + 1) {
      if (isStaged(place, { sequence, records })) return undefined
      if (standing < SEQUENCE_MAX) return outOfOrder(place, sequence, standing)
    }
    const last = sequence + records - 1
    if (last > SEQUENCE_MAX || standing === SEQUENCE_MAX) {
      return {
        kafkaName: 'OUT_OF_ORDER_SEQUENCE_NUMBER',
        message: `Partition ${partition.partition} of "${partition.topic}" has all the records that a producer can number. Abort, and go on with a new epoch.`,
      }
    }
    if (entryEpoch(run) < this.#open.floor) {
      return {
        kafkaName: 'KAFKA_STORAGE_ERROR',
        message: 'The object that the records are in may be gone. Store them anew.',
        isBelowFloor: true,
      }
    }
    this.#places.set(key, { ...place, runs: [...place.runs, run] })
    this.#sequences.set(key, last)
    this.#isChanged = true
    return undefined
  }

  #placeOf(key: string, partition: NamedPartition): TransactionPartition | Refusal {
    const known = this.#places.get(key)
    if (known) return known
    if (!this.#adds) {
      return {
        kafkaName: 'TRANSACTION_ABORTABLE',
        message: `Partition ${partition.partition} of "${partition.topic}" was not added to the transaction. Add it first, or abort.`,
      }
    }
    const numbered = this.#sequences.size + (this.#sequences.has(key) ? 0 : 1)
    return tooManyPartitions(this.#places.size + 1, numbered) ?? newPartition(partition)
  }
}

/** The largest number that a record can have; the next would be 0, which no receipt could tell from one long ago. */
const SEQUENCE_MAX = 2 ** 31 - 1

function runOf({ producers }: IndexEntry, { producerId, epoch }: Transaction): SpilledRun {
  const [run, ...others] = producers
  if (!run || others.length > 0 || run.producerId !== producerId || run.epoch !== epoch)
    throw new RangeError('what is staged is not one run of its producer')
  return run
}

function isStaged({ runs, spilled }: TransactionPartition, run: SpilledRun): boolean {
  const all = [...spilled, ...runs.map(({ producers }) => producers[0]!)]
  return all.some(({ sequence, records }) => sequence === run.sequence && records === run.records)
}

function outOfOrder({ topic, partition }: NamedPartition, sequence: number, last: number): Refusal {
  const where = `Partition ${partition} of "${topic}"`
  if (sequence <= last) {
    return {
      kafkaName: 'DUPLICATE_SEQUENCE_NUMBER',
      message: `${where} was given records from number ${sequence} on before: its last one is ${last}.`,
    }
  }
  return {
    kafkaName: 'OUT_OF_ORDER_SEQUENCE_NUMBER',
    message: `${where} needs records from number ${last + 1} on, and not from ${sequence}: some before them are missing.`,
  }
}
