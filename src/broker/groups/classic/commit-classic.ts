import type { CommitClassic } from '../../../contract/classic-groups.ts'
import type { CommittedPartition } from '../../../contract/groups.ts'
import { TidemarkError } from '../../../core/errors.ts'
import { nextCommit } from '../../../core/group/claim.ts'
import { checkCommit, unknownClassicMember } from '../../../core/group/classic/checks.ts'
import type { Claim } from '../../../core/group/group.ts'
import { checkGroupId } from '../../../core/group/identity.ts'
import { checkMetadata } from '../../../core/group/offset-metadata.ts'
import { toOffset } from '../../../core/numbers.ts'
import type { PartitionId } from '../../../core/topic/partition-id.ts'
import { OutcomeUnknown } from '../../../ports/outcome.ts'
import { changeOwner } from '../claims.ts'
import { errorOf } from '../commit-offsets.ts'
import { type GroupCall, readGroup, unknownGroup } from '../group-call.ts'
import { refuseActiveTriggers } from '../group-triggers.ts'
import { otherKind } from '../other-kind.ts'
import { isClassic } from './change-kind.ts'
import type { ClassicRoom } from './classic-room.ts'
import { look } from './look-at-classic.ts'

type ToCommit = CommitClassic['offsets'][number]

/**
 * Commits offsets, each partition by itself. The group is looked at after what is committed was read, and the write is on the
 * condition that this is still so: whatever comes late, of a generation that has gone, takes nothing newer back.
 */
export async function commitClassic(
  room: ClassicRoom,
  request: CommitClassic,
): Promise<CommittedPartition[]> {
  const { groupId, offsets } = request
  checkGroupId(groupId)
  const call = room.call(groupId)
  // Before anything else, so that a member that is none is told so whatever it commits.
  await checkCommitter(room, call, request)
  return await call.forEach(offsets, async offset => {
    const { topic, partition } = offset
    return { topic, partition, error: await errorOf(commitOne(room, call, request, offset)) }
  })
}

/** Whether the committer may. @throws as commitClassic */
async function checkCommitter(room: ClassicRoom, call: GroupCall, request: CommitClassic): Promise<void> {
  const isNobody = request.generation < 0 && request.memberId === ''
  const found = await readGroup(call)
  // Where all members are silent, no heartbeat comes that takes them out.
  const hasMembers = isClassic(found) && found.classic.phase !== 'empty'
  const group = isNobody && hasMembers ? await look(room, call) : found
  if (isClassic(group)) {
    checkCommit(group.classic, request)
    return
  }
  if (!isNobody) {
    if (!group) throw unknownGroup(call.groupId)
    throw group.epoch > 0 ? otherKind(call.groupId) : unknownClassicMember(request.memberId)
  }
  // Offsets of consumers that are in no group's protocol make a group all the same.
  if (!group) await call.write(() => call.groups.createGroup(call.groupId, 'cooperative-sticky'))
}

async function commitOne(
  room: ClassicRoom,
  call: GroupCall,
  request: CommitClassic,
  wanted: ToCommit,
): Promise<void> {
  const { topic, topicId, partition, metadata = '', leaderEpoch = -1 } = wanted
  checkMetadata(metadata)
  const id = await call.read(() => call.directory.resolvePartition(topic, partition, topicId))
  let unsureMs: number | undefined
  await call.write(async () => {
    for (;;) {
      const claim = await readUnowned(call, id)
      const seenMs = claim?.committed?.committedMs ?? null
      // A try of unknown outcome has done it, and maybe somebody has committed on top of it since.
      if (unsureMs !== undefined && seenMs !== null && seenMs >= unsureMs) return
      await checkCommitter(room, call, request)
      if (wanted.offset < 0) {
        // As in Kafka it is taken for none.
        if (!claim || (await call.groups.removeClaim(call.groupId, claim))) return
        continue
      }
      const asked = { offset: toOffset(wanted.offset), leaderEpoch, metadata }
      const committed = nextCommit(claim?.committed, asked, call.nowMs())
      try {
        if ((await call.groups.commit(call.groupId, id, committed, 'unowned', seenMs)).held) return
      } catch (error) {
        if (error instanceof OutcomeUnknown) unsureMs = committed.committedMs
        throw error
      }
    }
  })
}

/**
 * The claim, once nobody owns it: who does was a member of the other kind, and has woken up late. What a trigger delivers
 * is its own.
 */
async function readUnowned(call: GroupCall, id: PartitionId): Promise<Claim | undefined> {
  for (;;) {
    const claim = await call.groups.readClaim(call.groupId, id)
    if (!claim || claim.owner === null) return claim
    const owner = await call.groups.readMember(call.groupId, claim.owner)
    if (owner && !isClassic(await readGroup(call)) && !call.canTakeOver(claim, owner, -1)) {
      throw new TidemarkError(
        'UNKNOWN_MEMBER_ID',
        `The member ${JSON.stringify(claim.owner)} owns this partition: only it can commit. Stop it first.`,
      )
    }
    if (!owner) await refuseActiveTriggers(call, claim.owner)
    await changeOwner(call, id, null, claim)
  }
}
