import type { Fetch, Fetched, Located, LocatedRange } from '../../contract/broker.ts'
import { type CutRun, cutRun, type Wanted as WantedBatches } from '../../core/batches/batch-run.ts'
import { copyBytes } from '../../core/bytes.ts'
import { TidemarkError } from '../../core/errors.ts'
import {
  FETCH_BYTES_MAX,
  FETCH_DEFAULT_BYTES,
  FETCH_LAST_LOOK_MS_MAX,
  FETCH_POLL_INTERVAL_MS,
  FETCH_WAIT_MS_MAX,
  READ_AGAIN_MAX,
  READ_PARALLEL_MAX,
} from '../../core/limits.ts'
import type { PlacedEntry } from '../../core/log/entry.ts'
import type { Head } from '../../core/log/head.ts'
import { objectOf, type PlannedRange, planRead, type RangeEnd } from '../../core/log/read-plan.ts'
import { advance, later, type Offset, toPosition } from '../../core/numbers.ts'
import { placeKey } from '../../core/storage-layout.ts'
import type { PartitionId } from '../../core/topic/partition-id.ts'
import type { Ports } from '../../ports/index.ts'
import type { ObjectLocator } from '../../ports/object-locator.ts'
import { OutcomeUnknown } from '../../ports/outcome.ts'
import { inTime } from '../store-calls/retry.ts'
import { partitionGone, type TopicDirectory, unknownTopicId } from '../topics/topic-directory.ts'
import type { FooterCache, WantedRange } from './footers.ts'
import type { HotRecords, HotTail } from './hot-tail.ts'
import { KnownPlaces } from './known-places.ts'
import type { Seen } from './tail.ts'
import type { TailWatch } from './tail-watch.ts'
import { Tails } from './tails.ts'
import { bytesFrom, missingBytes, readEntries, readPlace } from './walk.ts'

/** What is in the log from an offset on, as the index tells. */
interface Available {
  readonly partition: PartitionId
  readonly head: Head
  /** In memory already; then the entries are not looked up. */
  readonly hot?: HotRecords | undefined
  readonly entries: readonly PlacedEntry[]
}

/** A read, from where on, and how. */
interface Wanted extends WantedRange {
  /** Whether what is in memory may be the answer. */
  readonly takesHot: boolean
}

/** What a read has found: an answer, or what to look for instead. */
type Found<T> = { readonly answer: T } | { readonly instead: Partial<Wanted> }

