import type { Fetch, Fetched, Located, LocatedRange } from '../../contract/broker.ts'
import { type CutRun, cutRun, type Wanted as WantedBatches } from '../../core/batches/batch-run.ts'
import { copyBytes } from '../../core/bytes.ts'
import { TidemarkError } from '../../core/errors.ts'
import { READ_PARALLEL_MAX } from '../../core/limits.ts'
import type { PlacedEntry } from '../../core/log/entry.ts'
import type { Head } from '../../core/log/head.ts'
import { objectOf, type PlannedRange, planRead } from '../../core/log/read-plan.ts'
import { advance, later, type Offset, toPosition } from '../../core/numbers.ts'
import { placeKey } from '../../core/storage-layout.ts'
import type { PartitionId } from '../../core/topic/partition-id.ts'
import type { Ports } from '../../ports/index.ts'
import type { ObjectLocator } from '../../ports/object-locator.ts'
import type { FooterCache, WantedRange } from './footers.ts'
import type { HotRecords, HotTail } from './hot-tail.ts'
import { KnownPlaces } from './known-places.ts'
import { readAhead } from './read-ahead.ts'
import type { Seen } from './tail.ts'
import { bytesFrom, readEntries, readPlace } from './walk.ts'

/** A read, from where on, and how. */
export interface Wanted extends WantedRange {
  /** Whether what is in memory may be the answer. */
  readonly takesHot: boolean
  /** What a first batch may have that is larger than `maxBytes`; nothing comes where it is larger still. */
  readonly roomBytes: number
}

/** What is in the log from an offset on, as the index tells. */
export interface Available {
  readonly partition: PartitionId
  readonly head: Head
  /** In memory already; then the entries are not looked up. */
  readonly hot?: HotRecords | undefined
  /** Undefined where nobody has asked for them. */
  readonly entries: readonly PlacedEntry[] | undefined
}

/** What is to be read of a partition. */
export interface Planned {
  readonly available: Available
  readonly wanted: Wanted
  readonly ranges: readonly PlannedRange[]
  readonly bytes: number
}

/** Where the bytes of an answer come to lie. */
interface AnswerRoom {
  readonly reserve: Fetch['reserve'] | undefined
  readonly memory: Fetch['memory']
}

/** What a read has found: an answer, or what to look for instead; nothing where what it takes is not there any more. */
export type Found<T> =
  | { readonly answer: T; readonly bytes: number }
  | { readonly instead: Partial<Wanted> }
  | undefined

/** Finds and reads what is wanted of one partition. The work depends on the answer's size, not on the log's. */
export class PartitionReads {
  readonly #ports: Ports
  readonly #hot: HotTail
  readonly #places = new KnownPlaces()
  readonly #footers: FooterCache

  constructor(ports: Ports, hot: HotTail, footers: FooterCache) {
    this.#ports = ports
    this.#hot = hot
    this.#footers = footers
  }

  /**
   * Undefined where something the head tells of is not there any more.
   * @param isLookedUp whether what there is shall be known, or only where the log begins and ends
   * @throws TidemarkError OFFSET_OUT_OF_RANGE
   */
  async availableAt(
    { partition, head }: Seen,
    wanted: Wanted,
    isLookedUp = true,
  ): Promise<Available | undefined> {
    const { from, maxBytes } = wanted
    if (!head) return undefined
    if (from < head.startOffset || from > head.nextOffset) {
      throw new TidemarkError(
        'OFFSET_OUT_OF_RANGE',
        `Offset ${from} is not in the log, which goes from ${head.startOffset} to ${head.nextOffset}. ` +
          'Start from the earliest or the latest offset.',
      )
    }
    if (from === head.nextOffset) return { partition, head, entries: [] }
    if (!isLookedUp) return { partition, head, entries: undefined }
    const hot = this.#findHot(partition, head, wanted)
    if (hot) return { partition, head, hot, entries: [] }
    const entries = await readEntries(this.#ports.index, partition, head, from, maxBytes)
    return entries && { partition, head, entries }
  }

  /** The same with less room; undefined where it went meanwhile. */
  narrowed(available: Available, wanted: Wanted): Available | undefined {
    const { hot, partition, head } = available
    if (!hot || hot.bytes <= wanted.maxBytes) return available
    const less = this.#findHot(partition, head, wanted)
    return less && { ...available, hot: less }
  }

  #findHot(partition: PartitionId, head: Head, { from, maxBytes, takesHot }: Wanted): HotRecords | undefined {
    // What was cleaned is read as it is now: its tombstones may be gone, and who has read values from here needs them.
    const isHot = takesHot && from >= head.settled.cleanOffset
    return isHot ? this.#hot.find(partition, from, head.nextOffset, maxBytes) : undefined
  }

  /** Undefined where something it takes is not there any more. */
  async plan(available: Available, wanted: Wanted): Promise<Planned | undefined> {
    const { partition, hot, entries = [] } = available
    if (hot) return { available, wanted, ranges: [], bytes: hasRoom(hot, wanted) ? hot.bytes : 0 }
    const { from, maxBytes, end } = wanted
    const known = this.#places.find(partition, from)
    const marked = await this.#footers.withMarks(entries, wanted, known)
    if (!marked) return undefined
    const ranges = planRead(marked, from, maxBytes, end, known)
    return { available, wanted, ranges, bytes: ranges.reduce((sum, range) => sum + range.bytes, 0) }
  }

