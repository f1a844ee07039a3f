import type { Claim } from '../../core/group/group.ts'
import { workBeside } from '../../core/turns.ts'
import type { GroupCall } from './group-call.ts'

/**
 * The claim, once nothing is pending in it that can be settled now. Most groups never have anything pending, so what settles it is
 * loaded where something is.
 */
export async function settledClaim(call: GroupCall, claim: Claim): Promise<Claim> {
  if (!claim.pending) return claim
  const [{ settlePending }, { TransactionCall }, { makeRoom }] = await workBeside(
    Promise.all([
      import('../finishing/settle-pending.ts'),
      import('../finishing/transaction-call.ts'),
      import('../settling/make-room.ts'),
    ]),
  )
  const { groupId, directory, ports } = call
  const { topicId, partition, pending } = claim
  const settled = await settlePending(
    new TransactionCall(ports, directory),
    { groupId, topicId, partition },
    pending,
    makeRoom,
  )
  if (settled === 'open') return claim
  const now = await call.read(() => call.groups.readClaim(groupId, { topicId, partition }))
  // Where there was nothing else to it, it is gone.
  const { pending: _, ...nothing } = { ...claim, committed: null }
  return now ?? nothing
}
