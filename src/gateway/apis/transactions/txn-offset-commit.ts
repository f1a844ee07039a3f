import type { CommittedPartition } from '../../../contract/groups.ts'
import type { TransactionName } from '../../../contract/transactions.ts'
import { TidemarkError } from '../../../core/errors.ts'
import { toOffset } from '../../../core/numbers.ts'
import type { RequestOf } from '../../wire/api.ts'
import { TxnOffsetCommit } from '../../wire/messages/txn-offset-commit.ts'
import type { Context } from '../context.ts'
import { codeOf } from '../error-code.ts'
import { codeOfName, toGroupError } from '../groups/codes.ts'
import { commitAs, placeOf, type ToCommit } from '../groups/commit-as.ts'
import { handler } from '../handler.ts'
import { toWriters } from './codes.ts'
import { nameOf } from './name-of.ts'

type Request = RequestOf<typeof TxnOffsetCommit>

/** From here on a request says which member it is of; before, it is of nobody, and nobody is fenced. */
const MEMBERS = 3
/** From here on clients know that they can abort a transaction, and go on. */
const ABORTABLE = 4

/** From version 5 on groups need not be added before: it goes with a feature that is not advertised. */
export const txnOffsetCommit = handler(TxnOffsetCommit, [0, 4], async (request, context) => {
  const codeOfPlace = await commit(request, context)
  return {
    topics: request.topics.map(({ name, topicId, partitions }) => ({
      name,
      topicId,
      partitions: partitions.map(({ partitionIndex }) => ({
        partitionIndex,
        errorCode: codeOfPlace({ topic: name, partition: partitionIndex }),
      })),
    })),
  }
})

/** Every partition's code, which is the same where the whole is refused. */
async function commit(
  request: Request,
  context: Context,
): Promise<(place: { topic: string; partition: number }) => number> {
  try {
    const committed = await commitAll(request, nameOf(request), context)
    const codes = new Map(committed.map(each => [placeOf(each), codeOfName(each.error)]))
    return place => codes.get(placeOf(place)) ?? codeOf('UNKNOWN_TOPIC_OR_PARTITION')
  } catch (error) {
    const { errorCode } = toGroupError(toClients(error, context.version))
    return () => errorCode
  }
}

async function commitAll(
  request: Request,
  name: TransactionName,
  context: Context,
): Promise<CommittedPartition[]> {
  const { broker } = context
  const { groupId, memberId, groupInstanceId, generationIdOrMemberEpoch } = request
  const offsets = toCommit(request)
  const classic = async (member: {
    generation?: number
    memberId?: string
    instanceId?: string | undefined
  }) => {
    const taken = offsets.filter(({ offset }) => offset >= 0)
    const committed = await broker.commitTransactionOffsets({
      ...name,
      groupId,
      ...member,
      begins: false,
      offsets: taken.map(each => ({ ...each, offset: toOffset(each.offset) })),
    })
    return [...committed, ...offsets.filter(({ offset }) => offset < 0).map(asNoOffset)]
  }
  if (memberId === '' && groupInstanceId === null && generationIdOrMemberEpoch < 0) return await classic({})
  const committer = { groupId, memberId, groupInstanceId, generationIdOrMemberEpoch }
  return await commitAs(committer, offsets, context, MEMBERS, {
    classic: ({ generation, memberId, instanceId }) => classic({ generation, memberId, instanceId }),
    owned: commit => broker.commitTransactionOffsets({ ...name, ...commit, begins: false }),
  })
}

function toCommit({ topics }: Request): ToCommit[] {
  return topics.flatMap(({ name: topic, partitions }) =>
    partitions.map(each => ({
      topic,
      topicId: undefined,
      partition: each.partitionIndex,
      offset: each.committedOffset,
      metadata: each.committedMetadata ?? '',
      leaderEpoch: each.committedLeaderEpoch,
    })),
  )
}

function asNoOffset({ topic, partition, offset }: ToCommit): CommittedPartition {
  const message = `${offset} is no offset that a transaction can commit.`
  return { topic, partition, error: { kafkaName: 'INVALID_REQUEST', message, retriable: false } }
}

/** A group that is not there has no generation. */
function toClients(error: unknown, version: number): unknown {
  const isNoGroup = error instanceof TidemarkError && error.kafkaName === 'GROUP_ID_NOT_FOUND'
  if (isNoGroup) return new TidemarkError('ILLEGAL_GENERATION', error.message)
  return toWriters(error, version >= ABORTABLE)
}
