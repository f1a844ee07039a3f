import { TRANSACTIONAL_ID_EXPIRATION_MS } from '../../core/limits.ts'
import { oldestEpoch, withFloor } from '../../core/transaction/changes/raise-floor.ts'
import { timedOut } from '../../core/transaction/changes/time-out.ts'
import { deadlineMs, type Transaction } from '../../core/transaction/transaction.ts'
import type { MakeRoom } from './append-decided.ts'
import { isDecided } from './change-next.ts'
import { drawProducerId } from './producer-id.ts'
import { Room } from './room.ts'
import { finishAlone } from './settle-pending.ts'
import type { TransactionCall } from './transaction-call.ts'

/** What somebody who looks after all transactions does beside finishing them. */
export interface LookAfter {
  readonly makeRoom: MakeRoom
  /** What every item's floor is raised to. */
  readonly floor?: number | undefined
  /** Whether ids that nobody has used for a week are forgotten. */
  readonly forgets: boolean
}

/** What a look has left. */
export interface LookedAfter {
  /** Those that are open, and when they may be aborted, in milliseconds since the epoch. */
  readonly open: readonly { readonly transactionalId: string; readonly deadlineMs: number }[]
  /** Whether nothing is staged in objects of an ingest epoch below the floor; true where none was given. */
  readonly isDrained: boolean
  /** What could not be done, for whoever reports it, or tries again. */
  readonly failures: readonly { readonly transactionalId: string; readonly error: unknown }[]
}

/**
 * Looks at every transactional id: what was decided is finished, what is overdue aborted. Any number may do so. One that fails keeps no
 * other from being looked at.
 * @throws TidemarkError REQUEST_TIMED_OUT where they cannot even be listed
 */
export async function lookAfterAll(call: TransactionCall, wanted: LookAfter): Promise<LookedAfter> {
  const ids = await call.readAll(() => call.ports.transactions.registered())
  const failures: LookedAfter['failures'][number][] = []
  const looked = await call.forEach(ids, async id => {
    try {
      return await lookAfterOne(call, id, wanted)
    } catch (error) {
      failures.push({ transactionalId: id, error })
      return { hasOlder: true }
    }
  })
  return {
    open: looked.flatMap(({ open }) => open ?? []),
    isDrained: wanted.floor === undefined || looked.every(({ hasOlder }) => !hasOlder),
    failures,
  }
}

interface Looked {
  readonly open?: LookedAfter['open'][number]
  readonly hasOlder: boolean
}

/** Looks at one. */
export async function lookAfterOne(
  call: TransactionCall,
  transactionalId: string,
  { makeRoom, floor = 0, forgets }: LookAfter,
): Promise<Looked> {
  const { transactions } = call.ports
  const room = new Room(transactionalId)
  let standing = await room.read(call)
  if (standing?.state === 'open') standing = await abortIfOverdue(call, room)
  if (standing && isDecided(standing)) {
    await finishAlone(call, standing, makeRoom)
    standing = await room.read(call)
  }
  if (standing && standing.floor < floor) {
    const raise = (found: Transaction | undefined) => (found ? withFloor(found, floor) : found)
    standing = await changeIfThere(call, room, raise)
  }
  if (!standing || (forgets && isForgotten(standing, call.nowMs()))) {
    if (forgets) await call.write(() => transactions.remove(transactionalId, standing))
    return { hasOlder: false }
  }
  const oldest = oldestEpoch(standing)
  return {
    hasOlder: oldest !== undefined && oldest < floor,
    ...(standing.state === 'open' && { open: { transactionalId, deadlineMs: deadlineMs(standing) } }),
  }
}

function abortIfOverdue(call: TransactionCall, room: Room): Promise<Transaction | undefined> {
  const newProducerId = drawProducerId(call.ports.entropy)
  return changeIfThere(call, room, found =>
    found?.state === 'open' ? timedOut(found, newProducerId, call.nowMs()) : found,
  )
}

/** As Room.change, of one that may be forgotten meanwhile. */
async function changeIfThere(
  call: TransactionCall,
  room: Room,
  change: (found: Transaction | undefined) => Transaction | undefined,
): Promise<Transaction | undefined> {
  for (;;) {
    const found = await room.read(call)
    const changed = change(found)
    if (!found || !changed || changed === found) return found
    const next = { ...changed, version: call.ports.entropy.id() }
    const put = await call.write(() => call.ports.transactions.put(next, found.version))
    if (put.held) return put.transaction
  }
}

/** By clocks that may step: it is tried sooner or later, and whoever comes back asks for a producer id anew. */
function isForgotten({ state, updatedMs }: Transaction, nowMs: number): boolean {
  const isOver = state === 'empty' || state === 'committed' || state === 'aborted'
  return isOver && nowMs - updatedMs > TRANSACTIONAL_ID_EXPIRATION_MS
}
