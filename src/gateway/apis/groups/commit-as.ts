import type { CommitClassic } from '../../../contract/classic-groups.ts'
import type { CommitOffsets, CommittedPartition, MemberName } from '../../../contract/groups.ts'
import { TidemarkError } from '../../../core/errors.ts'
import { toOffset } from '../../../core/numbers.ts'
import type { Context } from '../context.ts'
import { knownMembers } from './known-members.ts'
import { keyOf, type MemberRecord } from './member-record.ts'

export interface ToCommit {
  readonly topic: string
  readonly topicId: string | undefined
  readonly partition: number
  readonly offset: number
  readonly metadata: string
  readonly leaderEpoch: number
}

/** Whose offsets they are to be. */
interface Committer {
  readonly groupId: string
  readonly memberId: string
  readonly groupInstanceId: string | null
  readonly generationIdOrMemberEpoch: number
}

/** How they are committed: of a classic group, and of one whose members own partitions each under a generation. */
interface Commits {
  classic(commit: CommitClassic): Promise<CommittedPartition[]>
  owned(commit: CommitOffsets): Promise<CommittedPartition[]>
}

/**
 * Commits in the name of whoever a request says that it comes from, of whichever kind its group is.
 * @param epochsFrom the API's first version in which members of KIP-848 commit
 */
export async function commitAs(
  request: Committer,
  offsets: readonly ToCommit[],
  { broker, version }: Context,
  epochsFrom: number,
  commit: Commits,
): Promise<CommittedPartition[]> {
  const { groupId, memberId, generationIdOrMemberEpoch: generation } = request
  const instanceId = request.groupInstanceId ?? undefined
  const name = { groupId, memberId, instanceId }
  const known = knownMembers(broker)
  const record = known.get(name)
  if (!record) {
    try {
      return await commit.classic({ ...name, generation, offsets })
    } catch (error) {
      const isOther = error instanceof TidemarkError && error.kafkaName === 'INCONSISTENT_GROUP_PROTOCOL'
      if (!isOther) throw error
    }
  }
  if (version < epochsFrom) {
    throw new TidemarkError(
      'UNSUPPORTED_VERSION',
      `Members of this group commit by version ${epochsFrom} and above.`,
    )
  }
  const found = await known.find(broker, name, generation)
  if (!found)
    throw new TidemarkError('UNKNOWN_MEMBER_ID', `The group has no member ${JSON.stringify(memberId)}.`)
  const committed = await commitOwned(found, name, generation, offsets, commit)
  const refused = new Set(committed.filter(isStale).map(placeOf))
  if (found !== known.get(name) || refused.size === 0) return committed
  // What another gateway has given it in this epoch is not known here.
  const now = await known.ask(broker, name)
  if (now?.memberEpoch !== generation) return committed
  const again = offsets.filter(offset => refused.has(placeOf(offset)))
  return [
    ...committed.filter(each => !isStale(each)),
    ...(await commitOwned(now, name, generation, again, commit)),
  ]
}

function isStale({ error }: CommittedPartition): boolean {
  return error?.kafkaName === NOT_OWNED.kafkaName
}

export function placeOf({ topic, partition }: { topic: string; partition: number }): string {
  return `${topic}/${partition}`
}

/** Each under the generation under which its member owns it: the epoch says nothing of single partitions. */
async function commitOwned(
  record: MemberRecord,
  name: MemberName,
  memberEpoch: number,
  offsets: readonly ToCommit[],
  commit: Commits,
): Promise<CommittedPartition[]> {
  if (memberEpoch !== record.memberEpoch && memberEpoch !== record.previousEpoch) {
    throw new TidemarkError(
      'STALE_MEMBER_EPOCH',
      `The member's epoch is ${record.memberEpoch}, not ${memberEpoch}. Ask again with that one.`,
    )
  }
  const topicIds = new Map(record.owned.map(({ topic, topicId }) => [topic, topicId]))
  const generations = new Map(record.owned.map(owned => [keyOf(owned), owned.generation]))
  const generationOf = ({ topic, topicId = topicIds.get(topic) ?? '', partition }: ToCommit) =>
    generations.get(keyOf({ topicId, partition }))
  const own = offsets.filter(offset => generationOf(offset) !== undefined && offset.offset >= 0)
  const { groupId, memberId, instanceId } = name
  const committed = await commit.owned({
    groupId,
    memberId,
    ...(instanceId !== undefined && { instanceId }),
    offsets: own.map(offset => ({
      ...offset,
      offset: toOffset(offset.offset),
      generation: generationOf(offset)!,
      // Requests of one connection come in their order: the last one counts.
      rewinds: true,
    })),
  })
  const others = offsets.filter(offset => !own.includes(offset))
  return [
    ...committed.map(({ error, ...place }) => ({ ...place, error: error && asStale(error) })),
    ...others.map(({ topic, partition }) => ({ topic, partition, error: NOT_OWNED })),
  ]
}

const NOT_OWNED: NonNullable<CommittedPartition['error']> = {
  kafkaName: 'STALE_MEMBER_EPOCH',
  message: 'The member does not own this partition.',
  retriable: false,
}

/** A claim that another has by now is no reason to join anew. */
function asStale(error: NonNullable<CommittedPartition['error']>) {
  return error.kafkaName === 'FENCED_MEMBER_EPOCH' ? { ...error, kafkaName: 'STALE_MEMBER_EPOCH' } : error
}
