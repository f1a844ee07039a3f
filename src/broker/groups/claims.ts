import { nextGeneration } from '../../core/group/claim.ts'
import type { Claim } from '../../core/group/group.ts'
import { type PartitionId, partitionKey, partitionsByKey } from '../../core/topic/partition-id.ts'
import type { GroupCall } from './group-call.ts'

/** Above this many, one query for all claims of the group is cheaper than a read for each. */
const CLAIMS_ASKED_FOR_MAX = 64

/** The claims of these partitions; those that nobody ever owned are left out. */
export async function readClaims(call: GroupCall, partitions: readonly PartitionId[]): Promise<Claim[]> {
  const distinct = partitionsByKey(partitions)
  if (distinct.size > CLAIMS_ASKED_FOR_MAX) {
    const all = await call.readAll(() => call.groups.claims(call.groupId))
    return all.filter(claim => distinct.has(partitionKey(claim)))
  }
  const claims = await call.forEach([...distinct.values()], partition =>
    call.read(() => call.groups.readClaim(call.groupId, partition)),
  )
  return claims.filter(claim => claim !== undefined)
}

/**
 * Makes `owner` the owner on the condition that the claim is still the one that is expected; null gives the partition
 * back. Undefined: it is not.
 */
export async function changeOwner(
  call: GroupCall,
  { topicId, partition }: PartitionId,
  owner: string | null,
  expected: Claim | undefined,
): Promise<Claim | undefined> {
  // Only where no owner is known, of an earlier group of this name either: that there was none says the store. What older
  // versions have deleted is unknown to it, and this is ahead of that.
  const firstGeneration = Math.max(1, call.nowMs())
  const generation = nextGeneration(expected, firstGeneration)
  return await call.write(async isUnsure => {
    const { held, claim } = await call.groups.setOwner(
      call.groupId,
      { topicId, partition },
      owner,
      expected && { owner: expected.owner, generation: expected.generation },
      firstGeneration,
    )
    // An earlier try of unknown outcome has done it.
    const isMine = isUnsure && claim?.owner === owner && claim.generation === generation
    return held || isMine ? claim : undefined
  })
}
