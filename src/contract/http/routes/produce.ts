import type * as z from 'zod'
import { type KafkaErrorName, TidemarkError } from '../../../core/errors.ts'
import { PRODUCE_BYTES_MAX } from '../../../core/limits.ts'
import { futureTime } from '../../../ports/clock.ts'
import { BATCHES_TYPE, JSON_TYPE } from '../media-types.ts'
import type { RouteDocumentation, Schemas } from '../openapi/documentation.ts'
import type { Placement } from '../records/placement.ts'
import { produceRecords } from '../records/produce-records.ts'
import { stickyPartitions } from '../records/sticky-partitions.ts'
import { TopicFactsCache } from '../records/topic-facts.ts'
import { requireContentType } from '../requests/content-type.ts'
import { jsonReader } from '../requests/json-body.ts'
import { optional, partitionParameter } from '../requests/parameters.ts'
import { answerJson, defineRouteWithState } from '../route.ts'
import type { Services } from '../services.ts'

export const route = defineRouteWithState({
  method: 'post',
  path: '/topics/{topic}/records',
  query: {
    partition: optional(
      partitionParameter(`Where record batches go; required with ${BATCHES_TYPE}, and only then allowed.`),
    ),
  },
  open: services => {
    const { broker, bodies } = services
    const produceJson = jsonProducer(services)
    return async ({ context, path, query }) => {
      const request = context.req.raw
      const type = requireContentType(request, [JSON_TYPE, BATCHES_TYPE])
      const partition = partitionFor(type, query.partition)
      return bodies.read(request, context.env.readBody, async body => {
        if (partition === undefined)
          return answerJson<'ProduceAnswer'>(await produceJson(path.topic, body, request))
        if (body.length === 0) throw new TidemarkError('INVALID_RECORD', 'The body holds no record batch.')
        const produced = await broker.produce({ topic: path.topic, partition, batches: body })
        return answerJson<'ProduceBatchesAnswer'>({ partition, ...produced })
      })
    }
  },
})

export const documentation = ({ ProduceRequest, AnyProduceAnswer }: Schemas): RouteDocumentation => ({
  summary: 'Write records',
  description:
    'As JSON: any number of records for any partitions of the topic. The request is checked as a whole before ' +
    'anything is written; each partition gets its records as one batch, in the order of the request. ' +
    `As ${BATCHES_TYPE}: Kafka record batches (magic 2) for one partition, one after the other, of ` +
    `${PRODUCE_BYTES_MAX} bytes at most; each has at most what its topic's max.message.bytes says. ` +
    'When it is answered with success, the records are durable.',
  body: ProduceRequest,
  bytesInBody: BATCHES_TYPE,
  answers: {
    200: {
      description: 'Where the records stand: per record for JSON, per request for record batches.',
      json: AnyProduceAnswer,
    },
  },
  errors: [
    'INVALID_RECORD',
    'INVALID_TIMESTAMP',
    'CORRUPT_MESSAGE',
    'RECORD_LIST_TOO_LARGE',
    'KAFKA_STORAGE_ERROR',
  ],
})

/** The partition that a binary body goes to; undefined for JSON, whose records choose for themselves. */
function partitionFor(type: string, partition: number | undefined): number | undefined {
  if (type === BATCHES_TYPE) {
    if (partition !== undefined) return partition
    throw new TidemarkError(
      'INVALID_REQUEST',
      'Record batches go to one partition: say which with ?partition=N.',
    )
  }
  if (partition === undefined) return undefined
  throw new TidemarkError(
    'INVALID_REQUEST',
    'For JSON, `partition` stands in each record and not in the query.',
  )
}

function jsonProducer({ broker, nowMs, monotonicMs, random, answers, topicCacheMs, toError }: Services) {
  const topics = new TopicFactsCache(broker, monotonicMs, topicCacheMs)
  const nextSticky = stickyPartitions(random)
  const futureMs = futureTime({ nowMs, monotonicMs })
  const read = jsonReader(async () => (await import('../schemas/records.ts')).ProduceRequest)

  async function place(
    topic: string,
    { records, compression }: z.output<Schemas['ProduceRequest']>,
  ): Promise<Placement> {
    // Loaded then, with all that makes batches: most producers send theirs ready.
    const [{ placeRecords }, facts] = await Promise.all([
      import('../records/placement.ts'),
      topics.get(topic),
    ])
    const sticky = nextSticky(topic, facts.partitions)
    const times = { nowMs: nowMs(), futureMs: futureMs() }
    return placeRecords(records, facts, sticky, { ...times, ...(compression && { compression }) })
  }

  return async (topic: string, body: Uint8Array, request: Request) => {
    const produce = await read(body)
    checkCount(produce.records.length, answers.jsonRecordsMax)
    try {
      const placement = await place(topic, produce).catch(error => {
        if (!isAboutTopic(error) || !topics.forget(topic)) throw error
        // What was remembered may be out of date: the topic may have grown since, or have other configs.
        return place(topic, produce)
      })
      return await produceRecords(broker, topic, placement, error => toError(error, request))
    } catch (error) {
      topics.forget(topic)
      throw error
    }
  }
}

/** Each record is answered for, and an answer that cannot be carried would leave its records in doubt. */
function checkCount(records: number, recordsMax: number): void {
  if (records <= recordsMax) return
  throw new TidemarkError(
    'RECORD_LIST_TOO_LARGE',
    `A request in JSON has ${recordsMax} records at most here, not ${records}. Send fewer, or send record batches ` +
      `(${BATCHES_TYPE}).`,
  )
}

const ABOUT_TOPIC: readonly KafkaErrorName[] = [
  'UNKNOWN_TOPIC_OR_PARTITION',
  'MESSAGE_TOO_LARGE',
  'INVALID_TIMESTAMP',
]

function isAboutTopic(error: unknown): boolean {
  return error instanceof TidemarkError && ABOUT_TOPIC.includes(error.kafkaName)
}
