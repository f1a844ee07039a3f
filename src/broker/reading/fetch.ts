import type { Fetch, Fetched, FetchedMany, FetchMany, Located, LocatedMany } from '../../contract/broker.ts'
import { TidemarkError } from '../../core/errors.ts'
import {
  FETCH_BYTES_MAX,
  FETCH_DEFAULT_BYTES,
  FETCH_LAST_LOOK_MS_MAX,
  FETCH_POLL_INTERVAL_MS,
  FETCH_WAIT_MS_MAX,
  LOOKS_PARALLEL_MAX,
  READ_PARALLEL_MAX,
} from '../../core/limits.ts'
import type { RangeEnd } from '../../core/log/read-plan.ts'
import type { Offset } from '../../core/numbers.ts'
import type { Ports } from '../../ports/index.ts'
import type { ObjectLocator } from '../../ports/object-locator.ts'
import { OutcomeUnknown } from '../../ports/outcome.ts'
import { asTidemarkError } from '../../ports/store-errors.ts'
import { fewAtATime } from '../store-calls/few-at-a-time.ts'
import { inTime } from '../store-calls/retry.ts'
import { partitionGone, type TopicDirectory, unknownTopicId } from '../topics/topic-directory.ts'
import { armFirst } from './arm-first.ts'
import { AskedPartition } from './asked-partition.ts'
import { AskedTopics } from './asked-topics.ts'
import type { FooterCache } from './footers.ts'
import type { HotTail } from './hot-tail.ts'
import { type KnownEnd, KnownEnds } from './known-ends.ts'
import { Listening } from './listening.ts'
import { type Available, bytesMaxOf, type Found, PartitionReads, type Planned } from './partition-reads.ts'
import { inTurn } from './reserve-in-turn.ts'
import type { Look, Seen } from './tail.ts'
import type { TailWatch } from './tail-watch.ts'
import { Tails } from './tails.ts'

/** What a request wants to know: the bytes, or where they lie. */
interface Kind<T> {
  readonly end: RangeEnd
  /** The answer where nothing comes. */
  readonly nothing: (offsets: AskedPartition<T>['offsets']) => T
  readonly reserve?: Fetch['reserve'] | undefined
  readonly bring: (planned: Planned) => Promise<Found<T>>
}

/** How many logs a fetch looks at first at the same time. */
const LOOKS_FIRST = 4

/** Serves reads. Keeps nothing per consumer; the work depends on the answers' sizes, not on the logs'. */
export class Fetching {
  readonly listening: Listening
  readonly #ports: Ports
  readonly #topics: AskedTopics
  readonly #tails: Tails
  readonly #locator: ObjectLocator | undefined
  readonly #reads: PartitionReads
  readonly #ends = new KnownEnds()
  #isClosing = false

  /** @param pollIntervalMsMax what the pause between two looks at a log's end may grow to */
  constructor(
    ports: Ports,
    directory: TopicDirectory,
    watch: TailWatch,
    { hot, footers }: { hot: HotTail; footers: FooterCache },
    locator: ObjectLocator | undefined,
    pollIntervalMsMax = FETCH_POLL_INTERVAL_MS,
  ) {
    this.#ports = ports
    this.#topics = new AskedTopics(directory)
    this.#reads = new PartitionReads(ports, hot, footers)
    const { clock, index } = ports
    this.#tails = new Tails(clock, watch, this.#topics, id => index.readHead(id), pollIntervalMsMax)
    this.listening = new Listening(this.#tails)
    this.#locator = locator
  }

  /** Lets nobody wait any more: every fetch is answered with what there is. */
  close(): void {
    this.#isClosing = true
    this.listening.close()
    this.#tails.endWaiting()
  }

  async fetch(request: Fetch): Promise<Fetched> {
    return this.#single(request, this.#bytes(request))
  }

  async locate(request: Fetch): Promise<Located> {
    return this.#single(request, this.#places())
  }

  async fetchMany(request: FetchMany): Promise<FetchedMany> {
    return { partitions: await this.#many(request, this.#bytes(request)) }
  }

  async locateMany(request: FetchMany): Promise<LocatedMany> {
    return { partitions: await this.#many(request, this.#places()) }
  }

  #bytes(request: Pick<Fetch, 'reserve' | 'memory'>): Kind<Fetched> {
    const reserve = request.reserve && inTurn(request.reserve)
    return {
      end: 'byte',
      nothing: offsets => ({ ...offsets, chunks: [] }),
      reserve,
      bring: planned => this.#reads.read(planned, { reserve, memory: request.memory }),
    }
  }

  /** @throws TidemarkError INVALID_REQUEST where nobody knows where the bytes lie */
  #places(): Kind<Located> {
    const locator = this.#locator
    if (!locator) {
      throw new TidemarkError(
        'INVALID_REQUEST',
        'This broker has no URLs for its objects. Fetch the bytes instead.',
      )
    }
    return {
      end: 'mark',
      nothing: offsets => ({ ...offsets, ranges: [] }),
      bring: planned => this.#reads.locate(planned, locator),
    }
  }

  async #single<T>(request: Fetch, kind: Kind<T>): Promise<T> {
    const [served] = await this.#serve({ ...request, partitions: [request] }, kind)
    const outcome = served!.outcome!
    if ('error' in outcome) throw outcome.error
    return outcome.answer
  }

