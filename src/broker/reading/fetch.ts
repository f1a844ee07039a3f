import type { Fetch, Fetched, Located, LocatedRange } from '../../contract/broker.ts'
import { type CutRun, cutRun, type Wanted } from '../../core/batches/batch-run.ts'
import { copyBytes } from '../../core/bytes.ts'
import { TidemarkError } from '../../core/errors.ts'
import {
  FETCH_BYTES_MAX,
  FETCH_DEFAULT_BYTES,
  FETCH_LAST_LOOK_MS_MAX,
  FETCH_POLL_INTERVAL_MS,
  FETCH_WAIT_MS_MAX,
  READ_PARALLEL_MAX,
} from '../../core/limits.ts'
import type { PlacedEntry } from '../../core/log/entry.ts'
import type { Head } from '../../core/log/head.ts'
import { type PlannedRange, planRead, type RangeEnd } from '../../core/log/read-plan.ts'
import { advance, type Offset, toPosition } from '../../core/numbers.ts'
import { ingestKey } from '../../core/storage-layout.ts'
import type { PartitionId } from '../../core/topic/partition-id.ts'
import type { Ports } from '../../ports/index.ts'
import type { ObjectLocator } from '../../ports/object-locator.ts'
import { OutcomeUnknown } from '../../ports/outcome.ts'
import { inTime } from '../store-calls/retry.ts'
import type { TopicDirectory } from '../topics/topic-directory.ts'
import { KnownPlaces } from './known-places.ts'
import type { Seen } from './tail.ts'
import type { TailWatch } from './tail-watch.ts'
import { Tails } from './tails.ts'
import { bytesFrom, missingBytes, READ_AGAIN_MAX, readEntries, readPlace } from './walk.ts'

/** What is in the log from an offset on, as the index tells. */
interface Available {
  readonly partition: PartitionId
  readonly head: Head
  readonly entries: readonly PlacedEntry[]
}

/** Serves reads. Keeps nothing per consumer; the work depends on the answer's size, not on the log's. */
export class Fetching {
  readonly #ports: Ports
  readonly #directory: TopicDirectory
  readonly #tails: Tails
  readonly #locator: ObjectLocator | undefined
  readonly #places = new KnownPlaces()
  #isClosing = false