/** Serves reads. Keeps nothing per consumer; the work depends on the answer's size, not on the log's. */
export class Fetching {
  readonly #ports: Ports
  readonly #directory: TopicDirectory
  readonly #tails: Tails
  readonly #locator: ObjectLocator | undefined
  readonly #hot: HotTail
  readonly #places = new KnownPlaces()
  readonly #footers: FooterCache
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
    this.#directory = directory
    this.#hot = hot
    this.#footers = footers
    const { clock, index } = ports
    this.#tails = new Tails(clock, watch, directory, id => index.readHead(id), pollIntervalMsMax)
    this.#locator = locator
  }

  /** Lets nobody wait any more: every fetch is answered with what there is. */
  close(): void {
    this.#isClosing = true
    this.#tails.endWaiting()
  }

  async fetch(request: Fetch): Promise<Fetched> {
    return await this.#serve(request, 'byte', async ({ partition, head, hot }, ranges, wanted) => {
      const { startOffset, nextOffset: endOffset } = head
      if (hot) {
        const { bytes, nextOffset } = hot
        await request.reserve?.(bytes)
        const chunks = hot.copy()
        if (!chunks) return { instead: { takesHot: false } }
        return { answer: { startOffset, endOffset, nextOffset, chunks } }
      }
      const bytes = ranges.reduce((sum, range) => sum + range.bytes, 0)
      if (bytes > 0) await request.reserve?.(bytes)
      try {
        const { chunks, nextOffset } = await this.#readRanges(partition, ranges, wanted, request.reserve)
        // All that was planned has gone from the log by cleaning.
        if (chunks.length === 0 && nextOffset < endOffset) return { instead: { from: nextOffset } }
        return { answer: { startOffset, endOffset, nextOffset, chunks } }
      } catch (error) {
        const isDamage = error instanceof TidemarkError && error.kafkaName === 'CORRUPT_MESSAGE'
        const hasFooters = ranges.some(({ kind }) => kind === 'segment')
        // Perhaps before what is wanted: a mark leads past it.
        if (isDamage && hasFooters && wanted.sparesFooters) return { instead: { sparesFooters: false } }
        throw error
      }
    })
  }

  async locate(request: Fetch): Promise<Located> {
    const locator = this.#locator
    if (!locator) {
      throw new TidemarkError(
        'INVALID_REQUEST',
        'This broker has no URLs for its objects. Fetch the bytes instead.',
      )
    }
    return await this.#serve(request, 'mark', async ({ head }, ranges, { from }) => {
      const located = await Promise.all(ranges.map(range => locateRange(range, locator)))
      const last = located.at(-1)
      const nextOffset = last ? advance(last.baseOffset, last.span) : from
      return {
        answer: { startOffset: head.startOffset, endOffset: head.nextOffset, nextOffset, ranges: located },
      }
    })
  }

  /** Finds what there is, waits where it is too little, plans, and lets `answer` do what was planned. */
  async #serve<T>(
    request: Fetch,
    end: RangeEnd,
    answer: (available: Available, ranges: readonly PlannedRange[], wanted: Wanted) => Promise<Found<T>>,
  ): Promise<T> {
    const { topic, topicId, partition, offset } = request
    const maxBytes = Math.min(Math.max(request.maxBytes ?? FETCH_DEFAULT_BYTES, 1), FETCH_BYTES_MAX)
    const minBytes = Math.min(request.minBytes ?? 1, maxBytes)
    const waitMs = Math.min(request.maxWaitMs ?? 0, FETCH_WAIT_MS_MAX)
    const untilMs = this.#ports.clock.monotonicMs() + waitMs
    let wanted: Wanted = { from: offset, maxBytes, end, sparesFooters: true, takesHot: end === 'byte' }
    for (let misses = 0; ; ) {
      const available =
        waitMs > 0
          ? await this.#lookUntil(untilMs, minBytes, request, wanted)
          : await this.#look(
              await this.#directory.resolvePartition(topic, partition, topicId),
              request,
              wanted,
            )
      const ranges = available && (await this.#plan(available, wanted))
      if (ranges) {
        // Where nothing is left up to the log's end, that is where to go on.
        const from = endsInHole(available, wanted) ? available.head.nextOffset : wanted.from
        const found = await answer(available, ranges, { ...wanted, from })
        if ('answer' in found) return found.answer
        const before = wanted
        wanted = { ...before, ...found.instead }
        const isNews =
          wanted.from > before.from ||
          wanted.sparesFooters !== before.sparesFooters ||
          wanted.takesHot !== before.takesHot
        if (isNews) continue
      }
      // Deleted between two looks: the next one tells the caller so, unless the index is damaged.
      misses += 1
      if (misses > READ_AGAIN_MAX) throw missingBytes(wanted.from)
    }
  }

  /** Undefined where something it takes is not there any more. */
  async #plan({ partition, entries }: Available, wanted: Wanted): Promise<PlannedRange[] | undefined> {
    const { from, maxBytes, end } = wanted
    const known = this.#places.find(partition, from)
    const marked = await this.#footers.withMarks(entries, wanted, known)
    return marked && planRead(marked, from, maxBytes, end, known)
  }

  /** Looks until there is enough, or the time is up: then what was there at the last look that came in time. */
  async #lookUntil(
    untilMs: number,
    minBytes: number,
    request: Fetch,
    wanted: Wanted,
  ): Promise<Available | undefined> {
    const { signal } = request
    return await this.#tails.use(request, async tail => {
      let seen = await tail.look()
      const { topicId } = seen.partition
      let available = await this.#availableAt(seen, wanted)
      while (available && !endsInHole(available, wanted) && countBytes(available, wanted.from) < minBytes) {
        const before: Available = available
        let isOver = false
        try {
          const found = await this.#tails.next(tail, seen, this.#isClosing ? 0 : untilMs, signal)
          // Nobody waits for what there is by now.
          if (signal?.aborted) return before
          isOver = found === undefined
          const looking = async () => {
            seen = found ?? (await tail.look())
            // Nobody waits at one topic and hears of another that was made anew under its name.
            if (seen.partition.topicId !== topicId) throw unknownTopicId(request.topic)
            if (!seen.head && request.topicId === undefined) throw partitionGone('no')
            return await this.#availableAt(seen, wanted)
          }
          available = await inTime(this.#ports.clock, untilMs, looking(), FETCH_LAST_LOOK_MS_MAX)
        } catch (error) {
          // A look that is late is as good as none: the last one tells what there was.
          if (error instanceof OutcomeUnknown) return before
          throw error
        }
        if (isOver) return available
      }
      return available
    })
  }

  async #look(id: PartitionId, { topic }: Fetch, wanted: Wanted): Promise<Available | undefined> {
    const head = await this.#ports.index.readHead(id)
    if (!head) this.#directory.forget(topic)
    return await this.#availableAt({ partition: id, head }, wanted)
  }

  async #availableAt(
    { partition, head }: Seen,
    { from, maxBytes, takesHot }: Wanted,
  ): Promise<Available | undefined> {
    if (!head) return undefined
    if (from < head.startOffset || from > head.nextOffset) {
      throw new TidemarkError(
        'OFFSET_OUT_OF_RANGE',
        `Offset ${from} is not in the log, which goes from ${head.startOffset} to ${head.nextOffset}. ` +
          'Start from the earliest or the latest offset.',
      )
    }
    // What was cleaned is read as it is now: its tombstones may be gone, and who has read values from here needs them.
    const isHot = takesHot && from >= head.settled.cleanOffset
    const hot = isHot ? this.#hot.find(partition, from, head.nextOffset, maxBytes) : undefined
    if (hot) return { partition, head, hot, entries: [] }
    const entries = await readEntries(this.#ports.index, partition, head, from, maxBytes)
    return entries && { partition, head, entries }
  }

  async #readRanges(
    partition: PartitionId,
    ranges: readonly PlannedRange[],
    { from, maxBytes }: Wanted,
    reserve: Fetch['reserve'],
  ): Promise<{ chunks: Uint8Array[]; nextOffset: Offset }> {
    const chunks: Uint8Array[] = []
    let nextOffset = from
    let left = maxBytes
    for (let start = 0; start < ranges.length; start += READ_PARALLEL_MAX) {
      const group = ranges.slice(start, start + READ_PARALLEL_MAX)
      const reads = await Promise.all(group.map(range => this.#readRange(range)))
      for (const [index, bytes] of reads.entries()) {
        const range = group[index]!
        const wanted = {
          from: range.kind === 'inline' ? nextOffset : later(nextOffset, range.from),
          maxBytes: left,
          atLeastOne: chunks.length === 0,
        }
        const cut = bytes && (await this.#cut(range, bytes, wanted, reserve))
        if (!cut) return { chunks, nextOffset }
        if (cut.batches.length > 0) chunks.push(cut.batches)
        left -= cut.batches.length
        // The last records of a range may have gone from it.
        const end = cut.isWhole ? endOf(range) : undefined
        nextOffset = later(nextOffset, end ?? cut.nextOffset)
        if (end === undefined && range.kind !== 'inline') {
          const position = toPosition(range.position + cut.usedBytes)
          this.#places.add(partition, { offset: cut.nextOffset, object: objectOf(range), position })
        }
        if (!cut.isWhole || left <= 0) return { chunks, nextOffset }
      }
    }
    return { chunks, nextOffset }
  }

  /** Cuts a range to what is wanted; reads more of it where not even one batch is whole. */
  async #cut(
    range: PlannedRange,
    bytes: Uint8Array,
    wanted: WantedBatches,
    reserve: Fetch['reserve'],
  ): Promise<CutRun | undefined> {
    let read: Uint8Array | undefined = bytes
    while (read) {
      const cut =
        range.kind === 'segment'
          ? cutRun(read, range.baseOffset, { ...wanted, ...endOfRun(range) }, 'stored')
          : cutRun(read, range.baseOffset, wanted)
      const isEnough = cut.batches.length > 0 || cut.neededBytes === undefined || !wanted.atLeastOne
      if (isEnough) return cut
      const before: number = read.length
      await reserve?.(cut.neededBytes! - before)
      read = await readPlace(this.#ports.objects, range, cut.neededBytes!)
      // The object ends before its entry says so.
      if (read && read.length <= before) return undefined
    }
    return undefined
  }

  #readRange(range: PlannedRange): Promise<Uint8Array | undefined> {
    return readPlace(this.#ports.objects, range, range.bytes)
  }
}

async function locateRange(range: PlannedRange, locator: ObjectLocator): Promise<LocatedRange> {
  const { bytes } = range
  if (range.kind === 'inline') {
    const { baseOffset, span } = range
    // A copy: whoever gets it fills in the offsets, and the index's own bytes must stay as they are.
    return { baseOffset, span, records: span, bytes, inline: copyBytes(range.payload) }
  }
  const { position } = range
  const baseOffset = later(range.baseOffset, range.from)
  // Ranges planned to end at a mark know their span.
  const span = endOf(range)! - baseOffset
  const { url, expiresMs } = await locator.locate(placeKey(range), position, bytes)
  const located = { baseOffset, span, records: span, bytes, url, position, expiresMs }
  return range.kind === 'segment' ? { ...located, offsets: 'final' } : located
}

/** Where what follows a range begins; undefined where it ends in the middle of a batch. */
function endOf({ baseOffset, span }: PlannedRange): Offset | undefined {
  return span === undefined ? undefined : advance(baseOffset, span)
}

function endOfRun(range: PlannedRange): { end?: Offset } {
  const end = endOf(range)
  return end === undefined ? {} : { end }
}

/** Whether there is nothing up to the log's end, and that lies ahead: to say so is an answer, for which nobody need wait. */
function endsInHole({ head, hot, entries }: Available, { from }: Wanted): boolean {
  return !hot && entries.length === 0 && from < head.nextOffset
}

function countBytes({ hot, entries }: Available, from: Offset): number {
  return entries.reduce((sum, placed) => sum + bytesFrom(placed, from), hot?.bytes ?? 0)
}
