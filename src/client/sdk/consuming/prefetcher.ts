import type { Broker, FetchedMany, FetchedPartition } from '../../../contract/broker.ts'
import { FETCH_PARTITIONS_MAX, LOCATED_READ_TIMEOUT_MS } from '../../../core/limits.ts'
import type { Wake } from '../../../core/waking/messages.ts'
import type { Ask } from '../../../core/waking/vigil.ts'
import { pause } from '../../pause.ts'
import { isTopicGone, pauseAfter, tryOnce } from '../../retry.ts'
import type { Outages } from '../outages.ts'
import { isKafkaError } from '../topic-facts.ts'
import type { ConsumerOptions, ConsumerWork } from './consumer-options.ts'
import { LocatedReads } from './located-reads.ts'
import type { PartitionStream } from './partition-stream.ts'
import {
  bytesFor,
  bytesForAll,
  type PrefetchListener,
  type PrefetchSettings,
  prefetchSettings,
  waitMsFor,
} from './prefetch-settings.ts'
import { RequestUnderWay } from './request-under-way.ts'
import { WakeCalls } from './wake-calls.ts'
import { takeWoken } from './woken-records.ts'

/** While a partition has as much as it shall have, the others are not asked for at once, since it will soon have room. */
const LINGER_MS = 100

/**
 * Fetches ahead of delivery, by one request for all partitions that have room for more. Every partition has its share of the
 * room, so that one that is not consumed holds up no other; who has got something is asked for last the next time.
 */
export class Prefetcher {
  readonly #broker: Broker
  readonly #settings: PrefetchSettings
  readonly #outages: Outages<ConsumerWork>
  readonly #listener: PrefetchListener
  readonly #located: LocatedReads | undefined
  readonly #wakes: WakeCalls<PartitionStream> | undefined
  /** In the order of their turns. */
  readonly #streams = new Set<PartitionStream>()
  readonly #toStart = new Set<PartitionStream>()
  #starts = 0
  #request: RequestUnderWay | undefined
  #isBeginning = false
  #lingering: NodeJS.Timeout | undefined
  /** Whether something came since it was lingered. */
  #mayLinger = false
  /** Requests in a row that brought nothing. */
  #quiet = 0
  #isStopped = false
  /** How many partitions share what may be fetched ahead. */
  partitions = 0

