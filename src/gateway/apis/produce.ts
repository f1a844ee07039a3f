import type { TransactionFailure, TransactionName } from '../../contract/transactions.ts'
import {
  isKafkaErrorName,
  type KafkaErrorName,
  type RefusedRecord,
  RefusedRecords,
  TidemarkError,
} from '../../core/errors.ts'
import { toWholeNumber } from '../../core/numbers.ts'
import {
  ATTRIBUTES_AT,
  PRODUCER_EPOCH_AT,
  PRODUCER_ID_AT,
  RECORDS_AT,
  TRANSACTIONAL_BIT,
} from '../../core/record/batch-layout.ts'
import { Produce, type ProduceRequest, type ProduceResponse } from '../wire/messages/produce.ts'
import type { Context } from './context.ts'
import { apiError, codeOf, NONE, toApiError } from './error-code.ts'
import { placeOf } from './groups/commit-as.ts'
import { ConnectionEnded, handler } from './handler.ts'
import { toWriters } from './transactions/codes.ts'

type AskedTopic = ProduceRequest['topicData'][number]
type AskedPartition = AskedTopic['partitionData'][number]
type PartitionAnswer = ProduceResponse['responses'][number]['partitionResponses'][number]

/** Before it, records had another form. */
const VERSION_MIN = 3
/** From there on, an answer says which records are wrong. */
const VERSION_OF_RECORD_ERRORS = 8
/** From there on, clients know that they can abort a transaction, and go on. */
const VERSION_OF_ABORTABLE = 11
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
  const { acks, topicData, transactionalId } = request
  if (!KNOWN_ACKS.includes(acks)) return Promise.resolve(answerAll(topicData, 'INVALID_REQUIRED_ACKS'))
  const write =
    transactionalId === null
      ? (topic: string, partition: AskedPartition) => append(topic, partition, context)
      : stagingOf(request, transactionalId, context)
  const pending = topicData.map(topic => ({
    topic,
    partitions: topic.partitionData.map(partition => write(topic.name, partition)),
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
  if (records === null || records.length === 0) return failed(index, NO_BATCH)
  if (toWholeNumber(index) === undefined) return failed(index, NO_PARTITION)
  if (isTransactional(records)) return failed(index, NO_TRANSACTIONAL_ID)
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

/**
 * A transaction's batches are kept beside their logs until it is decided: so nobody can say at which offsets they will be. All of a
 * request are staged together; each is refused by itself.
 */
function stagingOf(
  { topicData }: ProduceRequest,
  transactionalId: string,
  { broker, version }: Context,
): (topic: string, partition: AskedPartition) => Promise<PartitionAnswer> {
  const asked = topicData.flatMap(({ name, partitionData }) =>
    partitionData.map(({ index, records }) => ({ topic: name, partition: index, records })),
  )
  const batches = asked.flatMap(({ topic, partition, records }) =>
    refusalOf(partition, records) || !records ? [] : { topic, partition, batches: records },
  )
  const staged =
    batches.length === 0
      ? Promise.resolve([])
      : broker.stage({ ...producerOf(batches[0]!.batches, transactionalId), batches })
  // Of a partition that is there twice, the first one counts.
  const byPlace = staged.then(results => new Map(results.toReversed().map(each => [placeOf(each), each])))
  return async (topic, { index, records }) => {
    const refusal = refusalOf(index, records)
    if (refusal) return failed(index, refusal)
    try {
      const result = (await byPlace).get(placeOf({ topic, partition: index }))
      if (!result) return failed(index, NO_PARTITION)
      if (result.error) throw asError(result.error)
      return {
        index,
        errorCode: NONE,
        baseOffset: NO_OFFSET,
        logAppendTimeMs: NO_TIME,
        recordErrors: NO_RECORDS,
      }
    } catch (error) {
      return await refused(index, toWriters(error, version >= VERSION_OF_ABORTABLE), version)
    }
  }
}

function refusalOf(index: number, records: Uint8Array | null): ReturnType<typeof apiError> | undefined {
  if (records === null || records.length === 0) return NO_BATCH
  if (toWholeNumber(index) === undefined) return NO_PARTITION
  if (records.length < RECORDS_AT) return CUT_OFF
  // Its numbers would be taken for those of the transaction.
  return isTransactional(records) ? undefined : NOT_TRANSACTIONAL
}

function isTransactional(records: Uint8Array): boolean {
  return (records[ATTRIBUTES_AT + 1]! & TRANSACTIONAL_BIT) !== 0
}

/** All batches of a request are one producer's: those that say otherwise are refused where they are checked. */
function producerOf(batches: Uint8Array, transactionalId: string): TransactionName {
  const header = new DataView(batches.buffer, batches.byteOffset, batches.byteLength)
  const [producerId, epoch] = [header.getBigInt64(PRODUCER_ID_AT), header.getInt16(PRODUCER_EPOCH_AT)]
  return { transactionalId, producerId, epoch }
}

function asError({ kafkaName, message }: TransactionFailure): TidemarkError {
  return new TidemarkError(isKafkaErrorName(kafkaName) ? kafkaName : 'UNKNOWN_SERVER_ERROR', message)
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
    case 'CONCURRENT_TRANSACTIONS':
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

const NO_BATCH = apiError('INVALID_RECORD', 'There is no record batch.')
const CUT_OFF = apiError('CORRUPT_MESSAGE', 'The batch ends within its header.')
const NO_PARTITION = apiError('UNKNOWN_TOPIC_OR_PARTITION', '')
const NO_TRANSACTIONAL_ID = apiError(
  'TRANSACTIONAL_ID_AUTHORIZATION_FAILED',
  'A batch of a transaction comes with a transactional id.',
)
const NOT_TRANSACTIONAL = apiError(
  'INVALID_TXN_STATE',
  'Of a producer with a transactional id every batch is a part of a transaction.',
)
const NO_RECORDS: PartitionAnswer['recordErrors'] = []