  async #many<T extends object>(request: FetchMany, kind: Kind<T>) {
    const served = await this.#serve(request, kind)
    return served.map(({ asked: { topic, partition }, topicId, outcome }) => {
      const which = { topic, topicId, partition }
      return 'error' in outcome! ? { ...which, error: outcome.error } : { ...which, ...outcome!.answer }
    })
  }

  /** Finds what there is, waits where it is too little, and brings it. */
  async #serve<T>(request: FetchMany, kind: Kind<T>): Promise<AskedPartition<T>[]> {
    const { clock } = this.#ports
    const maxBytes = bytesWithin(request.maxBytes ?? FETCH_DEFAULT_BYTES)
    const waitMs = Math.min(request.maxWaitMs ?? 0, FETCH_WAIT_MS_MAX)
    const untilMs = clock.monotonicMs() + waitMs
    const all = request.partitions.map(asked => {
      const bytesMax = Math.min(bytesWithin(asked.maxBytes ?? maxBytes), maxBytes)
      return new AskedPartition<T>(asked, bytesMax, kind.end, waitMs > 0)
    })
    try {
      const unfound = await armFirst(request, this.#topics)
      for (const one of all) if (unfound.has(one.asked)) one.outcome = failure(unfound.get(one.asked))
      const found = all.filter(({ outcome }) => !outcome)
      await this.#findAll(found, maxBytes, kind)
      if (waitMs > 0) {
        // More than all may bring would never be there.
        const most = all.reduce((sum, { bytesMax }) => sum + bytesMax, 0)
        const minBytes = Math.min(request.minBytes ?? 1, maxBytes, most)
        await this.#wait(all, { minBytes, maxBytes, untilMs, signal: request.signal })
      }
      await this.#bringAll(all, maxBytes, kind)
      return all
    } finally {
      for (const { open } of all) open?.close()
    }
  }

  /** Looks where each log ends, and at what it holds, as far as there is room for that. */
  async #findAll<T>(
    all: readonly AskedPartition<T>[],
    maxBytes: number,
    { nothing }: Kind<T>,
  ): Promise<void> {
    let bytes = 0
    // More at a time as long as little is found: where the first ones have enough, the others need not be looked at.
    let atOnce = LOOKS_FIRST
    for (let start = 0; start < all.length; ) {
      const some = all.slice(start, start + atOnce)
      start += some.length
      atOnce = Math.min(2 * atOnce, LOOKS_PARALLEL_MAX)
      await fewAtATime(some, some.length, async one => {
        const known = bytes >= maxBytes ? this.#ends.find(one.asked) : undefined
        if (known && isInside(known, one.asked.offset)) {
          one.passOver(known, nothing)
          return
        }
        try {
          const seen = await this.#look(one)
          if (all.length > 1) this.#ends.note(one.asked, seen)
          one.available = await this.#find(one, seen, bytes < maxBytes)
          bytes += bytesMaxOf(one.available, one.wanted)
        } catch (error) {
          one.outcome = failure(error)
        }
      })
    }
  }

  async #look<T>(one: AskedPartition<T>): Promise<Seen> {
    const { asked, waits } = one
    if (waits) {
      // Before the look: what is appended from now on is heard of.
      one.open ??= this.#tails.open(asked)
      return await one.open.tail.look()
    }
    const partition = await this.#topics.find(asked)
    const head = await this.#ports.index.readHead(partition)
    if (!head) this.#topics.forget(asked)
    return { partition, head }
  }

  /** What there is, by a look; looks again where that has gone by now. */
  async #find<T>(one: AskedPartition<T>, look: Seen, isLookedUp: boolean): Promise<Available> {
    for (let seen = look; ; seen = await this.#look(one)) {
      const available = await this.#reads.availableAt(seen, one.wanted, isLookedUp)
      if (available) return available
      one.missed()
    }
  }

  /** Waits until there is enough, one of them fails, or the time is up; then what was there at the last look that came in time counts. */
  async #wait<T>(
    all: readonly AskedPartition<T>[],
    {
      minBytes,
      maxBytes,
      untilMs,
      signal,
    }: { minBytes: number; maxBytes: number; untilMs: number; signal?: AbortSignal | undefined },
  ): Promise<void> {
    const waited = all.filter(({ outcome }) => !outcome)
    let bytes = waited.reduce((sum, { availableBytes }) => sum + availableBytes, 0)
    const isOver = all.some(one => one.endsInHole || (one.error && !isUnknown(one.error)))
    if (isOver || waited.length === 0 || bytes >= minBytes) return
    const waiting = this.#tails.wait<AskedPartition<T>>(this.#isClosing ? 0 : untilMs, signal)
    try {
      for (const one of waited) waiting.follow(one, one.open!.tail, one.available!)
      for (;;) {
        const news = await waiting.next()
        // Nobody waits for what there is by now.
        if (signal?.aborted) return
        const looked = await this.#lookInTime(
          news ?? waited.map(one => [one] as const),
          untilMs,
          bytes < maxBytes,
        )
        let ends = news === undefined || looked === undefined
        for (const [one, found] of looked ?? []) {
          bytes -= one.availableBytes
          if (found === undefined) ends = true
          else if ('error' in found) one.outcome = found
          else one.available = found
          bytes += one.availableBytes
          ends ||= one.outcome !== undefined || one.endsInHole
          if (!ends) waiting.follow(one, one.open!.tail, one.available!)
        }
        if (ends || bytes >= minBytes) return
      }
    } finally {
      waiting.end()
    }
  }

  /** What is there by now. Undefined where it is too late; of one, where its look was lost: that is as good as none. */
  async #lookInTime<T>(
    places: readonly (readonly [AskedPartition<T>, Look?])[],
    untilMs: number,
    isLookedUp: boolean,
  ): Promise<(readonly [AskedPartition<T>, Available | { error: TidemarkError } | undefined])[] | undefined> {
    const looking = fewAtATime(places, LOOKS_PARALLEL_MAX, async ([one, look]) => {
      try {
        return [one, await this.#lookAgain(one, look, isLookedUp)] as const
      } catch (error) {
        return [one, error instanceof OutcomeUnknown ? undefined : failure(error)] as const
      }
    })
    try {
      return await inTime(this.#ports.clock, untilMs, looking, FETCH_LAST_LOOK_MS_MAX)
    } catch (error) {
      if (error instanceof OutcomeUnknown) return undefined
      throw error
    }
  }

  async #lookAgain<T>(
    one: AskedPartition<T>,
    look: Look | undefined,
    isLookedUp: boolean,
  ): Promise<Available> {
    if (look && 'error' in look) throw look.error
    const { topic, topicId } = one.asked
    const seen = look?.seen ?? (await this.#look(one))
    // Nobody waits at one topic and hears of another that was made anew under its name.
    if (seen.partition.topicId !== one.topicId) throw unknownTopicId(topic ?? '')
    if (!seen.head && topicId === undefined) throw partitionGone('no')
    return await this.#find(one, seen, isLookedUp)
  }

  /** Gives every one its outcome: those that come first as much as they may have, the others what is left. */
  async #bringAll<T>(all: readonly AskedPartition<T>[], maxBytes: number, kind: Kind<T>): Promise<void> {
    let left = maxBytes
    let open = all.filter(({ outcome }) => !outcome)
    while (open.length > 0) {
      const wanted = this.#allot(open, left, left === maxBytes, kind)
      const planned = await fewAtATime(wanted, READ_PARALLEL_MAX, one => this.#plan(one))
      const bytes = planned.reduce((sum, plan) => sum + (plan?.bytes ?? 0), 0)
      if (bytes > 0) await kind.reserve?.(bytes)
      const plans = wanted.map((one, index) => [one, planned[index]] as const)
      const found = await fewAtATime(plans, READ_PARALLEL_MAX, ([one, plan]) => this.#bring(one, plan, kind))
      for (const [index, one] of wanted.entries()) {
        const brought = found[index]
        if (!brought) continue
        // The first batch may have been larger than what the others left for it.
        const isTooMuch =
          kind.end === 'byte' && brought.bytes > left && one.wanted.roomBytes < Number.POSITIVE_INFINITY
        if (isTooMuch) one.outcome = { answer: kind.nothing(one.offsets) }
        else {
          one.outcome = brought
          left -= brought.bytes
        }
      }
      open = wanted.filter(({ outcome }) => !outcome)
    }
  }

  /** Undefined where it is to be tried again, by what there is then, or has failed. */
  async #bring<T>(one: AskedPartition<T>, plan: Planned | undefined, kind: Kind<T>) {
    if (one.outcome) return undefined
    try {
      const found = plan && (await kind.bring(plan))
      if (found && 'answer' in found) return found
      if (found) one.want(found.instead)
      else one.missed()
      one.available = await this.#find(one, await this.#look(one), true)
    } catch (error) {
      one.outcome = failure(error)
    }
    return undefined
  }

  /**
   * Shares out what may be brought, and answers those for which there is nothing, or no room.
   * @param isFirst whether nothing has been brought yet: then the first one with records gets a batch, however large
   * @returns those that are to be read
   */
  #allot<T>(
    all: readonly AskedPartition<T>[],
    maxBytes: number,
    isFirst: boolean,
    { nothing }: Kind<T>,
  ): AskedPartition<T>[] {
    let left = maxBytes
    let roomBytes = isFirst ? Number.POSITIVE_INFINITY : maxBytes
    return all.filter(one => {
      if (one.availableBytes > 0 && roomBytes > 0) {
        one.wanted = { ...one.wanted, maxBytes: Math.min(one.bytesMax, Math.max(left, 1)), roomBytes }
        const narrowed = this.#reads.narrowed(one.available!, one.wanted)
        if (!narrowed?.hot || narrowed.hot.bytes <= roomBytes) {
          one.available = narrowed
          left -= narrowed ? bytesMaxOf(narrowed, one.wanted) : 0
          roomBytes = Math.max(0, left)
          return true
        }
      }
      one.outcome = { answer: nothing(one.offsets) }
      return false
    })
  }

  /** Undefined where something it takes is not there any more, or it failed. */
  async #plan<T>(one: AskedPartition<T>): Promise<Planned | undefined> {
    try {
      return one.available && (await this.#reads.plan(one.available, one.wanted))
    } catch (error) {
      one.outcome = failure(error)
      return undefined
    }
  }
}

/** Of a log that ended there nobody knows whether it still does: who reads at its end has it looked at. */
function isInside({ startOffset, endOffset }: KnownEnd, offset: Offset): boolean {
  return startOffset <= offset && offset < endOffset
}

function bytesWithin(bytes: number): number {
  return Math.min(Math.max(bytes, 1), FETCH_BYTES_MAX)
}

/** Who asks for what is not there need not be told before the others' wait is over. */
function isUnknown({ kafkaName }: TidemarkError): boolean {
  return kafkaName === 'UNKNOWN_TOPIC_OR_PARTITION'
}

/** What a partition is told of an error; one that is nobody's fault but this program's fails all. */
function failure(error: unknown): { error: TidemarkError } {
  const told = asTidemarkError(error)
  if (told instanceof TidemarkError) return { error: told }
  throw told
}