  constructor(
    broker: Broker,
    options: ConsumerOptions,
    outages: Outages<ConsumerWork>,
    listener: PrefetchListener,
  ) {
    this.#broker = broker
    this.#settings = prefetchSettings(options)
    this.#outages = outages
    this.#listener = listener
    if (options.located) this.#located = new LocatedReads(outages)
    // Who wants much at once is not to be woken for each record.
    if (this.#settings.minBytes <= 1) this.#wakes = this.#openWakes()
  }

  #openWakes(): WakeCalls<PartitionStream> {
    return new WakeCalls<PartitionStream>(
      {
        look: stream => {
          if (stream) return this.want(stream)
          // A request that waits does not know of it.
          if (this.#request?.mayWaitLong) this.#request.interrupt()
          this.#beginSoon()
        },
        take: (stream, wake) => this.#takeWoken(stream, wake),
        waits: (how, reason) => this.#listener.waits(how, reason),
      },
      this.#settings.retry.random,
    )
  }

  /** Fetches for a partition by the next request, if it has less than it shall have. */
  want(stream: PartitionStream): void {
    if (!this.#isWanted(stream)) return
    if (stream.fetchOffset === null) {
      this.#toStart.add(stream)
      this.#startSome()
      return
    }
    this.#streams.add(stream)
    if (this.#lingering) {
      clearTimeout(this.#lingering)
      this.#lingering = undefined
    }
    // Nothing of it can be delivered meanwhile: it does not wait for what comes of the others.
    if (!stream.hasRecords && this.#request?.mayWaitLong) this.#request.interrupt()
    this.#beginSoon()
  }

  /** Asks for nothing more. */
  stop(): void {
    this.#isStopped = true
    clearTimeout(this.#lingering)
    this.#wakes?.close()
    this.#request?.interrupt()
  }

  #isWanted(stream: PartitionStream): boolean {
    return this.#isOpen(stream) && !stream.isFetching && !this.#isFull(stream)
  }

  #isOpen(stream: PartitionStream): boolean {
    return (
      !this.#isStopped &&
      !stream.ended.signal.aborted &&
      !stream.isRevoking &&
      !stream.isFetchedWhole &&
      !this.#listener.isPaused(stream)
    )
  }

  /** Up to half of its share, so that fetches are few and large. */
  #isFull(stream: PartitionStream): boolean {
    const { recordsAhead, bytesAhead } = this.#settings
    const sharing = Math.max(1, this.partitions) * 2
    return (
      stream.hasRecords &&
      (stream.bufferedRecords >= recordsAhead / sharing || stream.bufferedBytes >= bytesAhead / sharing)
    )
  }

  #startSome(): void {
    for (const stream of this.#toStart) {
      if (this.#starts >= this.#settings.startsMax) return
      this.#toStart.delete(stream)
      if (this.#isWanted(stream)) void this.#start(stream)
    }
  }

  /** Finds where to begin. Never rejects. */
  async #start(stream: PartitionStream): Promise<void> {
    this.#starts++
    stream.isFetching = true
    const { jumps } = stream
    const beganMs = performance.now()
    let pauseMs = 0
    try {
      const offset = await this.#listener.findStart(stream)
      if (stream.jumps === jumps) {
        stream.start(offset)
        this.#listener.started()
      }
    } catch (error) {
      pauseMs = await this.#afterFailure(stream, jumps, error, beganMs)
    }
    this.#starts--
    this.#startSome()
    await this.#rest(stream, pauseMs)
  }

  /** It is asked for again after a pause. */
  async #rest(stream: PartitionStream, pauseMs: number): Promise<void> {
    if (pauseMs > 0) await pause(pauseMs, stream.ended.signal)
    stream.isFetching = false
    this.want(stream)
  }

  /** With all that are wanted in this turn. */
  #beginSoon(): void {
    if (this.#isBeginning || this.#request) return
    this.#isBeginning = true
    queueMicrotask(() => {
      this.#isBeginning = false
      this.#begin()
    })
  }

  #begin(): void {
    if (this.#request || this.#lingering) return
    const asks = new Map<PartitionStream, Ask>()
    const sleeping: PartitionStream[] = []
    let hasFull = false
    for (const stream of this.#streams) {
      if (stream.ended.signal.aborted) {
        this.#streams.delete(stream)
        this.#wakes?.forget(stream)
      } else if (stream.fetchOffset !== null && this.#isWanted(stream)) {
        const ask = this.#wakes ? this.#wakes.askFor(stream) : 'poll'
        if (ask) asks.set(stream, ask)
        else sleeping.push(stream)
      } else if (this.#isOpen(stream) && this.#isFull(stream)) hasFull = true
    }
    this.#wakes?.sleep(sleeping)
    if (asks.size === 0) return
    const wanted = [...asks.keys()]
    const isQuiet = wanted.every(stream => stream.isAtEnd)
    if (hasFull && isQuiet && this.#mayLinger) {
      this.#mayLinger = false
      this.#lingering = setTimeout(() => {
        this.#lingering = undefined
        this.#begin()
      }, LINGER_MS)
      return
    }
    const asked = wanted.slice(0, FETCH_PARTITIONS_MAX)
    // Where one request does not take all, those that it does not have come next, whatever it brings.
    if (asked.length < wanted.length) for (const stream of asked) this.#letOthersPass(stream)
    const askedNow = new Map(asked.map(stream => [stream, asks.get(stream)!]))
    void this.#fetchFor(asked, askedNow, this.#waitMs(wanted, askedNow, hasFull))
  }

