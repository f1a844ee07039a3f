import type { CommittedPartition } from '../../contract/groups.ts'
import type { EndedTransaction, EndTransaction } from '../../contract/transactions.ts'
import { addOffsets } from '../../core/transaction/changes/add-offsets.ts'
import { end } from '../../core/transaction/changes/end.ts'
import type { Caller } from '../../core/transaction/fence.ts'
import {
  type Changed,
  isRefusal,
  type Transaction,
  transactionIdOf,
} from '../../core/transaction/transaction.ts'
import { CommitAtOnce } from '../finishing/at-once.ts'
import { changeNext, isDecided, readFinished } from '../finishing/change-next.ts'
import { type Finishing, finish, noteFinished } from '../finishing/finish.ts'
import type { Change, ChangeOptions, Room } from '../finishing/room.ts'
import { isUndecided } from '../finishing/settle-pending.ts'
import { type TransactionCall, toError } from '../finishing/transaction-call.ts'
import type { LeaseWatch } from '../groups/lease-watch.ts'
import { type OffsetsToPend, pendAll, prepareOffsets } from './pending-offsets.ts'
import { applyJobs, bringJobsAnew, type StageJob, throwFirst } from './stage-group.ts'
import { callerOf, hasEnded, overtaken, unknownId } from './transaction-names.ts'

/** What ending takes. */
export interface Ending {
  readonly finishing: Finishing
  readonly leases: LeaseWatch
  /** Whether the process sleeps between calls, so that nothing may be left to be done behind an answer. */
  readonly sleeps: boolean
}

/**
 * Decides a transaction, with what it gets at the very end, and does what was decided.
 * @param job batches that become part of it
 * @param answer told as soon as all of it can be read
 */
export async function endTransaction(
  call: TransactionCall,
  ending: Ending,
  room: Room,
  request: EndTransaction,
  job: StageJob | undefined,
  answer: (ended: EndedTransaction) => void,
): Promise<EndedTransaction> {
  throwFirst(job?.failed() ?? [])
  const pending = await pendBefore(call, ending, room, request)
  const atOnce = new CommitAtOnce(call, ending.finishing)
  const decided = await decide(call, ending.finishing, room, request, job, pending, atOnce)
  const { number } = decided
  if (!isDecided(decided)) return { number, partitions: atOnce.endedOf(decided) }
  const ended = { number, partitions: await finish(call, ending.finishing, room, decided) }
  if (!ending.sleeps) answer(ended)
  // Where it fails, the next call finds out that all is done.
  await noteFinished(call, room, decided).catch(() => room.forget())
  return ended
}

/** Decides by one write, unless something of what is to be staged is refused: then all stays as it is. */
async function decide(
  call: TransactionCall,
  finishing: Finishing,
  room: Room,
  request: EndTransaction,
  job: StageJob | undefined,
  pending: PendingBefore | undefined,
  atOnce: CommitAtOnce,
): Promise<Transaction> {
  const change: Change = (standing, tried) => {
    if (!standing) return unknownId(request)
    const caller = callerOf(request, tried)
    const { commit } = request
    job?.clear()
    if (hasEnded(standing, request)) return end(standing, caller, commit, call.nowMs())
    const staged = job ? applyJobs([job], standing, tried, call.nowMs()) : standing
    if (isRefusal(staged)) return staged
    if (job?.hasRefused) return standing
    const withPending = pending ? pending.add(staged, caller) : staged
    if (isRefusal(withPending)) return withPending
    return end(withPending, caller, commit, call.nowMs())
  }
  const put: ChangeOptions['put'] = (next, expected) => atOnce.put(next, expected)
  const options = { put, ...(pending && { onOvertaken: pending.again }) }
  for (let tries = 0; ; tries += 1) {
    const { transaction } = await changeNext(call, finishing, room, change, options)
    if (!job?.hasRefused) return transaction
    if (!(await bringJobsAnew(call, [job], tries))) throwFirst(job.results())
  }
}

/** Offsets that pend before the write that decides names them. */
interface PendingBefore {
  /** Sets them again. */
  again(): Promise<void>
  /** The transaction that names them; it must be the one for which they pend. */
  add(staged: Transaction, caller: Caller): Changed
}

/**
 * Has offsets pend for a transaction that may not have begun yet: it spares a write. Whoever has changed the item since it was seen may
 * have removed them (settle-pending.ts), and so they are set again then. Undefined: there are none, or it is decided already.
 */
async function pendBefore(
  call: TransactionCall,
  { finishing, leases }: Ending,
  room: Room,
  request: EndTransaction,
): Promise<PendingBefore | undefined> {
  const { commit, offsets = [] } = request
  if (!commit || offsets.length === 0) return undefined
  const groups = await Promise.all(offsets.map(each => prepareOffsets(call, leases, each)))
  throwFirst(groups.flatMap(({ refused }) => refused))
  const places = groups.flatMap(group => group.places.map(({ place }) => place))
  for (let isFresh = room.known === undefined; ; isFresh = true) {
    const standing = await readFinished(call, finishing, room)
    if (hasEnded(standing, request)) return undefined
    const caller = callerOf(request, undefined)
    const begun = standing ? addOffsets(standing, caller, places, call.nowMs()) : unknownId(request)
    if (isRefusal(begun)) {
      if (isFresh) throw toError(begun)
      await room.read(call)
      continue
    }
    const transactionId = transactionIdOf(begun)
    const set = async () => {
      const pended = await Promise.all(groups.map(group => pend(call, finishing, group, begun)))
      throwFirst(pended.flat())
    }
    await set()
    // Once it is decided, another call of the same has done so: what pends is that one's.
    const again = async () => {
      if (isUndecided(room.known, transactionId)) await set()
    }
    const add = (staged: Transaction, named: Caller) => {
      const added = addOffsets(staged, named, places, call.nowMs())
      return isRefusal(added) || transactionIdOf(added) === transactionId ? added : overtaken(request)
    }
    return { again, add }
  }
}

/** Has a group's offsets pend for a transaction. */
export async function pend(
  call: TransactionCall,
  { claims }: Finishing,
  offsets: OffsetsToPend,
  transaction: Transaction,
): Promise<CommittedPartition[]> {
  const { transactionalId } = transaction
  const name = { transactionalId, transactionId: transactionIdOf(transaction) }
  return [...offsets.refused, ...(await pendAll(offsets, name, call, claims))]
}
