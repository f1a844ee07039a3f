import type { CommitOffsets, CommittedPartition, OffsetToCommit } from '../../contract/groups.ts'
import { TidemarkError } from '../../core/errors.ts'
import { type Committer, isOvertaken, nextCommit } from '../../core/group/claim.ts'
import type { Claim } from '../../core/group/group.ts'
import { checkGroupId, storedMemberId } from '../../core/group/identity.ts'
import { checkMetadata } from '../../core/group/offset-metadata.ts'
import { NO_EPOCH } from '../../core/group/session.ts'
import type { PartitionId } from '../../core/topic/partition-id.ts'
import { OutcomeUnknown } from '../../ports/outcome.ts'
import { changeOwner } from './claims.ts'
import type { GroupCall } from './group-call.ts'
import { shortenLeases } from './group-state.ts'
import { refuseActiveTriggers } from './group-triggers.ts'
import { isNoClassicGroup } from './other-kind.ts'

/** Commits offsets, each partition by itself: one that is refused keeps no other from being committed. */
export async function commitOffsets(call: GroupCall, request: CommitOffsets): Promise<CommittedPartition[]> {
  const { groupId, memberId, instanceId, offsets } = request
  checkGroupId(groupId)
  checkOffsets(offsets, memberId !== undefined)
  const owner = memberId === undefined ? undefined : storedMemberId(memberId, instanceId)
  if (owner === undefined && offsets.length > 0) await makeGroup(call)
  return await call.forEach(offsets, async offset => {
    const { topic, partition } = offset
    return { topic, partition, error: await errorOf(commitOne(call, offset, owner)) }
  })
}

/** Offsets of consumers that are in no group's protocol make a group all the same, as in Kafka. */
async function makeGroup(call: GroupCall): Promise<void> {
  const group = await call.read(() => call.groups.readGroup(call.groupId))
  if (group?.classic && group.classic.phase !== 'empty') await refuseClassicMembers(call)
  if (!group) await call.write(() => call.groups.createGroup(call.groupId, 'cooperative-sticky'))
}

/**
 * Takes silent members out, who would take it back when they wake up.
 * @throws UNKNOWN_MEMBER_ID where members of a classic group are there, which own no claims
 */
async function refuseClassicMembers(call: GroupCall): Promise<void> {
  if (await isNoClassicGroup(call)) return
  throw new TidemarkError(
    'UNKNOWN_MEMBER_ID',
    'The group has members: only they can commit. Stop them first.',
  )
}

/** @param isMember whether it is one whose claims say what it owns */
export function checkOffsets(offsets: readonly OffsetToCommit[], isMember: boolean): void {
  const seen = new Set<string>()
  for (const { topic, partition, offset, generation, sequence } of offsets) {
    const place = `${topic}/${partition}`
    if (seen.has(place))
      throw new TidemarkError('INVALID_REQUEST', `${place} is there twice: commit one offset.`)
    seen.add(place)
    if (!Number.isSafeInteger(offset) || offset < 0) {
      throw new TidemarkError(
        'INVALID_REQUEST',
        `${offset} is no offset that ${place} could be committed at.`,
      )
    }
    if (isMember && generation === undefined) {
      throw new TidemarkError(
        'INVALID_REQUEST',
        `A member commits under a generation: give one for ${place}.`,
      )
    }
    if (sequence !== undefined && (!isMember || !Number.isSafeInteger(sequence) || sequence < 1)) {
      throw new TidemarkError(
        'INVALID_REQUEST',
        `A member counts its commits of ${place} from 1 on; whoever is no member leaves sequence out.`,
      )
    }
  }
}

export async function errorOf(committed: Promise<void>): Promise<CommittedPartition['error']> {
  try {
    await committed
    return null
  } catch (error) {
    if (!(error instanceof TidemarkError)) throw error
    const { kafkaName, message, retriable } = error
    return { kafkaName, message, retriable }
  }
}

async function commitOne(call: GroupCall, offset: OffsetToCommit, owner: string | undefined): Promise<void> {
  const { topic, topicId, partition, metadata = '', leaderEpoch = -1, generation, sequence } = offset
  const { rewinds = owner === undefined } = offset
  checkMetadata(metadata)
  const id = await call.read(() => call.directory.resolvePartition(topic, partition, topicId))
  const by: Committer = owner === undefined ? 'unowned' : { owner, generation: generation! }
  let unsureMs: number | undefined
  await call.write(async () => {
    for (;;) {
      const claim = await readOwn(call, id, by)
      const seenMs = claim?.committed?.committedMs ?? null
      // Overtaken on its way, by a later commit of the same member; or an earlier try of this one has done it.
      if (isOvertaken(claim?.committed, { offset: offset.offset, generation, sequence, rewinds })) return
      // A try of unknown outcome has done it, and maybe somebody has committed on top of it since; or somebody else has
      // meanwhile. One that is counted would have been seen above: what is there is an earlier one of its owner.
      if (sequence === undefined && unsureMs !== undefined && seenMs !== null && seenMs >= unsureMs) return
      const counted = sequence !== undefined && { sequence, underGeneration: generation! }
      const wanted = { offset: offset.offset, leaderEpoch, metadata, ...counted }
      const committed = nextCommit(claim?.committed, wanted, call.nowMs())
      try {
        if ((await call.groups.commit(call.groupId, id, committed, by, seenMs)).held) return
      } catch (error) {
        if (error instanceof OutcomeUnknown) unsureMs = committed.committedMs
        throw error
      }
    }
  })
}

/** The claim, once it is one that these may commit to. @throws FENCED_MEMBER_EPOCH, UNKNOWN_MEMBER_ID */
export async function readOwn(call: GroupCall, id: PartitionId, by: Committer): Promise<Claim | undefined> {
  const claim = await call.groups.readClaim(call.groupId, id)
  if (by !== 'unowned') {
    if (claim?.owner === by.owner && claim.generation === by.generation) return claim
    throw new TidemarkError(
      'FENCED_MEMBER_EPOCH',
      'Another member owns this partition by now, or has owned it since: what comes from before is not committed.',
    )
  }
  if (claim === undefined || claim.owner === null) return claim
  const owner = await call.groups.readMember(call.groupId, claim.owner)
  if (!call.canTakeOver(claim, owner, NO_EPOCH)) {
    if (owner) await shortenLeases(call, [owner])
    throw new TidemarkError(
      'UNKNOWN_MEMBER_ID',
      `The member ${JSON.stringify(claim.owner)} owns this partition: only it can commit. Stop it first.`,
    )
  }
  if (!owner) await refuseActiveTriggers(call, claim.owner)
  await changeOwner(call, id, null, claim)
  return await readOwn(call, id, by)
}
