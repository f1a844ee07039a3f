import type { FetchedPartition, FetchMany } from '../../contract/broker.ts'
import { type KafkaErrorName, TidemarkError } from '../../core/errors.ts'
import { type Offset, toWholeNumber } from '../../core/numbers.ts'
import { Lane } from '../../core/turns.ts'
import { Fetch, type FetchRequest, type FetchResponse } from '../wire/messages/fetch.ts'
import { LEADER_EPOCH } from './cluster.ts'
import type { Context } from './context.ts'
import { codeOf, NONE } from './error-code.ts'
import { handler } from './handler.ts'

type AskedTopic = FetchRequest['topics'][number]
type AskedPartition = AskedTopic['partitions'][number]
type PartitionAnswer = FetchResponse['responses'][number]['partitions'][number]

/** From there on topics are named by their ids alone. */
const VERSION_OF_IDS = 13
const READ_COMMITTED = 1
const NO_OFFSET = -1
/** Of partitions that failed, how many are looked after at the same time. */
const LOOKS_PARALLEL = 32

/** In place of what Java's client takes for a fault of its broker's: after these it looks where the partition is, and asks again. */
const KNOWN_TO_CLIENTS: Partial<Record<KafkaErrorName, KafkaErrorName>> = {
  BROKER_NOT_AVAILABLE: 'NOT_LEADER_OR_FOLLOWER',
  REQUEST_TIMED_OUT: 'KAFKA_STORAGE_ERROR',
  THROTTLING_QUOTA_EXCEEDED: 'OFFSET_NOT_AVAILABLE',
}

/** A partition of the request, and what is known of its answer without the broker. */
interface Asked {
  readonly topic: string | undefined
  readonly topicId: string | undefined
  readonly partition: AskedPartition
  readonly refusal: KafkaErrorName | undefined
}

/**
 * Sessions are declined, always: whoever asks for one is answered as if he had not, with session 0. All records are decided,
 * so that both isolation levels read the same.
 */
export const fetch = handler(Fetch, [4, 17], async (request, context): Promise<FetchResponse> => {
  // One goes on with a session, and there is none.
  if (request.sessionEpoch > 0) return { errorCode: codeOf('FETCH_SESSION_ID_NOT_FOUND'), responses: [] }
  const asked = await lookUp(request.topics, context)
  const answers = await read(asked, request, context)
  let next = 0
  return {
    responses: request.topics.map(({ topic, topicId, partitions }) => ({
      topic,
      topicId,
      partitions: partitions.map(() => answers[next++]!),
    })),
  }
})

/** Waits for nothing where topics are named, or known by their ids. */
function lookUp(
  topics: readonly AskedTopic[],
  { topics: catalogue, version }: Context,
): Asked[] | Promise<Asked[]> {
  if (version < VERSION_OF_IDS) {
    return topics.flatMap(({ topic, partitions }) => toAsked(topic, undefined, partitions))
  }
  const names = topics.map(({ topicId }) => catalogue.peekName(topicId))
  const toAll = (names: readonly (string | undefined)[]) =>
    topics.flatMap(({ topicId, partitions }, index) => toAsked(names[index], topicId, partitions))
  if (!names.includes(undefined)) return toAll(names)
  return Promise.all(
    topics.map(async ({ topicId }, index) => names[index] ?? (await catalogue.byId(topicId))?.topic),
  ).then(toAll)
}

function toAsked(
  topic: string | undefined,
  topicId: string | undefined,
  partitions: readonly AskedPartition[],
): Asked[] {
  return partitions.map(partition => {
    const refusal = topic === undefined ? 'UNKNOWN_TOPIC_ID' : refusalOf(partition)
    return { topic, topicId, partition, refusal }
  })
}

function refusalOf({
  partition,
  fetchOffset,
  currentLeaderEpoch,
}: AskedPartition): KafkaErrorName | undefined {
  if (currentLeaderEpoch > LEADER_EPOCH) return 'UNKNOWN_LEADER_EPOCH'
  if (toWholeNumber(partition) === undefined) return 'UNKNOWN_TOPIC_OR_PARTITION'
  if (toWholeNumber(fetchOffset) === undefined) return 'OFFSET_OUT_OF_RANGE'
  return undefined
}

