import type { CommittedPartition, MemberName } from '../../../contract/groups.ts'
import { TidemarkError } from '../../../core/errors.ts'
import { toOffset } from '../../../core/numbers.ts'
import type { RequestOf } from '../../wire/api.ts'
import { OffsetCommit } from '../../wire/messages/offset-commit.ts'
import type { Context } from '../context.ts'
import { codeOf } from '../error-code.ts'
import { handler } from '../handler.ts'
import { codeOfName, toGroupError } from './codes.ts'
import { knownMembers } from './known-members.ts'
import { keyOf, type MemberRecord } from './member-record.ts'

type Request = RequestOf<typeof OffsetCommit>
type Topic = Request['topics'][number]

/** From here on members of KIP-848 commit. */
const MEMBER_EPOCHS = 9
/** From here on topics are named by their ids. */
const BY_ID = 10

interface ToCommit {
  readonly topic: string
  readonly topicId: string | undefined
  readonly partition: number
  readonly offset: number
  readonly metadata: string
  readonly leaderEpoch: number
}

export const offsetCommit = handler(OffsetCommit, [2, 10], async (request, context) => {
  const named = await Promise.all(request.topics.map(topic => nameOf(topic, context)))
  const offsets = named.flatMap(({ topic, name }) =>
    name === undefined ? [] : toCommit(topic, name, context),
  )
  const codeOfPartition = await commit(request, offsets, context)
  return {
    topics: named.map(({ topic, name }) => ({
      name: topic.name,
      topicId: topic.topicId,
      partitions: topic.partitions.map(({ partitionIndex }) => ({
        partitionIndex,
        errorCode:
          name === undefined ? codeOf('UNKNOWN_TOPIC_ID') : codeOfPartition(`${name}/${partitionIndex}`),
      })),
    })),
  }
})

async function nameOf(topic: Topic, { version, topics }: Context) {
  return { topic, name: version < BY_ID ? topic.name : (await topics.byId(topic.topicId))?.topic }
}

function toCommit({ topicId, partitions }: Topic, topic: string, { version }: Context): ToCommit[] {
  return partitions.map(each => ({
    topic,
    topicId: version < BY_ID ? undefined : topicId,
    partition: each.partitionIndex,
    offset: each.committedOffset,
    metadata: each.committedMetadata ?? '',
    leaderEpoch: each.committedLeaderEpoch,
  }))
}

/** Every partition's code, which is the same where the whole is refused. */
async function commit(
  request: Request,
  offsets: readonly ToCommit[],
  context: Context,
): Promise<(key: string) => number> {
  try {
    const committed = await commitAs(request, offsets, context)
    const codes = new Map(committed.map(each => [placeOf(each), codeOfName(each.error)]))
    return key => codes.get(key) ?? codeOf('UNKNOWN_TOPIC_OR_PARTITION')
  } catch (error) {
    // Before groups of several kinds, a group that is not there had no generation.
    const isUnknown = error instanceof TidemarkError && error.kafkaName === 'GROUP_ID_NOT_FOUND'
    const isOld = isUnknown && context.version < MEMBER_EPOCHS
    const code = isOld ? codeOf('ILLEGAL_GENERATION') : toGroupError(error).errorCode
    return () => code
  }
}

async function commitAs(
  request: Request,
  offsets: readonly ToCommit[],
  { broker, version }: Context,
): Promise<CommittedPartition[]> {
  const { groupId, memberId, generationIdOrMemberEpoch: generation } = request
  const instanceId = request.groupInstanceId ?? undefined
  const name = { groupId, memberId, instanceId }
  const known = knownMembers(broker)
  const record = known.get(name)
  if (!record) {
    try {
      return await broker.commitClassic({ ...name, generation, offsets })
    } catch (error) {
      const isOther = error instanceof TidemarkError && error.kafkaName === 'INCONSISTENT_GROUP_PROTOCOL'
      if (!isOther) throw error
    }
  }
  if (version < MEMBER_EPOCHS) {
    throw new TidemarkError('UNSUPPORTED_VERSION', 'Members of this group commit by version 9 and above.')
  }
  const found = await known.find(broker, name, generation)
  if (!found)
    throw new TidemarkError('UNKNOWN_MEMBER_ID', `The group has no member ${JSON.stringify(memberId)}.`)
  const committed = await commitOwned(found, name, generation, offsets, broker)
  const refused = new Set(committed.filter(isStale).map(placeOf))
  if (found !== known.get(name) || refused.size === 0) return committed
  // What another gateway has given it in this epoch is not known here.
  const now = await known.ask(broker, name)
  if (now?.memberEpoch !== generation) return committed
  const again = offsets.filter(offset => refused.has(placeOf(offset)))
  return [
    ...committed.filter(each => !isStale(each)),
    ...(await commitOwned(now, name, generation, again, broker)),
  ]
}

function isStale({ error }: CommittedPartition): boolean {
  return error?.kafkaName === NOT_OWNED.kafkaName
}

function placeOf({ topic, partition }: { topic: string; partition: number }): string {
  return `${topic}/${partition}`
}

/** Each under the generation under which its member owns it: the epoch says nothing of single partitions. */
async function commitOwned(
  record: MemberRecord,
  name: MemberName,
  memberEpoch: number,
  offsets: readonly ToCommit[],
  broker: Context['broker'],
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
  const committed = await broker.commitOffsets({
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