  #waitMs(
    wanted: readonly PartitionStream[],
    asks: ReadonlyMap<PartitionStream, Ask>,
    hasFull: boolean,
  ): number {
    // Of the others it is told when something comes.
    const polls = [...asks.values()].includes('poll')
    // After trouble at once, so that it is known to be over.
    if (!polls || this.#wakes?.isKnown === false) return 0
    if (wanted.some(({ fetchFailures }) => fetchFailures > 0)) return 0
    const quiet = hasFull ? this.#quiet : undefined
    return waitMsFor(this.#settings, {
      isStarting: this.#starts > 0,
      partitions: wanted.length,
      quiet,
    })
  }

  /** One request. Never rejects. */
  async #fetchFor(
    streams: readonly PartitionStream[],
    asks: ReadonlyMap<PartitionStream, Ask>,
    waitMs: number,
  ): Promise<void> {
    const request = new RequestUnderWay(streams, waitMs, this.#wakes?.ticket)
    this.#request = request
    const beganMs = performance.now()
    const failed: [PartitionStream, unknown][] = []
    this.#listener.fetchStarted()
    this.#wakes?.asked(asks)
    const offsets = streams.map(stream => stream.fetchOffset!)
    try {
      const fetched = await this.#fetch(request, asks)
      const answers = fetched.partitions
      this.#wakes?.answered(asks, offsets, fetched)
      let batches = 0
      for (const [index, stream] of streams.entries()) {
        const answer = answers[index]!
        if (request.isStale(stream)) continue
        if ('chunks' in answer) batches += answer.chunks.length
        try {
          this.#take(stream, answer)
        } catch (error) {
          failed.push([stream, error])
        }
      }
      this.#quiet = batches > 0 ? 0 : Math.min(this.#quiet + 1, 10)
      if (batches > 0) this.#mayLinger = true
      this.#over(request, failed, beganMs)
      // Also where some of it is damaged: what comes before can be delivered.
      this.#listener.fetched(batches, performance.now() - beganMs)
    } catch (error) {
      this.#wakes?.failed(asks)
      if (request.listener !== undefined && isKafkaError(error, 'INVALID_REQUEST')) {
        // It is asked again without, and that tells whether anything else is wrong.
        this.#wakes?.refused(error)
        request.interrupt()
      }
      if (!request.isInterrupted) for (const stream of streams) failed.push([stream, error])
      this.#over(request, failed, beganMs)
    }
  }

  #over(
    request: RequestUnderWay,
    failed: readonly (readonly [PartitionStream, unknown])[],
    beganMs: number,
  ): void {
    this.#request = undefined
    request.end()
    const failing = new Set(failed.map(([stream]) => stream))
    // Of the same trouble they rest together.
    const together = this.#settings.retry.random()
    for (const [stream, error] of failed) void this.#failed(stream, request, error, beganMs, together)
    for (const stream of request.streams) {
      if (failing.has(stream)) continue
      stream.isFetching = false
      if (stream.ended.signal.aborted) continue
      if (!request.isInterrupted && !request.isStale(stream)) {
        stream.fetchFailures = 0
        this.#outages.passed('fetch', stream)
      }
    }
    for (const stream of request.streams) this.want(stream)
    // Others may have been wanted meanwhile.
    this.#beginSoon()
  }

  async #failed(
    stream: PartitionStream,
    request: RequestUnderWay,
    error: unknown,
    beganMs: number,
    together: number,
  ): Promise<void> {
    const pauseMs = await this.#afterFailure(stream, request.jumpsOf(stream), error, beganMs, together)
    await this.#rest(stream, pauseMs)
  }

  /** False: nobody wants it now. */
  #takeWoken(stream: PartitionStream, wake: Wake): boolean {
    if (stream.isFetching || !this.#isOpen(stream)) return false
    const became = takeWoken(stream, wake, !this.#isFull(stream))
    if (became === 'taken') {
      this.#quiet = 0
      this.#listener.fetchStarted()
      this.#listener.fetched(1, 0)
    }
    if (stream.hasMore) this.want(stream)
    return became !== 'damaged'
  }

  #take(stream: PartitionStream, answer: FetchedPartition): void {
    if ('error' in answer) throw answer.error
    const { startOffset, endOffset, nextOffset, chunks } = answer
    stream.endOffset = endOffset
    stream.startOffset = startOffset
    if (chunks.length > 0) this.#letOthersPass(stream)
    stream.add(chunks, nextOffset)
  }

  /** The others have their turn before it. */
  #letOthersPass(stream: PartitionStream): void {
    this.#streams.delete(stream)
    this.#streams.add(stream)
  }

  async #fetch(request: RequestUnderWay, asks: ReadonlyMap<PartitionStream, Ask>): Promise<FetchedMany> {
    const { minBytes, retry } = this.#settings
    const { signal, streams, waitMs, listener } = request
    const asked = streams.map(stream => {
      const { topic, topicId, partition } = stream
      const place = { topic, topicId, partition, offset: stream.fetchOffset! }
      const arming = asks.get(stream) === 'arm' && this.#wakes?.arming(stream, place.offset)
      return { ...place, maxBytes: bytesFor(stream, this.#settings, this.partitions), ...arming }
    })
    const wanted = {
      partitions: asked,
      maxBytes: bytesForAll(this.#streams, this.#settings),
      minBytes,
      maxWaitMs: waitMs,
      signal,
      ...(listener !== undefined && { listener }),
    }
    // What it waits at the broker, and then as long as any request.
    const settings = { tryMs: waitMs + retry.tryMs, signal, isRead: true }
    const source: Pick<Broker, 'fetchMany' | 'locateMany'> = {
      fetchMany: many => tryOnce(call => this.#broker.fetchMany(many, call), settings),
      locateMany: many => tryOnce(call => this.#broker.locateMany(many, call), settings),
    }
    const rangeMs = Math.min(LOCATED_READ_TIMEOUT_MS, retry.tryMs)
    return await (this.#located?.fetch(wanted, source, rangeMs) ?? source.fetchMany(wanted))
  }

  /** @returns how long the partition rests */
  async #afterFailure(
    stream: PartitionStream,
    jumps: number,
    error: unknown,
    sinceMs: number,
    random = this.#settings.retry.random(),
  ): Promise<number> {
    // After a jump nobody wants to know what became of it.
    if (stream.ended.signal.aborted || stream.jumps !== jumps) return 0
    if (isTopicGone(error)) {
      stream.isDeleted = true
      stream.ended.abort()
      this.#outages.forget(stream)
      this.#listener.deleted(stream, error)
      return 0
    }
    let failure = error
    if (isKafkaError(error, 'OFFSET_OUT_OF_RANGE')) {
      // Retention or a deletion has overtaken the consumer.
      try {
        stream.jump(await this.#listener.findNext(stream, error))
        return 0
      } catch (other) {
        failure = other
      }
    }
    const pauseMs = pauseAfter(stream.fetchFailures++, { ...this.#settings.retry, random: () => random })
    if (!this.#outages.failed('fetch', stream, failure, sinceMs)) this.#listener.failed(failure)
    return pauseMs
  }
}