async function read(
  asked: readonly Asked[],
  { maxBytes, minBytes, maxWaitMs, isolationLevel }: FetchRequest,
  { broker, signal, reserve, memory, topics }: Context,
): Promise<PartitionAnswer[]> {
  const wanted = asked.filter(({ refusal }) => refusal === undefined)
  // An error is told at once; but that there is no such partition is not, as in Kafka.
  const isToldAtOnce = asked.some(({ refusal }) => refusal && refusal !== 'UNKNOWN_TOPIC_OR_PARTITION')
  const fetched = await fetchAll(broker, {
    partitions: wanted.map(({ topic, topicId, partition }) => ({
      topic,
      topicId,
      partition: partition.partition,
      offset: partition.fetchOffset as Offset,
      maxBytes: partition.partitionMaxBytes,
    })),
    maxBytes,
    minBytes: Math.max(0, minBytes),
    maxWaitMs: isToldAtOnce ? 0 : Math.max(0, maxWaitMs),
    signal,
    reserve,
    memory,
  })
  const abortedTransactions = isolationLevel === READ_COMMITTED ? [] : null
  const lane = new Lane(LOOKS_PARALLEL)
  const lookAgain = once(async () => {
    topics.forget()
    await topics.all()
  })
  let hasFailed = false
  let next = 0
  const answers = asked.map(({ topic, topicId, partition, refusal }) => {
    const found = refusal === undefined ? fetched.partitions[next++]! : refused(refusal)
    if (!('error' in found)) return answer(found, abortedTransactions)
    hasFailed = true
    return lane.run(async () => {
      const empty = topic !== undefined && (await withoutRoom(broker, topic, partition, found.error))
      if (empty) return { ...empty, abortedTransactions }
      const name = await toClients(found.error, topicId, { topics, lookAgain })
      return failed(partition.partition, name, abortedTransactions)
    })
  })
  return hasFailed ? Promise.all(answers) : (answers as PartitionAnswer[])
}

/** What clients act by. A topic that was asked for by its id, and is gone, is an id that nobody knows; by its name, a name. */
async function toClients(
  error: TidemarkError,
  topicId: string | undefined,
  { topics, lookAgain }: { topics: Context['topics']; lookAgain: () => Promise<void> },
): Promise<KafkaErrorName> {
  const name = error.kafkaName
  // Who names topics is too old to know this error.
  if (topicId === undefined && name === 'UNKNOWN_TOPIC_ID') return 'UNKNOWN_TOPIC_OR_PARTITION'
  if (topicId === undefined || name !== 'UNKNOWN_TOPIC_OR_PARTITION') return KNOWN_TO_CLIENTS[name] ?? name
  await lookAgain()
  return topics.peekName(topicId) === undefined ? 'UNKNOWN_TOPIC_ID' : name
}

/** One look for all partitions of a request. */
function once(look: () => Promise<void>): () => Promise<void> {
  let looked: Promise<void> | undefined
  return () => {
    looked ??= look()
    return looked
  }
}

/** An error of the whole fetch is one of each partition. */
async function fetchAll(
  broker: Context['broker'],
  request: FetchMany & Pick<Context, 'memory'>,
): Promise<{ partitions: readonly (FetchedPartition | { error: TidemarkError })[] }> {
  try {
    return await request.memory.use(() => broker.fetchMany(request))
  } catch (error) {
    if (!(error instanceof TidemarkError)) throw error
    return { partitions: request.partitions.map(() => ({ error })) }
  }
}

/**
 * Where there was no room to read records: that there are none for now, which every client knows, and where the log ends, since
 * librdkafka would take it to be at its end otherwise.
 */
async function withoutRoom(
  broker: Context['broker'],
  topic: string,
  { partition }: AskedPartition,
  error: TidemarkError,
): Promise<PartitionAnswer | undefined> {
  if (error.kafkaName !== 'THROTTLING_QUOTA_EXCEEDED') return undefined
  try {
    const { offset } = await broker.offsetFor({ topic, partition, at: 'latest' })
    const end = { highWatermark: offset!, lastStableOffset: offset! }
    return { partitionIndex: partition, errorCode: NONE, ...end, records: [] }
  } catch (error) {
    if (error instanceof TidemarkError) return undefined
    throw error
  }
}

function refused(name: KafkaErrorName) {
  return { error: new TidemarkError(name, '') }
}

function answer(
  found: Extract<FetchedPartition, { chunks: unknown }>,
  abortedTransactions: PartitionAnswer['abortedTransactions'],
): PartitionAnswer {
  const { partition, startOffset, endOffset, chunks } = found
  return {
    partitionIndex: partition,
    errorCode: NONE,
    highWatermark: endOffset,
    lastStableOffset: endOffset,
    logStartOffset: startOffset,
    abortedTransactions,
    records: chunks,
  }
}

function failed(
  partitionIndex: number,
  name: KafkaErrorName,
  abortedTransactions: PartitionAnswer['abortedTransactions'],
): PartitionAnswer {
  return {
    partitionIndex,
    errorCode: codeOf(name),
    highWatermark: NO_OFFSET,
    abortedTransactions,
    // Not null: there are clients that take that for a broken answer.
    records: [],
  }
}
