import { type Caller, wrongState } from '../fence.ts'
import { type Changed, isRefusal, type Transaction } from '../transaction.ts'

/** The transaction that is open, or the next one begun: the one that the caller means, where he says which. */
export function opened(standing: Transaction, caller: Caller, nowMs: number): Changed {
  const { state, number } = standing
  if (state === 'committing' || state === 'aborting') return wrongState(standing, 'begin another transaction')
  const open = state === 'open' ? standing : begun(standing, nowMs)
  if (caller.number === undefined || caller.number === open.number) return open
  return {
    kafkaName: 'INVALID_TXN_STATE',
    message: `Transaction number ${caller.number} of "${standing.transactionalId}" is over, or none yet: its last one is number ${number}.`,
  }
}

function begun(standing: Transaction, nowMs: number): Transaction {
  const { producerId, epoch } = standing
  return {
    ...standing,
    state: 'open',
    number: standing.number + 1,
    begunBy: { producerId, epoch },
    startedMs: nowMs,
    updatedMs: nowMs,
    partitions: [],
    chunks: [],
    offsets: [],
    done: [],
  }
}

/** Does something to the open transaction, or to one begun for it; the very same where nothing changes in one that was open. */
export function inOpen(
  standing: Transaction,
  caller: Caller,
  nowMs: number,
  change: (open: Transaction) => Changed,
): Changed {
  const open = opened(standing, caller, nowMs)
  if (isRefusal(open)) return open
  const changed = change(open)
  return isRefusal(changed) || changed === standing ? changed : { ...changed, updatedMs: nowMs }
}
