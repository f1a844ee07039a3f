import { type Caller, fence, wrongState } from '../fence.ts'
import type { Changed, Transaction } from '../transaction.ts'
import { finished } from './finish.ts'

/**
 * Decides the open transaction: this is the moment at which it counts, or does not. Where nothing is left to be done, it is over in
 * the same step. The same decision again changes nothing.
 */
export function end(standing: Transaction, caller: Caller, commit: boolean, nowMs: number): Changed {
  const refused = fence(standing, caller)
  if (refused) return refused
  const { state, number, transactionalId } = standing
  if (caller.number !== undefined && caller.number !== number) {
    return {
      kafkaName: 'INVALID_TXN_STATE',
      message: `Transaction number ${caller.number} of "${transactionalId}" cannot end: the last one is number ${number}.`,
    }
  }
  if (state === (commit ? 'committing' : 'aborting') || state === (commit ? 'committed' : 'aborted'))
    return standing
  // The other decision was made, and stays.
  if (state === 'committing' || state === 'aborting')
    return { ...wrongState(standing, ''), kafkaName: 'INVALID_TXN_STATE' }
  if (state !== 'open') return wrongState(standing, commit ? 'commit' : 'abort')
  const decided: Transaction = { ...standing, state: commit ? 'committing' : 'aborting', updatedMs: nowMs }
  return isDone(decided) ? finished(decided, nowMs) : decided
}

/** Whether a decided transaction has nothing to append and nothing to resolve, and leaves no chunks. */
export function isDone({ state, partitions, chunks, offsets }: Transaction): boolean {
  if (offsets.length > 0 || chunks.length > 0) return false
  return state === 'aborting' || partitions.every(({ runs }) => runs.length === 0)
}
