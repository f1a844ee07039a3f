import type { PendingOffset } from '../../core/group/group.ts'
import { placeKey } from '../../core/transaction/changes/add-offsets.ts'
import { timedOut } from '../../core/transaction/changes/time-out.ts'
import { type PendingPlace, type Transaction, transactionIdOf } from '../../core/transaction/transaction.ts'
import { DecidedAppends, type MakeRoom } from './append-decided.ts'
import { finish, noteFinished } from './finish.ts'
import { KnownClaims } from './known-claims.ts'
import { drawProducerId } from './producer-id.ts'
import { Room } from './room.ts'
import type { TransactionCall } from './transaction-call.ts'

/**
 * Finds out what becomes of an offset that is pending in a claim, for whoever needs to know what is committed there: what was decided is
 * finished, what is overdue aborted, and what came too late to be a part of anything is removed.
 *
 * An offset may become pending before the item of its transaction names it, and before that has begun. Whoever removes such a one puts
 * the item anew first: so whoever was about to have it count is refused, and has it pend again, under another version. To a transaction
 * that is decided nothing is added any more, so what it does not name by then never counts.
 * @returns `open`: its transaction is, and nobody knows yet
 */
export async function settlePending(
  call: TransactionCall,
  place: PendingPlace,
  pending: PendingOffset,
  makeRoom: MakeRoom,
): Promise<'settled' | 'open'> {
  const { transactions } = call.ports
  const { transactionId, transactionalId } = pending
  for (;;) {
    const standing = await call.read(() => transactions.read(transactionalId))
    if (standing && transactionIdOf(standing) === transactionId) {
      const { state, offsets } = standing
      if (state === 'open') {
        if (!(await abortOverdue(call, standing))) return 'open'
        continue
      }
      const isNamed = offsets.some(each => placeKey(each) === placeKey(place))
      if (isNamed) {
        await finishAlone(call, standing, makeRoom)
        return 'settled'
      }
    } else if (standing && idOfNext(standing) === transactionId) {
      const touched = { ...standing, version: call.ports.entropy.id() }
      const { held } = await call.write(() => transactions.put(touched, standing.version))
      if (!held) continue
    }
    const { groupId, topicId, partition } = place
    await call.write(() =>
      call.ports.groups.resolvePending(groupId, { topicId, partition }, pending.version, null),
    )
    return 'settled'
  }
}

/** Whether it changed: by this call, or another. */
async function abortOverdue(call: TransactionCall, standing: Transaction): Promise<boolean> {
  const { entropy, transactions } = call.ports
  const aborted = timedOut(standing, drawProducerId(entropy), call.nowMs())
  if (aborted === standing) return false
  const version = entropy.id()
  await call.write(() => transactions.put({ ...aborted, version }, standing.version))
  return true
}

/** By somebody who has nothing else to do with it. */
export async function finishAlone(
  call: TransactionCall,
  decided: Transaction,
  makeRoom: MakeRoom,
): Promise<void> {
  const room = new Room(decided.transactionalId)
  const appends = new DecidedAppends(call.ports, makeRoom)
  await finish(call, { appends, onAppend: () => undefined, claims: new KnownClaims() }, room, decided)
  await noteFinished(call, room, decided)
}

/** Whether nothing of this transaction is decided yet: it is open, or its producer may be about to begin it. */
export function isUndecided(standing: Transaction | undefined, transactionId: string): boolean {
  if (!standing) return false
  if (transactionIdOf(standing) === transactionId) return standing.state === 'open'
  return standing.state !== 'open' && idOfNext(standing) === transactionId
}

/** The name of the transaction that its producer may be about to begin. */
function idOfNext({ producerId, epoch, number }: Transaction): string {
  return transactionIdOf({ begunBy: { producerId, epoch }, number: number + 1 })
}