  /** @param pollIntervalMsMax what the pause between two looks at a log's end may grow to */
  constructor(
    ports: Ports,
    directory: TopicDirectory,
    watch: TailWatch,
    locator: ObjectLocator | undefined,
    pollIntervalMsMax = FETCH_POLL_INTERVAL_MS,
  ) {
    this.#ports = ports
    this.#directory = directory
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
    return await this.#serve(request, 'byte', async ({ partition, head, entries }, ranges, maxBytes) => {
      const bytes = ranges.reduce((sum, range) => sum + range.bytes, 0)
      if (bytes > 0) await request.reserve?.(bytes)
      const { chunks, nextOffset } = await this.#readRanges(partition, ranges, request, maxBytes)
      if (entries.length > 0 && chunks.length === 0) return undefined
      return { startOffset: head.startOffset, endOffset: head.nextOffset, nextOffset, chunks }
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
    return await this.#serve(request, 'mark', async ({ head }, ranges) => {
      const located = await Promise.all(ranges.map(range => locateRange(range, locator)))
      const last = located.at(-1)
      const nextOffset = last ? advance(last.baseOffset, last.records) : request.offset
      return { startOffset: head.startOffset, endOffset: head.nextOffset, nextOffset, ranges: located }
    })
  }

  /** Finds what there is, waits where it is too little, plans, and lets `answer` do what was planned. */
  async #serve<T>(
    request: Fetch,
    end: RangeEnd,
    answer: (
      available: Available,
      ranges: readonly PlannedRange[],
      maxBytes: number,
    ) => Promise<T | undefined>,
  ): Promise<T> {
    const { topic, topicId, partition, offset } = request
    const maxBytes = Math.min(Math.max(request.maxBytes ?? FETCH_DEFAULT_BYTES, 1), FETCH_BYTES_MAX)
    const minBytes = Math.min(request.minBytes ?? 1, maxBytes)
    const waitMs = Math.min(request.maxWaitMs ?? 0, FETCH_WAIT_MS_MAX)
    const untilMs = this.#ports.clock.monotonicMs() + waitMs
    for (let misses = 0; ; ) {
      const available =
        waitMs > 0
          ? await this.#lookUntil(untilMs, minBytes, request, maxBytes)
          : await this.#look(
              await this.#directory.resolvePartition(topic, partition, topicId),
              request,
              maxBytes,
            )
      if (available) {
        const id = available.partition
        const known = this.#places.find(id, offset)
        const ranges = planRead(available.entries, offset, maxBytes, end, known)
        const answered = await answer(available, ranges, maxBytes)
        if (answered) return answered
      }
      // Deleted between two looks: the next one tells the caller so, unless the index is damaged.
      misses += 1
      if (misses > READ_AGAIN_MAX) throw missingBytes(offset)
    }
  }

  /** Looks until there is enough, or the time is up: then what was there at the last look that came in time. */
  async #lookUntil(
    untilMs: number,
    minBytes: number,
    request: Fetch,
    maxBytes: number,
  ): Promise<Available | undefined> {
    const { offset, signal } = request
    return await this.#tails.use(request, async tail => {
      let seen = await tail.look()
      let available = await this.#availableAt(seen, offset, maxBytes)
      while (available && countBytes(available.entries, offset) < minBytes) {
        const before: Available = available
        let isOver = false
        try {
          const found = await this.#tails.next(tail, seen, this.#isClosing ? 0 : untilMs, signal)
          // Nobody waits for what there is by now.
          if (signal?.aborted) return before
          isOver = found === undefined
          const looking = async () => {
            seen = found ?? (await tail.look())
            return await this.#availableAt(seen, offset, maxBytes)
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

  async #look(id: PartitionId, { topic, offset }: Fetch, maxBytes: number): Promise<Available | undefined> {
    const head = await this.#ports.index.readHead(id)
    if (!head) this.#directory.forget(topic)
    return await this.#availableAt({ partition: id, head }, offset, maxBytes)
  }

  async #availableAt(
    { partition, head }: Seen,
    offset: Offset,
    maxBytes: number,
  ): Promise<Available | undefined> {
    if (!head) return undefined
    if (offset < head.startOffset || offset > head.nextOffset) {
      throw new TidemarkError(
        'OFFSET_OUT_OF_RANGE',
        `Offset ${offset} is not in the log, which goes from ${head.startOffset} to ${head.nextOffset}. ` +
          'Start from the earliest or the latest offset.',
      )
    }
    const entries = await readEntries(this.#ports.index, partition, head, offset, maxBytes)
    return entries && { partition, head, entries }
  }

  async #readRanges(
    partition: PartitionId,
    ranges: readonly PlannedRange[],
    { offset: from, reserve }: Fetch,
    maxBytes: number,
  ): Promise<{ chunks: Uint8Array[]; nextOffset: Offset }> {
    const chunks: Uint8Array[] = []
    let nextOffset = from
    let left = maxBytes
    for (let start = 0; start < ranges.length; start += READ_PARALLEL_MAX) {
      const group = ranges.slice(start, start + READ_PARALLEL_MAX)
      const reads = await Promise.all(group.map(range => this.#readRange(range)))
      for (const [index, bytes] of reads.entries()) {
        const wanted = { from: nextOffset, maxBytes: left, atLeastOne: chunks.length === 0 }
        const cut = bytes && (await this.#cut(group[index]!, bytes, wanted, reserve))
        if (!cut || cut.batches.length === 0) return { chunks, nextOffset }
        chunks.push(cut.batches)
        nextOffset = cut.nextOffset
        left -= cut.batches.length
        const range = group[index]!
        if (!cut.isWhole && range.kind === 'object') {
          const position = toPosition(range.position + cut.usedBytes)
          this.#places.add(partition, { offset: nextOffset, object: range.object, position })
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
    wanted: Wanted,
    reserve: Fetch['reserve'],
  ): Promise<CutRun | undefined> {
    let read: Uint8Array | undefined = bytes
    while (read) {
      const cut = cutRun(read, range.baseOffset, wanted)
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
  const { baseOffset, bytes } = range
  if (range.kind === 'inline') {
    // A copy: whoever gets it fills in the offsets, and the index's own bytes must stay as they are.
    return { baseOffset, bytes, records: range.span, inline: copyBytes(range.payload) }
  }
  const { url, expiresMs } = await locator.locate(ingestKey(range), range.position, bytes)
  // Ranges planned to end at a mark know their span.
  return { baseOffset, bytes, records: range.span!, url, position: range.position, expiresMs }
}

function countBytes(entries: readonly PlacedEntry[], from: Offset): number {
  return entries.reduce((sum, placed) => sum + bytesFrom(placed, from), 0)
}
