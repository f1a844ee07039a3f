import { deadlineMs, type Transaction } from '../transaction.ts'
import { nextEpoch } from './init-producer.ts'

/** Aborts a transaction that is open past its deadline, and fences its producer; the very same where it is not. */
export function timedOut(standing: Transaction, newProducerId: bigint, nowMs: number): Transaction {
  return deadlineMs(standing) <= nowMs ? abortedByForce(standing, newProducerId, nowMs) : standing
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
