import type { Claim } from '../../core/group/group.ts'
import { workBeside } from '../../core/turns.ts'
import type { GroupCall } from './group-call.ts'

/**
 * The claim, once nothing is pending in it that can be settled now. Most groups never have anything pending, so what settles it is
 * loaded where something is. Undefined: it was removed.
 */
export async function settledClaim(call: GroupCall, claim: Claim): Promise<Claim | undefined> {
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
  return await call.read(() => call.groups.readClaim(groupId, { topicId, partition }))
}
