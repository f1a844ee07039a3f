import { type KafkaErrorName, type RefusedRecord, RefusedRecords, TidemarkError } from '../../core/errors.ts'
import { toWholeNumber } from '../../core/numbers.ts'
import { Produce, type ProduceRequest, type ProduceResponse } from '../wire/messages/produce.ts'
import type { Context } from './context.ts'
import { apiError, codeOf, NONE, toApiError } from './error-code.ts'
import { ConnectionEnded, handler } from './handler.ts'

type AskedTopic = ProduceRequest['topicData'][number]
type AskedPartition = AskedTopic['partitionData'][number]
type PartitionAnswer = ProduceResponse['responses'][number]['partitionResponses'][number]

/** Before it, records had another form. */
const VERSION_MIN = 3
/** From there on, an answer says which records are wrong. */
const VERSION_OF_RECORD_ERRORS = 8
const NO_OFFSET = -1
const NO_TIME = -1
const KNOWN_ACKS = [-1, 0, 1]

/**
 * Every acknowledgement is of records that are durable, whatever `acks` asks for. librdkafka compresses nothing where the
 * versions from 0 on are not advertised; those before 3 end the connection once they are used, as in Kafka.
 *
 * All partitions are handed over before anything is waited for: so requests of a connection keep their order.
 */
export const produce = handler(Produce, [0, 11], (request, context): Promise<ProduceResponse | undefined> => {
  const { version } = context
  if (version < VERSION_MIN) {
    return Promise.reject(new ConnectionEnded(`Produce ${version} has records of an older form`))
  }
  const { acks, topicData } = request
  if (!KNOWN_ACKS.includes(acks)) return Promise.resolve(answerAll(topicData, 'INVALID_REQUIRED_ACKS'))
  const pending = topicData.map(topic => ({
    topic,
    partitions: topic.partitionData.map(partition => append(topic.name, partition, context)),
  }))
  return answer(pending, acks)
})

async function answer(
  pending: readonly { topic: AskedTopic; partitions: readonly Promise<PartitionAnswer>[] }[],
  acks: number,
): Promise<ProduceResponse | undefined> {
  // All at once: what failed while nobody waited for it yet would end the process.
  const responses = await Promise.all(
    pending.map(async ({ topic, partitions }) => ({
      name: topic.name,
      partitionResponses: await Promise.all(partitions),
    })),
  )
  if (acks !== 0) return { responses }
  const failed = responses
    .flatMap(({ partitionResponses }) => partitionResponses)
    .find(({ errorCode }) => errorCode !== NONE)
  // Nobody waits for an answer that could tell: so the client asks anew where its topics are.
  if (failed) throw new ConnectionEnded(`a Produce that wants no answer failed: ${failed.errorMessage}`)
  return undefined
}

async function append(
  topic: string,
  { index, records }: AskedPartition,
  { broker, version }: Context,
): Promise<PartitionAnswer> {
  if (records === null || records.length === 0) {
    return failed(index, apiError('INVALID_RECORD', 'There is no record batch.'))
  }
  if (toWholeNumber(index) === undefined) return failed(index, apiError('UNKNOWN_TOPIC_OR_PARTITION', ''))
  try {
    const produced = await broker.produce({ topic, partition: index, batches: records })
    return {
      index,
      errorCode: NONE,
      baseOffset: produced.baseOffset,
      logAppendTimeMs: produced.logAppendTimeMs ?? NO_TIME,
      logStartOffset: produced.startOffset,
      recordErrors: NO_RECORDS,
    }
  } catch (error) {
    return await refused(index, error, version)
  }
}

async function refused(index: number, error: unknown, version: number): Promise<PartitionAnswer> {
  const { errorMessage } = toApiError(error)
  const { kafkaName } = error as TidemarkError
  const answer = failed(index, { errorCode: codeOf(toClients(kafkaName)), errorMessage })
  if (!(error instanceof RefusedRecords) || version < VERSION_OF_RECORD_ERRORS) return answer
  const recordErrors = (await findIn(error)).map(({ index, message }) => ({
    batchIndex: index,
    batchIndexErrorMessage: message,
  }))
  return { ...answer, recordErrors }
}

/** None where the records cannot even be read: they were refused by what their batch says of them. */
async function findIn(refused: RefusedRecords): Promise<readonly RefusedRecord[]> {
  try {
    return await refused.find()
  } catch (error) {
    if (error instanceof TidemarkError) return []
    throw error
  }
}

/**
 * What clients make of an error is not always what it means here: of these they would give up, or ask for the same again
 * for ever.
 */
function toClients(name: KafkaErrorName): KafkaErrorName {
  switch (name) {
    // Tried again by all of them, for what was not written.
    case 'THROTTLING_QUOTA_EXCEEDED':
      return 'NOT_ENOUGH_REPLICAS'
    case 'BROKER_NOT_AVAILABLE':
      return 'NOT_LEADER_OR_FOLLOWER'
    // Java's client sends the batch in parts then.
    case 'RECORD_LIST_TOO_LARGE':
      return 'MESSAGE_TOO_LARGE'
    default:
      return name
  }
}

function answerAll(topicData: readonly AskedTopic[], name: KafkaErrorName): ProduceResponse {
  const error = toApiError(new TidemarkError(name, 'acks is -1, 0 or 1.'))
  const responses = topicData.map(({ name, partitionData }) => ({
    name,
    partitionResponses: partitionData.map(({ index }) => failed(index, error)),
  }))
  return { responses }
}

function failed(index: number, { errorCode, errorMessage }: ReturnType<typeof apiError>): PartitionAnswer {
  return { index, errorCode, errorMessage, baseOffset: NO_OFFSET, recordErrors: NO_RECORDS }
}

const NO_RECORDS: PartitionAnswer['recordErrors'] = []
