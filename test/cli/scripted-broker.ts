import { fetchEach } from '../../src/client/fetch-each.ts'
import type {
  Broker,
  DeleteRecords,
  Fetch,
  Fetched,
  FoundOffset,
  OffsetFor,
  Produce,
  Produced,
  TopicDescription,
} from '../../src/contract/broker.ts'
import { TidemarkError } from '../../src/core/errors.ts'
import { advance, type Offset, toOffset } from '../../src/core/numbers.ts'
import { decodeBatch, type LogRecord, patchOffsets } from '../../src/core/record/index.ts'

interface StoredBatch {
  baseOffset: Offset
  endOffset: Offset
  bytes: Uint8Array
}

interface StoredPartition {
  startOffset: Offset
  batches: StoredBatch[]
}

/** One topic in memory, whose behaviour a test can bend. */
export class ScriptedBroker implements Broker {
  readonly partitions: StoredPartition[]
  maxMessageBytes = 1_048_588
  /** Runs before each produce call; what it throws is the answer. */
  beforeProduce: (request: Produce) => Promise<void> = async () => {}
  beforeFetch: (request: Fetch) => Promise<void> = async () => {}
  readonly produced: { partition: number; bytes: number }[] = []
  fetches = 0

  constructor(partitions = 1) {
    this.partitions = Array.from({ length: partitions }, () => ({ startOffset: toOffset(0), batches: [] }))
  }

  records(partition = 0): LogRecord[] {
    return this.#partition(partition).batches.flatMap(({ bytes }) => decodeBatch(bytes).records)
  }

  values(partition = 0): string[] {
    return this.records(partition).map(({ value }) => Buffer.from(value ?? []).toString())
  }

  async describeTopic(topic: string): Promise<TopicDescription> {
    return {
      topic,
      topicId: 'an id',
      createdMs: 0,
      partitions: this.partitions.length,
      configs: [{ name: 'max.message.bytes', value: String(this.maxMessageBytes), isDefault: true }],
      offsets: this.partitions.map((stored, partition) => ({
        partition,
        startOffset: stored.startOffset,
        endOffset: endOf(stored),
      })),
    }
  }

  async produce(request: Produce): Promise<Produced> {
    await this.beforeProduce(request)
    const stored = this.#partition(request.partition)
    const baseOffset = endOf(stored)
    let records = 0
    for (let position = 0; position < request.batches.length; ) {
      const { header } = decodeBatch(request.batches, position)
      const bytes = request.batches.slice(position, position + header.sizeBytes)
      const batchOffset = advance(baseOffset, records)
      patchOffsets(bytes, 0, batchOffset, 0)
      records += header.recordCount
      stored.batches.push({ baseOffset: batchOffset, endOffset: advance(baseOffset, records), bytes })
      position += header.sizeBytes
    }
    this.produced.push({ partition: request.partition, bytes: request.batches.length })
    return { baseOffset, records, startOffset: stored.startOffset, logAppendTimeMs: null }
  }

  async fetch(request: Fetch): Promise<Fetched> {
    this.fetches++
    await this.beforeFetch(request)
    const stored = this.#partition(request.partition)
    const { startOffset } = stored
    if (request.offset < startOffset || request.offset > endOf(stored)) {
      throw new TidemarkError('OFFSET_OUT_OF_RANGE', `There is no offset ${request.offset}.`)
    }
    const deadline = performance.now() + (request.maxWaitMs ?? 0)
    while (request.offset === endOf(stored) && performance.now() < deadline && !request.signal?.aborted) {
      await new Promise(resolve => setTimeout(resolve, 2))
    }
    const batch = stored.batches.find(({ endOffset }) => endOffset > request.offset)
    return {
      startOffset,
      endOffset: endOf(stored),
      nextOffset: batch?.endOffset ?? request.offset,
      chunks: batch ? [batch.bytes] : [],
    }
  }

  async offsetFor({ partition, at }: OffsetFor): Promise<FoundOffset> {
    const stored = this.#partition(partition)
    if (at === 'earliest') return { offset: stored.startOffset, timestampMs: null }
    if (at === 'latest') return { offset: endOf(stored), timestampMs: null }
    const records = this.records(partition)
    const timestampMs =
      at === 'max-timestamp' ? Math.max(...records.map(record => record.timestampMs)) : at.timestampMs
    const found = records.find(record => record.timestampMs >= timestampMs)
    return { offset: found?.offset ?? null, timestampMs: found?.timestampMs ?? null }
  }

  async deleteRecords({ partition, beforeOffset }: DeleteRecords): Promise<{ startOffset: Offset }> {
    this.#partition(partition).startOffset = beforeOffset
    return { startOffset: beforeOffset }
  }

  createTopic = unused
  listTopics = unused
  alterTopic = unused
  deleteTopic = unused
  fetchMany: Broker['fetchMany'] = request => fetchEach(request, one => this.fetch(one))
  locate = unused
  locateMany = unused

  #partition(partition: number): StoredPartition {
    const stored = this.partitions[partition]
    if (!stored) throw new TidemarkError('UNKNOWN_TOPIC_OR_PARTITION', `There is no partition ${partition}.`)
    return stored
  }
}

function endOf({ startOffset, batches }: StoredPartition): Offset {
  return batches.at(-1)?.endOffset ?? startOffset
}

async function unused(): Promise<never> {
  throw new Error('no test needs this')
}
