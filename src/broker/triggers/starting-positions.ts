import { TidemarkError } from '../../core/errors.ts'
import { nextCommit } from '../../core/group/claim.ts'
import type { Offset } from '../../core/numbers.ts'
import { type PartitionId, partitionsOf } from '../../core/topic/partition-id.ts'
import type { StartingPosition } from '../../core/trigger/trigger.ts'
import { changeOwner } from '../groups/claims.ts'
import { GroupCall } from '../groups/group-call.ts'
import { offsetFor } from '../reading/offset-for.ts'

/** Partitions that share one call's time. */
const PARTITIONS_PER_CALL = 128

/**
 * Commits a place for every partition in which the group has committed nothing: the end, or the first record of a time.
 * So a partition that comes later has none, and begins with its first record.
 * @throws UNKNOWN_TOPIC_OR_PARTITION, NON_EMPTY_GROUP
 */
export async function commitStarts(
  { ports, directory, groupId }: GroupCall,
  topic: string,
  position: Exclude<StartingPosition, 'earliest'>,
): Promise<void> {
  const found = await new GroupCall(ports, directory, groupId).read(() => directory.refresh(topic))
  const ids = partitionsOf(found)
  for (let first = 0; first < ids.length; first += PARTITIONS_PER_CALL) {
    const call = new GroupCall(ports, directory, groupId)
    await call.forEach(ids.slice(first, first + PARTITIONS_PER_CALL), async id => {
      const claim = await call.read(() => call.groups.readClaim(groupId, id))
      if (claim?.committed) return
      await commitFirst(call, id, await findStart(call, topic, id.partition, position))
    })
  }
}

async function findStart(
  call: GroupCall,
  topic: string,
  partition: number,
  at: Exclude<StartingPosition, 'earliest'>,
): Promise<Offset> {
  const find = (place: 'latest' | { readonly timestampMs: number }) =>
    call.read(() => offsetFor(call.ports, call.directory, { topic, partition, at: place }))
  // Where there is no record of that time yet, the next one will be.
  const { offset } = await find(at)
  return offset ?? (await find('latest')).offset!
}

/** Commits an offset unless there is one. Whoever owns the partition is gone, or belongs to a trigger. */
async function commitFirst(call: GroupCall, id: PartitionId, offset: Offset): Promise<void> {
  const { groups, groupId } = call
  await call.write(async () => {
    for (;;) {
      const claim = await groups.readClaim(groupId, id)
      // Also where a try of unknown outcome has done it.
      if (claim?.committed) return
      if (claim && claim.owner !== null) {
        if (await groups.readMember(groupId, claim.owner)) throw ownedByMember(claim.owner)
        await changeOwner(call, id, null, claim)
        continue
      }
      const committed = nextCommit(null, { offset }, call.nowMs())
      if ((await groups.commit(groupId, id, committed, 'unowned', null)).held) return
    }
  })
}

function ownedByMember(owner: string): TidemarkError {
  return new TidemarkError(
    'NON_EMPTY_GROUP',
    `The member ${JSON.stringify(owner)} owns a partition of the topic: stop it first, and try again when it is gone.`,
  )
}
