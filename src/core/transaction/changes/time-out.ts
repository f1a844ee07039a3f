import { TRANSACTION_TIMEOUT_MS_MAX } from '../../limits.ts'
import { deadlineMs, type Transaction } from '../transaction.ts'
import { nextEpoch } from './init-producer.ts'

/**
 * Aborts a transaction that is open past its deadline, and fences its producer; the very same where it is not. One that was begun
 * further in the future than any may last comes from a broken clock, and must not stay open until then.
 */
export function timedOut(standing: Transaction, newProducerId: bigint, nowMs: number): Transaction {
  const isDue = deadlineMs(standing) <= nowMs || standing.startedMs - nowMs > TRANSACTION_TIMEOUT_MS_MAX
  return isDue ? abortedByForce(standing, newProducerId, nowMs) : standing
}

/** The same for one that is open, whatever its deadline: a person has decided. */
export function abortedByForce(standing: Transaction, newProducerId: bigint, nowMs: number): Transaction {
  if (standing.state !== 'open') return standing
  return {
    ...standing,
    ...nextEpoch(standing, newProducerId),
    bumpedFrom: null,
    state: 'aborting',
    updatedMs: nowMs,
    sequences: new Map(),
  }
}
