import type { GroupOffset } from '../../../contract/groups.ts'
import { TidemarkError } from '../../../core/errors.ts'
import { groupBy } from '../../../core/since-node-22.ts'
import { OffsetFetch } from '../../wire/messages/offset-fetch.ts'
import type { Context, GatewayBroker } from '../context.ts'
import { codeOf, NONE } from '../error-code.ts'
import { handler } from '../handler.ts'
import { toGroupError } from './codes.ts'
import { knownMembers } from './known-members.ts'

/** From here on groups are asked for together. */
const SEVERAL = 8
/** From here on topics are named by their ids. */
const BY_ID = 10
/** From here on the whole answer has an error. */
const WHOLE_ERROR = 2

interface AskedTopic {
  readonly name: string
  readonly topicId: string
  readonly partitionIndexes: readonly number[]
}

/** Who asks for itself; an administrator says neither. */
interface AskingMember {
  readonly memberId: string | null
  readonly memberEpoch: number
}

const NOBODY: AskingMember = { memberId: null, memberEpoch: -1 }
const NO_OFFSET = { committedOffset: -1, committedLeaderEpoch: -1, metadata: '', errorCode: NONE }

export const offsetFetch = handler(OffsetFetch, [1, 10], async (request, context) => {
  const { version } = context
  if (version < SEVERAL) {
    const asked = request.topics?.map(topic => ({ ...topic, topicId: '' })) ?? null
    // In the first version nobody could ask for all.
    const { topics, errorCode } = await fetchOne(request.groupId, asked, context, request.requireStable)
    const isTold = version >= WHOLE_ERROR || errorCode === NONE
    return isTold ? { topics, errorCode } : { topics: failed(asked ?? [], errorCode) }
  }
  const groups = []
  for (const { groupId, topics, ...member } of request.groups) {
    groups.push({ groupId, ...(await fetchOne(groupId, topics, context, request.requireStable, member)) })
  }
  return { groups }
})

/** A group's offsets, of all topics or of those that are asked for. */
async function fetchOne(
  groupId: string,
  asked: readonly AskedTopic[] | null,
  context: Context,
  requiresStable: boolean,
  member: AskingMember = NOBODY,
) {
  const { broker, version } = context
  try {
    await checkMember(groupId, member, context)
    const named = asked && (await Promise.all(asked.map(topic => nameOf(topic, context))))
    const names = named?.flatMap(({ name }) => name ?? [])
    const found = await broker.fetchOffsets({ groupId, ...(names && { topics: names }), tellsPending: true })
    const offsets = new Offsets(found, requiresStable)
    const topics = named ? asAsked(named, offsets) : asFound(offsets)
    const told = version < BY_ID ? topics : await withIds(topics, context)
    return { topics: told, errorCode: NONE }
  } catch (error) {
    return { topics: [], errorCode: toGroupError(error).errorCode }
  }
}

/**
 * A member of KIP-848 is told only what holds in its epoch. Of classic groups, and where there is no group, nothing is checked, as
 * in Kafka. @throws UNKNOWN_MEMBER_ID, STALE_MEMBER_EPOCH
 */
async function checkMember(
  groupId: string,
  { memberId, memberEpoch }: AskingMember,
  { broker }: Context,
): Promise<void> {
  if (memberId === null && memberEpoch < 0) return
  const name = { groupId, memberId: memberId ?? '' }
  const record = memberId ? await knownMembers(broker).find(broker, name, memberEpoch) : undefined
  if (record?.memberEpoch === memberEpoch) return
  if (!(await isOfConsumers(groupId, broker))) return
  if (!record)
    throw new TidemarkError('UNKNOWN_MEMBER_ID', `The group has no member ${JSON.stringify(memberId)}.`)
  throw new TidemarkError(
    'STALE_MEMBER_EPOCH',
    `The member's epoch is ${record.memberEpoch}, not ${memberEpoch}. Ask again with that one.`,
  )
}

/** Whether there is a group of KIP-848's kind. */
async function isOfConsumers(groupId: string, broker: GatewayBroker): Promise<boolean> {
  try {
    return (await broker.describeClassic(groupId)) === undefined
  } catch (error) {
    if (error instanceof TidemarkError && error.kafkaName === 'GROUP_ID_NOT_FOUND') return false
    throw error
  }
}

/** With the name undefined where no topic has the id. */
interface NamedTopic extends Omit<AskedTopic, 'name'> {
  readonly name: string | undefined
}

async function nameOf(topic: AskedTopic, { topics, version }: Context): Promise<NamedTopic> {
  if (version < BY_ID) return topic
  return { ...topic, name: (await topics.byId(topic.topicId))?.topic }
}

/** What is told of a partition, by what a group has committed. */
class Offsets {
  readonly #byPlace: ReadonlyMap<string, GroupOffset>
  readonly #requiresStable: boolean

  constructor(found: readonly GroupOffset[], requiresStable: boolean) {
    this.#byPlace = new Map(found.map(offset => [`${offset.topic}/${offset.partition}`, offset]))
    this.#requiresStable = requiresStable
  }

  /** Those of which there is something to tell. */
  get all(): GroupOffset[] {
    return [...this.#byPlace.values()].filter(offset => isCommitted(offset) || this.#isUnstable(offset))
  }

  told(topic: string | undefined, partition: number) {
    const found = this.#byPlace.get(`${topic}/${partition}`)
    if (!found) return NO_OFFSET
    if (this.#isUnstable(found)) return { ...NO_OFFSET, errorCode: codeOf('UNSTABLE_OFFSET_COMMIT') }
    if (!isCommitted(found)) return NO_OFFSET
    const { offset: committedOffset, metadata, leaderEpoch: committedLeaderEpoch = -1 } = found
    return { ...NO_OFFSET, committedOffset, metadata, committedLeaderEpoch }
  }

  /** A transaction may change it: who cannot do with what it was asks again. */
  #isUnstable({ isPending }: GroupOffset): boolean {
    return this.#requiresStable && isPending === true
  }
}

/** Where nothing was, what is pending has no time. */
function isCommitted({ committedMs }: GroupOffset): boolean {
  return committedMs > 0
}

function asAsked(asked: readonly NamedTopic[], offsets: Offsets) {
  return asked.map(({ name, topicId, partitionIndexes }) => ({
    name: name ?? '',
    topicId,
    partitions: partitionIndexes.map(partitionIndex => ({
      ...offsets.told(name, partitionIndex),
      ...(name === undefined && { errorCode: codeOf('UNKNOWN_TOPIC_ID') }),
      partitionIndex,
    })),
  }))
}

function asFound(offsets: Offsets) {
  return [...groupBy(offsets.all, ({ topic }) => topic)].map(([name, all]) => ({
    name,
    topicId: '',
    partitions: all.map(({ partition }) => ({ ...offsets.told(name, partition), partitionIndex: partition })),
  }))
}

async function withIds(topics: ReturnType<typeof asAsked>, context: Context) {
  const told = await Promise.all(
    topics.map(async topic =>
      topic.topicId === ''
        ? { ...topic, topicId: (await context.topics.byName(topic.name))?.topicId }
        : topic,
    ),
  )
  // Deleted just now.
  return told.flatMap(({ topicId, ...topic }) => (topicId === undefined ? [] : { ...topic, topicId }))
}

/** In the very first version an error is every partition's. */
function failed(asked: readonly AskedTopic[], errorCode: number) {
  return asked.map(({ name, partitionIndexes }) => ({
    name,
    partitions: partitionIndexes.map(partitionIndex => ({ ...NO_OFFSET, partitionIndex, errorCode })),
  }))
}
