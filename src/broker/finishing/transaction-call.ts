import type { TransactionFailure } from '../../contract/transactions.ts'
import { TidemarkError, type Written } from '../../core/errors.ts'
import { PRODUCE_DEADLINE_MS } from '../../core/limits.ts'
import type { Refusal } from '../../core/transaction/transaction.ts'
import type { Ports } from '../../ports/index.ts'
import { fewAtATime } from '../store-calls/few-at-a-time.ts'
import { readAll } from '../store-calls/read-all.ts'
import { retryUntil, WrittenByCall } from '../store-calls/retry.ts'
import type { TopicDirectory } from '../topics/topic-directory.ts'

const PARALLEL_MAX = 16

/** One call about a transaction: what it works with, and until when. */
export class TransactionCall {
  readonly ports: Ports
  readonly directory: TopicDirectory
  readonly deadlineMs: number
  readonly written = new WrittenByCall()

  constructor(ports: Ports, directory: TopicDirectory, deadlineMs?: number) {
    this.ports = ports
    this.directory = directory
    this.deadlineMs = deadlineMs ?? ports.clock.monotonicMs() + PRODUCE_DEADLINE_MS
  }

  nowMs(): number {
    return this.ports.clock.nowMs()
  }

  read<T>(step: () => Promise<T>): Promise<T> {
    return retryUntil(this.ports, this.deadlineMs, { written: this.written.written }, step)
  }

  /** @param step may be repeated, whatever became of it; it is told whether an earlier try may have done something */
  write<T>(step: (isUnsure: boolean) => Promise<T>): Promise<T> {
    return retryUntil(this.ports, this.deadlineMs, this.written, step)
  }

  /** All of a listing. */
  readAll<T>(list: () => AsyncIterable<T>): Promise<T[]> {
    return readAll(this.ports, this.deadlineMs, list)
  }

  /** Does something for each item, a few at a time; results in order. */
  forEach<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
    return fewAtATime(items, PARALLEL_MAX, work)
  }
}

/** A refusal as whoever called is told it. */
export function toError({ kafkaName, message }: Refusal, written: Written = 'no'): TidemarkError {
  return new TidemarkError(kafkaName, message, written)
}

export function toFailure(error: unknown): TransactionFailure {
  if (!(error instanceof TidemarkError)) throw error
  const { kafkaName, message, retriable } = error
  return { kafkaName, message, retriable }
}
