import { isKafkaError } from '../../client/sdk/topic-facts.ts'
import type {
  Broker,
  CallOptions,
  Fetch,
  Fetched,
  FetchedMany,
  FetchedPartition,
  FetchMany,
} from '../../contract/broker.ts'
import { damagedBatchOf } from '../../core/batches/batch-run.ts'
import { TidemarkError } from '../../core/errors.ts'
import { PORTION_BYTES, PORTION_RECORDS } from '../../core/limits.ts'
import { type Offset, toOffset } from '../../core/numbers.ts'
import { checkToRead, readBatchHeader } from '../../core/record/batch-header.ts'
import { BatchRecords } from '../../core/record/batch-records.ts'
import { nextTurn } from '../../core/turns.ts'

/** Records that were passed over, and why. */
export interface Skipped {
  topic: string
  partition: number
  from: Offset
  /** The first one behind them. */
  to: Offset
  error: TidemarkError
}

/** A broker whose fetches pass over what cannot be read, and tell it: to a reader there is a gap. */
export function skippingCorrupt<B extends Broker>(broker: B, tell: (skipped: Skipped) => void): B {
  const fetch = async (request: Fetch): Promise<Fetched> => {
    const { offset } = request
    for (let tries = 0; ; tries++) {
      try {
        const fetched = await broker.fetch(request)
        // Bytes may have changed on the way here, too: the first time they are asked for again.
        return await withoutDamage(fetched, request, tries === 0 ? raise : tell)
      } catch (error) {
        if (!isDamage(error)) throw error
        if (tries === 0) continue
        const { topic, partition } = request
        const find = async (at: 'earliest' | 'latest') =>
          (await broker.offsetFor({ topic, partition, at })).offset ?? offset
        const [startOffset, endOffset] = await Promise.all([find('earliest'), find('latest')])
        const to = await findEnd(broker, request, endOffset, error)
        tell({ topic, partition, from: offset, to, error })
        return { startOffset, endOffset, nextOffset: to, chunks: [] }
      }
    }
  }
  const fetchMany = async (request: FetchMany, call?: CallOptions): Promise<FetchedMany> => {
    const { partitions } = await broker.fetchMany(request, call)
    const passed = partitions.map(async (answer, index): Promise<FetchedPartition> => {
      const { topic = '', topicId, partition } = answer
      const asked = { ...request.partitions[index]!, topic }
      const which = { topic, topicId, partition }
      try {
        if (!('error' in answer)) return { ...which, ...(await withoutDamage(answer, asked, raise)) }
        if (!isDamage(answer.error)) return answer
      } catch (error) {
        if (!isDamage(error)) throw error
      }
      const { offset, maxBytes = request.maxBytes } = asked
      const single = { topic, topicId, partition, offset, ...(maxBytes !== undefined && { maxBytes }) }
      return { ...which, ...(await fetch(single)) }
    })
    return { partitions: await Promise.all(passed) }
  }
  return new Proxy(broker, {
    get(target, name) {
      if (name === 'fetch') return fetch
      if (name === 'fetchMany') return fetchMany
      const member: unknown = Reflect.get(target, name, target)
      return typeof member === 'function' ? member.bind(target) : member
    },
  })
}

function isDamage(error: unknown): error is TidemarkError {
  return isKafkaError(error, 'CORRUPT_MESSAGE')
}

function raise({ error }: Skipped): never {
  throw error
}

/** Only the batches that can be decoded. What a consumer throws away of the first one counts neither as read nor as lost. */
async function withoutDamage(
  fetched: Fetched,
  request: Pick<Fetch, 'topic' | 'partition' | 'offset'>,
  damaged: (skipped: Skipped) => void,
): Promise<Fetched> {
  const chunks: Uint8Array[] = []
  for (const chunk of fetched.chunks) {
    for (let position = 0; position < chunk.length; ) {
      const header = readBatchHeader(chunk, position)
      try {
        if (!header.isControl) await checkRecords(chunk, position)
        chunks.push(chunk.subarray(position, position + header.sizeBytes))
      } catch (error) {
        if (!(error instanceof TidemarkError)) throw error
        const { topic, partition } = request
        const from = toOffset(Math.max(header.baseOffset, request.offset))
        damaged({
          topic,
          partition,
          from,
          to: toOffset(header.baseOffset + header.lastOffsetDelta + 1),
          error,
        })
      }
      position += header.sizeBytes
    }
  }
  return { ...fetched, chunks }
}

/** Looks at every record, a portion at a time. @throws TidemarkError as decodeBatch */
async function checkRecords(chunk: Uint8Array, position: number): Promise<void> {
  const reading = new BatchRecords(checkToRead(chunk, position), chunk, position)
  for (let portions = 0; !reading.isAtEnd; portions++) {
    if (portions > 0) await nextTurn()
    await reading.next({ records: PORTION_RECORDS, bytes: PORTION_BYTES })
  }
}

/** Where the damaged batch that `request` met ends. Whoever asks for a record in it hears of the same one. */
async function findEnd(
  broker: Broker,
  { topic, partition, offset }: Fetch,
  end: Offset,
  met: TidemarkError,
): Promise<Offset> {
  const first = damagedBatchOf(met)
  const isWithin = async (at: Offset) => {
    try {
      await broker.fetch({ topic, partition, offset: at, maxBytes: 1, maxWaitMs: 0 })
      return false
    } catch (error) {
      if (!isDamage(error)) throw error
      return damagedBatchOf(error) === first
    }
  }
  let within: number = offset
  let beyond: number = end
  for (let step = 1; within + step < beyond; step *= 2) {
    if (await isWithin(toOffset(within + step))) within += step
    else beyond = within + step
  }
  while (within + 1 < beyond) {
    const middle = Math.floor((within + beyond) / 2)
    if (await isWithin(toOffset(middle))) within = middle
    else beyond = middle
  }
  return toOffset(beyond)
}
