import { TidemarkError } from '../../../core/errors.ts'
import type { RequestOf } from '../../wire/api.ts'
import { OffsetCommit } from '../../wire/messages/offset-commit.ts'
import type { Context } from '../context.ts'
import { codeOf } from '../error-code.ts'
import { handler } from '../handler.ts'
import { codeOfName, toGroupError } from './codes.ts'
import { commitAs, placeOf, type ToCommit } from './commit-as.ts'

type Request = RequestOf<typeof OffsetCommit>
type Topic = Request['topics'][number]

/** From here on members of KIP-848 commit. */
const MEMBER_EPOCHS = 9
/** From here on topics are named by their ids. */
const BY_ID = 10

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
    const committed = await commitAs(request, offsets, context, MEMBER_EPOCHS, {
      classic: commit => context.broker.commitClassic(commit),
      owned: commit => context.broker.commitOffsets(commit),
    })
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
