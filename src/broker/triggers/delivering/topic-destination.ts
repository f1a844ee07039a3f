import type { Broker } from '../../../contract/broker.ts'
import { TidemarkError } from '../../../core/errors.ts'
import { FAILED_BATCH_BYTES } from '../../../core/limits.ts'
import { encodeBatch } from '../../../core/record/batch-encoder.ts'
import type { RecordHeader, RecordInput } from '../../../core/record/record.ts'
import type { TriggerRecord } from '../../../core/trigger/trigger.ts'
import type { FailureDestinations, GivenUp } from '../../../ports/failure-destinations.ts'
import { NotApplied, OutcomeUnknown, StoreFailed } from '../../../ports/outcome.ts'

/** `tidemark://<topic>` names a topic of the same broker. */
const SCHEME = 'tidemark://'

/** The topic that a trigger's `onFailure` names; undefined where it names something else. */
export function topicOfDestination(destination: string): string | undefined {
  return destination.startsWith(SCHEME) ? destination.slice(SCHEME.length) : undefined
}

/**
 * Puts given-up records into a topic of this broker: the records themselves, with headers behind their own that say
 * where they come from and why. Records of one partition stay in order, in one partition.
 */
export function topicFailures(broker: Pick<Broker, 'produce' | 'describeTopic'>): FailureDestinations {
  const send: FailureDestinations['send'] = async (destination, givenUp) => {
    const topic = topicOfDestination(destination)
    if (topic === undefined) throw new StoreFailed(`${destination} names no topic: give ${SCHEME}<topic>`)
    try {
      const { partitions } = await broker.describeTopic(topic)
      const partition = givenUp.partition.partition % partitions
      for (const batch of batchesOf(givenUp)) {
        await broker.produce({ topic, partition, batches: encode(batch) })
      }
    } catch (error) {
      throw asOutcome(error, topic)
    }
  }
  return { send }
}

/** Several, where they are too many for one batch. A crash between two of them sends the first ones again. */
function batchesOf(givenUp: GivenUp): RecordInput[][] {
  const batches: RecordInput[][] = []
  let bytes = Number.POSITIVE_INFINITY
  for (const record of givenUp.records) {
    const input = { ...record, headers: [...record.headers, ...originOf(record, givenUp)] }
    const size = sizeOf(input)
    if (bytes + size > FAILED_BATCH_BYTES) {
      batches.push([])
      bytes = 0
    }
    batches.at(-1)!.push(input)
    bytes += size
  }
  return batches
}

/** A large record is compressed: it may have come so, and be more than any topic takes as it is. */
function encode(batch: readonly RecordInput[]): Uint8Array {
  const bytes = batch.reduce((sum, record) => sum + sizeOf(record), 0)
  return encodeBatch(batch, { compression: bytes > FAILED_BATCH_BYTES ? 'zstd' : 'none' })
}

function originOf(record: TriggerRecord, { trigger, partition, report }: GivenUp): RecordHeader[] {
  const origin = {
    topic: trigger.topic,
    partition: `${partition.partition}`,
    offset: `${record.offset}`,
    group: trigger.groupId,
    function: trigger.target,
    condition: JSON.parse(report).requestContext?.condition ?? '',
  }
  return Object.entries(origin).map(([name, value]) => ({
    key: `tidemark.failed.${name}`,
    value: new TextEncoder().encode(value),
  }))
}

function sizeOf({ key, value, headers = [] }: RecordInput): number {
  const ofHeaders = headers.reduce((sum, each) => sum + each.key.length + (each.value?.length ?? 0), 0)
  return (key?.length ?? 0) + (value?.length ?? 0) + ofHeaders
}

function asOutcome(error: unknown, topic: string): unknown {
  if (!(error instanceof TidemarkError)) return error
  const message = `The topic "${topic}" did not take what was given up (${error.kafkaName}: ${error.message})`
  const options = { cause: error }
  if (error.written !== 'no') return new OutcomeUnknown(message, options)
  // A topic that is missing is a retriable error in Kafka; somebody has to make it.
  if (error.retriable && error.kafkaName !== 'UNKNOWN_TOPIC_OR_PARTITION')
    return new NotApplied(message, options)
  return new StoreFailed(message, options)
}
