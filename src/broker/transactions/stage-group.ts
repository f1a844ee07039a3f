import type { PartitionResult, TransactionName } from '../../contract/transactions.ts'
import { TidemarkError } from '../../core/errors.ts'
import { EPOCH_TRIES_MAX } from '../../core/limits.ts'
import { partitionKey } from '../../core/topic/partition-id.ts'
import { type RunToStage, stage } from '../../core/transaction/changes/stage.ts'
import type { Changed, Refusal, Transaction } from '../../core/transaction/transaction.ts'
import { type TransactionCall, toError, toFailure } from '../finishing/transaction-call.ts'
import { type CheckedBatches, type Prepared, placeAll } from './stage.ts'

/** One request to stage batches. */
export class StageJob {
  readonly name: TransactionName
  readonly adds: boolean
  /** In the order of the request. */
  readonly prepared: readonly Prepared[]
  /** Of those that were checked and not staged yet. */
  #runs: readonly RunToStage[]
  /** Why all of it is refused. */
  #refusal: Refusal | undefined
  /** By partition key. */
  #refusals: ReadonlyMap<string, Refusal> = new Map()

  constructor(
    name: TransactionName,
    adds: boolean,
    prepared: readonly Prepared[],
    runs: readonly RunToStage[],
  ) {
    this.name = name
    this.adds = adds
    this.prepared = prepared
    this.#runs = runs
  }

  /** Checks are over, and what is large is stored. */
  static async prepare(
    call: TransactionCall,
    name: TransactionName,
    adds: boolean,
    prepared: readonly Prepared[],
  ): Promise<StageJob> {
    return new StageJob(name, adds, prepared, await placeAll(call, checkedOf(prepared), false))
  }

  get refusal(): Refusal | undefined {
    return this.#refusal
  }

  get isRefusedWhole(): boolean {
    return this.#refusal !== undefined
  }

  get hasRefused(): boolean {
    return this.#refusals.size > 0
  }

  /** What was wrong with batches before anything was staged. */
  failed(): PartitionResult[] {
    return this.prepared.flatMap(each => ('result' in each ? [each.result] : []))
  }

  /** Of a try that did not come to it nothing was refused. */
  clear(): void {
    this.#refusal = undefined
    this.#refusals = new Map()
  }

  /** The transaction with what this brings; the very same where that is nothing. */
  apply(standing: Transaction, tried: number | undefined, nowMs: number): Transaction {
    this.clear()
    if (this.#runs.length === 0) return standing
    const caller = { ...this.name, number: this.name.number ?? tried }
    const staged = stage(standing, caller, this.#runs, this.adds, nowMs)
    if (isStagedRefusal(staged)) {
      this.#refusal = staged
      return standing
    }
    this.#refusals = staged.refusals
    return staged.transaction
  }

  /** Stores anew what lies in objects of too old an ingest epoch. Tells whether there was any. */
  async bringAnew(call: TransactionCall): Promise<boolean> {
    const old = this.#runs.filter(run => this.#refusals.get(partitionKey(run))?.isBelowFloor)
    if (old.length === 0) return false
    const keys = new Set(old.map(partitionKey))
    const again = checkedOf(this.prepared).filter(checked => keys.has(partitionKey(checked)))
    this.#runs = await placeAll(call, again, true)
    return true
  }

  /** @throws TidemarkError where all of it was refused */
  results(): PartitionResult[] {
    if (this.#refusal) throw toError(this.#refusal)
    return this.prepared.map(each => {
      if ('result' in each) return each.result
      const { topic, partition, run } = each
      const refusal = this.#refusals.get(partitionKey(each))
      return {
        topic,
        partition,
        error: refusal ? toFailure(toError(refusal)) : null,
        ...(run.isStamped && !refusal && { logAppendTimeMs: run.maxTimestampMs }),
      }
    })
  }
}

/** Applies jobs one after the other; a refusal only where nothing of any is taken, or was. */
export function applyJobs(
  jobs: readonly StageJob[],
  standing: Transaction,
  tried: number | undefined,
  nowMs: number,
): Changed {
  const staged = jobs.reduce((transaction, job) => job.apply(transaction, tried, nowMs), standing)
  if (staged !== standing) return staged
  const refusals = jobs.flatMap(({ refusal }) => refusal ?? [])
  // What waits for something else to be finished goes before what is refused for good.
  const waits = refusals.find(({ kafkaName }) => kafkaName === 'CONCURRENT_TRANSACTIONS')
  // Of the others some may be repetitions: they are told so, whatever is wrong with those beside them.
  return waits ?? (refusals.length === jobs.length ? refusals[0] : undefined) ?? standing
}

/** Brings anew what the change refused for its ingest epoch; tells whether another try is worth it. */
export async function bringJobsAnew(
  call: TransactionCall,
  jobs: readonly StageJob[],
  tries: number,
): Promise<boolean> {
  if (tries >= EPOCH_TRIES_MAX) return false
  const brought = await Promise.all(jobs.map(job => job.bringAnew(call)))
  return brought.includes(true)
}

/** The first partition's error as one of the whole call. */
export function throwFirst(results: readonly { readonly error: PartitionResult['error'] }[]): void {
  const failed = results.find(({ error }) => error)
  if (!failed?.error) return
  const { kafkaName, message, retriable } = failed.error
  throw new TidemarkError(kafkaName as TidemarkError['kafkaName'], message, 'no', { retriable })
}

function checkedOf(prepared: readonly Prepared[]): CheckedBatches[] {
  return prepared.filter(each => !('result' in each)) as CheckedBatches[]
}

function isStagedRefusal(staged: ReturnType<typeof stage>): staged is Refusal {
  return 'kafkaName' in staged
}
