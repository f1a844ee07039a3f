import type { Broker, FetchedMany, FetchMany, LocatedMany } from '../../../contract/broker.ts'
import { TidemarkError } from '../../../core/errors.ts'
import { LOCATED_READ_TIMEOUT_MS } from '../../../core/limits.ts'
import { fetchLocated } from '../../located.ts'
import { isPassing, type Outages } from '../outages.ts'
import { isKafkaError } from '../topic-facts.ts'
import type { ConsumerWork } from './consumer-options.ts'

/** After URLs that could not be read: how long all is read through the broker, before one is tried again. */
const REST_FIRST_MS = 30_000
const REST_MS_MAX = 600_000
/** That one partition waits no longer than this. */
const PROBE_TIMEOUT_MS = 5_000

/** Where both are asked of: the broker. */
type Source = Pick<Broker, 'fetchMany' | 'locateMany'>
type Request = FetchMany & { signal: AbortSignal }

/** Reads past the broker what it can locate, and through it wherever that does not work. */
export class LocatedReads {
  readonly #outages: Outages<ConsumerWork>
  #hasUrls = true
  /** How long the rest after the last failure is; 0: URLs can be read. */
  #restMs = 0
  /** Until when no URL is tried. */
  #untilMs = 0

  constructor(outages: Outages<ConsumerWork>) {
    this.#outages = outages
  }

  /**
   * @param timeoutMs for each range
   * @throws TidemarkError as `fetchMany` of the source: that a URL could not be read is told, and is no failure
   */
  async fetch(request: Request, source: Source, timeoutMs = LOCATED_READ_TIMEOUT_MS): Promise<FetchedMany> {
    if (!this.#hasUrls || performance.now() < this.#untilMs) return source.fetchMany(request)
    if (this.#restMs === 0) return this.#try(request, source, timeoutMs)
    // Meanwhile the others go on through the broker.
    this.#untilMs = Number.POSITIVE_INFINITY
    try {
      return await this.#try(request, source, Math.min(PROBE_TIMEOUT_MS, timeoutMs))
    } finally {
      // Nothing was found out: the next one tries.
      if (this.#untilMs === Number.POSITIVE_INFINITY) this.#untilMs = 0
    }
  }

  async #try(request: Request, source: Source, timeoutMs: number): Promise<FetchedMany> {
    const isProbe = this.#restMs > 0
    const located = await this.#locate(request, source)
    if (!located) return source.fetchMany(request)
    try {
      const { signal } = request
      const partitions = await Promise.all(
        located.partitions.map(async (one, index) => {
          if ('error' in one) return one
          const { topic, topicId, partition } = one
          const from = request.partitions[index]!.offset
          return { topic, topicId, partition, ...(await fetchLocated(one, { from, signal, timeoutMs })) }
        }),
      )
      // Of those that were under way when others failed, success tells nothing.
      const isNews = isProbe || this.#restMs === 0
      const ranges = located.partitions.flatMap(one => ('ranges' in one ? one.ranges : []))
      if (isNews && ranges.some(range => 'url' in range)) this.#works()
      return { partitions, waking: located.waking }
    } catch (error) {
      if (request.signal.aborted) throw error
      if (isProbe || this.#restMs === 0) this.#rest()
      // Where this fails, too, it is no trouble of the URLs.
      const fetched = await source.fetchMany(request)
      this.#outages.failed('locate', this, toTell(error))
      return fetched
    }
  }

  /** @returns undefined where the broker has no URLs to give, and so stays */
  async #locate(request: FetchMany, source: Source): Promise<LocatedMany | undefined> {
    try {
      return await source.locateMany(request)
    } catch (error) {
      if (!isKafkaError(error, 'INVALID_REQUEST') && !isKafkaError(error, 'UNSUPPORTED_VERSION')) throw error
      // Perhaps it is the ticket that it does not take.
      if (request.listener !== undefined) throw error
      this.#hasUrls = false
      return undefined
    }
  }

  #rest(): void {
    this.#restMs = Math.min(REST_MS_MAX, Math.max(REST_FIRST_MS, this.#restMs * 2))
    this.#untilMs = performance.now() + this.#restMs
  }

  #works(): void {
    this.#restMs = 0
    this.#untilMs = 0
    this.#outages.passed('locate', this)
  }
}

/** Whatever it is, it may pass. */
function toTell(error: unknown): TidemarkError {
  const name = isPassing(error) ? error.kafkaName : 'KAFKA_STORAGE_ERROR'
  const reason = error instanceof Error ? error.message : String(error)
  const message = `Bytes cannot be read where they lie, so they are read through the broker. ${reason}`
  return new TidemarkError(name, message, 'no', { cause: error })
}
