import type * as z from 'zod'
import { TidemarkError } from '../../../core/errors.ts'
import { BATCHES_TYPE, JSON_TYPE } from '../media-types.ts'
import { type Placement, placeRecords } from '../records/placement.ts'
import { produceRecords } from '../records/produce-records.ts'
import { StickyPartitions } from '../records/sticky-partitions.ts'
import { TopicFactsCache } from '../records/topic-facts.ts'
import { requireContentType } from '../requests/content-type.ts'
import { parseJsonBody } from '../requests/json-body.ts'
import { optional, partitionParameter } from '../requests/parameters.ts'
import { TOPIC_PATH } from '../requests/paths.ts'
import { addRoute, answerJson } from '../route.ts'
import type { ProduceAnswer, ProduceBatchesAnswer, ProduceRequest } from '../schemas/records.ts'
import type { Services } from '../services.ts'

const PRODUCE_QUERY = {
  partition: optional(
    partitionParameter(`Where record batches go; required with ${BATCHES_TYPE}, and only then allowed.`),
  ),
}

let schemas: Promise<typeof import('../schemas/records.ts')> | undefined

/** Loaded for the first body in JSON: record batches are checked without it, and zod is large. */
function loadSchemas(): NonNullable<typeof schemas> {
  // Kept, since even an import of what is loaded takes its time in each request.
  schemas ??= import('../schemas/records.ts')
  return schemas
}

export function addProduceRoutes(services: Services): void {
  const { broker, bodies } = services
  const produceJson = jsonProducer(services)

  addRoute(
    services,
    {
      method: 'post',
      path: '/topics/{topic}/records',
      pathParameters: TOPIC_PATH,
      query: PRODUCE_QUERY,
      answerTypes: [JSON_TYPE],
    },
    async ({ context, path, query }) => {
      const request = context.req.raw
      const type = requireContentType(request, [JSON_TYPE, BATCHES_TYPE])
      const partition = partitionFor(type, query.partition)
      return bodies.read(request, async body => {
        if (partition === undefined)
          return answerJson<typeof ProduceAnswer>(await produceJson(path.topic, body, request))
        if (body.length === 0) throw new TidemarkError('INVALID_RECORD', 'The body holds no record batch.')
        const produced = await broker.produce({ topic: path.topic, partition, batches: body })
        return answerJson<typeof ProduceBatchesAnswer>({ partition, ...produced })
      })
    },
  )
}

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

function jsonProducer({ broker, nowMs, random, answers, topicCacheMs, toError }: Services) {
  const topics = new TopicFactsCache(broker, nowMs, topicCacheMs)
  const stickyPartitions = new StickyPartitions(random)

  async function place(
    topic: string,
    { records, compression }: z.output<typeof ProduceRequest>,
  ): Promise<Placement> {
    const facts = await topics.get(topic)
    const sticky = stickyPartitions.next(topic, facts.partitions)
    return placeRecords(records, facts, sticky, { nowMs: nowMs(), ...(compression && { compression }) })
  }

  return async (topic: string, body: Uint8Array, request: Request) => {
    const { ProduceRequest } = await loadSchemas()
    const produce = parseJsonBody(body, ProduceRequest)
    checkCount(produce.records.length, answers.jsonRecordsMax)
    try {
      const placement = await place(topic, produce).catch(error => {
        if (!isAboutTopic(error) || !topics.forget(topic)) throw error
        // What was remembered may be out of date: the topic may have grown since.
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

function isAboutTopic(error: unknown): boolean {
  return (
    error instanceof TidemarkError &&
    (error.kafkaName === 'UNKNOWN_TOPIC_OR_PARTITION' || error.kafkaName === 'MESSAGE_TOO_LARGE')
  )
}