  async read({ available, wanted, ranges }: Planned, answer: AnswerRoom): Promise<Found<Fetched>> {
    const { partition, head, hot } = available
    const { startOffset, nextOffset: endOffset } = head
    const { from } = wanted
    if (hot) {
      if (!hasRoom(hot, wanted)) return nothingOf(head, from)
      const chunks = hot.copy(answer.memory)
      if (!chunks) return { instead: { takesHot: false } }
      return { answer: { startOffset, endOffset, nextOffset: hot.nextOffset, chunks }, bytes: hot.bytes }
    }
    try {
      const { chunks, nextOffset } = await this.#readRanges(partition, ranges, wanted, answer)
      const bytes = chunks.reduce((sum, chunk) => sum + chunk.length, 0)
      if (!hasRoom({ bytes }, wanted)) return nothingOf(head, from)
      // All that was planned has gone from the log by cleaning.
      if (bytes === 0 && nextOffset < endOffset) return { instead: { from: nextOffset } }
      return { answer: { startOffset, endOffset, nextOffset, chunks }, bytes }
    } catch (error) {
      if (error instanceof NoRoom) return nothingOf(head, from)
      const isDamage = error instanceof TidemarkError && error.kafkaName === 'CORRUPT_MESSAGE'
      const hasFooters = ranges.some(({ kind }) => kind === 'segment')
      // Perhaps before what is wanted: a mark leads past it.
      if (isDamage && hasFooters && wanted.sparesFooters) return { instead: { sparesFooters: false } }
      throw error
    }
  }

  async locate(
    { available: { head }, wanted, ranges, bytes }: Planned,
    locator: ObjectLocator,
  ): Promise<Found<Located>> {
    const located = await Promise.all(ranges.map(range => locateRange(range, locator)))
    const last = located.at(-1)
    const nextOffset = last ? advance(last.baseOffset, last.span) : wanted.from
    const { startOffset, nextOffset: endOffset } = head
    return { answer: { startOffset, endOffset, nextOffset, ranges: located }, bytes }
  }

  async #readRanges(
    partition: PartitionId,
    ranges: readonly PlannedRange[],
    { from, maxBytes, roomBytes }: Wanted,
    answer: AnswerRoom,
  ): Promise<{ chunks: Uint8Array[]; nextOffset: Offset }> {
    const chunks: Uint8Array[] = []
    let nextOffset = from
    let left = maxBytes
    const read = (range: PlannedRange) => readPlace(this.#ports.objects, range, range.bytes, answer.memory)
    for await (const [range, bytes] of readAhead(ranges, READ_PARALLEL_MAX, read)) {
      const wanted = {
        from: range.kind === 'inline' ? nextOffset : later(nextOffset, range.from),
        maxBytes: left,
        // Also where it is too large: so its damage is told.
        atLeastOne: chunks.length === 0,
      }
      const cut = bytes && (await this.#cut(range, bytes, wanted, roomBytes, answer))
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
    return { chunks, nextOffset }
  }

  /**
   * Cuts a range to what is wanted; reads more of it where not even one batch is whole.
   * @throws NoRoom where that would be more than there is room for
   */
  async #cut(
    range: PlannedRange,
    bytes: Uint8Array,
    wanted: WantedBatches,
    roomBytes: number,
    { reserve, memory }: AnswerRoom,
  ): Promise<CutRun | undefined> {
    let read: Uint8Array | undefined = bytes
    while (read) {
      const cut =
        range.kind === 'segment'
          ? cutRun(read, range.baseOffset, { ...wanted, ...endOfRun(range) }, 'stored')
          : cutRun(read, range.baseOffset, wanted)
      const isEnough = cut.batches.length > 0 || cut.neededBytes === undefined || !wanted.atLeastOne
      if (isEnough) return cut
      if (cut.neededBytes! - cut.usedBytes > roomBytes) throw new NoRoom()
      const before: number = read.length
      await reserve?.(cut.neededBytes! - before)
      read = await readPlace(this.#ports.objects, range, cut.neededBytes!, memory)
      // The object ends before its entry says so.
      if (read && read.length <= before) return undefined
    }
    return undefined
  }
}

/** A batch would be larger than may be, behind others that have come. */
class NoRoom extends Error {
  override readonly name = 'NoRoom'
}

function hasRoom({ bytes }: { readonly bytes: number }, { roomBytes }: Wanted): boolean {
  return bytes <= roomBytes
}

/** There are records, and no room for them in this answer. */
function nothingOf({ startOffset, nextOffset: endOffset }: Head, from: Offset): Found<Fetched> {
  return { answer: { startOffset, endOffset, nextOffset: from, chunks: [] }, bytes: 0 }
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
export function endsInHole({ head, hot, entries }: Available, { from }: Wanted): boolean {
  return !hot && entries?.length === 0 && from < head.nextOffset
}

/** About how much there is. */
export function countBytes({ hot, entries = [] }: Available, from: Offset): number {
  return entries.reduce((sum, placed) => sum + bytesFrom(placed, from), hot?.bytes ?? 0)
}

/** How much a read of it may bring, or take until that is known. */
export function bytesMaxOf({ hot, entries = [] }: Available, { maxBytes }: Wanted): number {
  if (hot) return hot.bytes
  const [first] = entries
  if (first === undefined) return 0
  const all = entries.reduce((sum, { entry }) => sum + entry.bytes, 0)
  // Perhaps a single batch; a segment has many.
  const firstBytes = first.entry.place.kind === 'segment' ? 0 : first.entry.bytes
  return Math.max(Math.min(all, maxBytes), firstBytes)
}
