import { LEADER_EPOCH } from '../../core/batches/batch-run.ts'
import type { LentMemory } from '../../core/lent-memory.ts'
import { HOT_PAGE_BYTES, HOT_PAGE_BYTES_MAX, HOT_RUN_BYTES } from '../../core/limits.ts'
import { advance, type Offset } from '../../core/numbers.ts'
import { batchSizeBytes, batchSpan, patchOffsets } from '../../core/record/batch-header.ts'
import { type PartitionId, partitionKey } from '../../core/topic/partition-id.ts'

/** Batches of one call that follow one another, and how many offsets they cover. */
export interface Appended {
  readonly chunk: Uint8Array
  readonly records: number
}

/** What was appended in one go, or a part of it: batches with their final offsets. */
interface HotRun {
  readonly baseOffset: Offset
  readonly end: Offset
  readonly bytes: Uint8Array
  readonly log: HotLog
  readonly page: Page
}

/** The newest runs of a log, each where the one before it ends. */
interface HotLog {
  readonly key: string
  runs: HotRun[]
  /** Those before it have gone. */
  first: number
}

/** Memory that goes as a whole. */
interface Page {
  readonly bytes: Uint8Array
  used: number
  /** With what it takes to know of each run. */
  cost: number
  readonly runs: HotRun[]
  /** Whether it went: the memory may hold something else by now. */
  isGone: boolean
}

/** Records that are in memory. */
export interface HotRecords {
  /** Of whole batches, the first of which may begin before what was asked for. */
  readonly bytes: number
  readonly nextOffset: Offset
  /**
   * They are the caller's; undefined where they went meanwhile. Whole batches in chunks of about a MiB, so that whoever sends
   * them lets go of each in its turn.
   */
  copy(memory?: LentMemory): Uint8Array[] | undefined
}

/**
 * What this process has appended of late, so that whoever reads at a log's end causes no reads of objects. It is asked once
 * a head was read, and knows nothing that is not in the log: an append that did not hold never gets here, and a topic that
 * was made anew has another id. For what was cleaned meanwhile nobody may ask: it knows the records of before.
 */
export class HotTail {
  readonly #bytesMax: number
  readonly #logs = new Map<string, HotLog>()
  /** The oldest first. */
  readonly #pages: Page[] = []
  #bytes = 0

  /** @param bytesMax of all that is kept; 0: nothing is */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  /** Keeps a copy of what was appended in one go, from `baseOffset` on: calls that follow one another. */
  add(partition: PartitionId, baseOffset: Offset, appended: readonly Appended[]): void {
    const key = partitionKey(partition)
    let next = baseOffset
    for (let index = 0; index < appended.length; ) {
      const first = appended[index]!
      if (Math.max(2 * first.chunk.length, HOT_PAGE_BYTES) > this.#bytesMax) {
        next = advance(next, first.records)
        index += 1
        continue
      }
      const page = this.#pageFor(sizeTogether(appended, index))
      const taken = takeTogether(page, appended, index)
      this.#keep(key, page, next, taken)
      next = advance(next, taken.records)
      index += taken.calls
    }
  }

  #keep(key: string, page: Page, baseOffset: Offset, { start, records }: Taken): void {
    const log = this.#logs.get(key) ?? { key, runs: [], first: 0 }
    // Others have appended in between; what is older is of no use to whoever reads up to the end.
    if (log.runs.at(-1)?.end !== baseOffset) {
      log.runs = []
      log.first = 0
    }
    const bytes = page.bytes.subarray(start, page.used)
    fillIn(bytes, baseOffset)
    const run = { baseOffset, end: advance(baseOffset, records), bytes, log, page }
    page.cost += bytes.length + HOT_RUN_BYTES
    page.runs.push(run)
    log.runs.push(run)
    this.#logs.set(key, log)
  }

  /**
   * The records from `from` on, about `maxBytes` of them and at least one batch; undefined where they are not here up to
   * there or to the log's end, which is `end`.
   */
  find(partition: PartitionId, from: Offset, end: Offset, maxBytes: number): HotRecords | undefined {
    const log = this.#logs.get(partitionKey(partition))
    if (!log || from >= end || (log.runs[log.first]?.baseOffset ?? end) > from) return undefined
    const parts: Uint8Array[] = []
    const pages = new Set<Page>()
    let bytes = 0
    let nextOffset = from
    for (let index = findRun(log, from); nextOffset < end; index++) {
      const run = log.runs[index]
      // Somebody else has appended what follows, or it was appended after the head was read.
      if (!run || run.end > end || run.end <= from) return undefined
      const cut = takeFrom(run, from, maxBytes - bytes, parts.length === 0)
      parts.push(cut.bytes)
      pages.add(run.page)
      bytes += cut.bytes.length
      nextOffset = cut.nextOffset
      if (nextOffset < run.end || bytes >= maxBytes) break
    }
    const copy = (memory?: LentMemory) => {
      for (const { isGone } of pages) if (isGone) return undefined
      return joinParts(parts, memory)
    }
    return { bytes, nextOffset, copy }
  }

  #pageFor(bytes: number): Page {
    const last = this.#pages.at(-1)
    if (last && last.used + bytes <= last.bytes.length && last.cost < last.bytes.length) return last
    // Of what is little at first; later pages are as large as they may be, and their memory is used again.
    const wanted = Math.min(Math.max(HOT_PAGE_BYTES, this.#bytes), HOT_PAGE_BYTES_MAX, this.#bytesMax)
    const size = Math.ceil(bytes / wanted) * wanted
    let spare: Uint8Array | undefined
    while (this.#pages.length > 0 && this.#bytes + size > this.#bytesMax) {
      const dropped = this.#dropOldest()
      if (dropped.length === size) spare = dropped
    }
    const memory = spare ?? Buffer.allocUnsafeSlow(size)
    const page: Page = { bytes: memory, used: 0, cost: 0, runs: [], isGone: false }
    this.#pages.push(page)
    this.#bytes += size
    return page
  }

  #dropOldest(): Uint8Array {
    const page = this.#pages.shift()!
    page.isGone = true
    this.#bytes -= page.bytes.length
    for (const run of page.runs) {
      const { log } = run
      // A gap has made it go before.
      if (log.runs[log.first] !== run) continue
      log.first += 1
      if (log.first === log.runs.length) this.#logs.delete(log.key)
      if (2 * log.first < log.runs.length) continue
      log.runs = log.runs.slice(log.first)
      log.first = 0
    }
    return page.bytes
  }
}

interface Taken {
  /** Where they begin in the page; they end where it is used up to. */
  readonly start: number
  readonly calls: number
  readonly records: number
}

/** Of a call and those that follow while they are small: in one page, or the first could go while the last is new. */
function sizeTogether(appended: readonly Appended[], first: number): number {
  let bytes = appended[first]!.chunk.length
  for (let index = first + 1; index < appended.length; index++) {
    const { length } = appended[index]!.chunk
    if (bytes + length > HOT_PAGE_BYTES) break
    bytes += length
  }
  return bytes
}

/**
 * Copies the first call into the page, which has room for it, and those that follow while they are small: one run of many
 * costs a fraction of as many runs, and a read in its midst goes through no more than that.
 */
function takeTogether(page: Page, appended: readonly Appended[], first: number): Taken {
  const start = page.used
  const end = Math.min(page.bytes.length, start + HOT_PAGE_BYTES)
  let [calls, records] = [0, 0]
  for (let index = first; index < appended.length; index++) {
    const call = appended[index]!
    if (calls > 0 && page.used + call.chunk.length > end) break
    page.bytes.set(call.chunk, page.used)
    page.used += call.chunk.length
    records += call.records
    calls += 1
  }
  return { start, calls, records }
}

/** What one chunk of an answer has at least, but the last one. */
const CHUNK_BYTES = 1024 * 1024

function joinParts(parts: readonly Uint8Array[], memory: LentMemory | undefined): Uint8Array[] {
  const chunks: Uint8Array[] = []
  let together: Uint8Array[] = []
  let bytes = 0
  for (const [index, part] of parts.entries()) {
    together.push(part)
    bytes += part.length
    if (bytes < CHUNK_BYTES && index < parts.length - 1) continue
    chunks.push(join(together, memory?.take(bytes) ?? Buffer.allocUnsafeSlow(bytes)))
    together = []
    bytes = 0
  }
  return chunks
}

function join(parts: readonly Uint8Array[], joined: Uint8Array): Uint8Array {
  let position = 0
  for (const part of parts) {
    joined.set(part, position)
    position += part.length
  }
  return joined
}

/** Of those that are left, the last one at or below `from`, or the first. */
function findRun({ runs, first }: HotLog, from: Offset): number {
  let low = first
  let high = runs.length
  while (low + 1 < high) {
    const middle = (low + high) >>> 1
    if (runs[middle]!.baseOffset <= from) low = middle
    else high = middle
  }
  return low
}

/** The batches of a run that end behind `from`, up to `maxBytes`, or one at least. */
function takeFrom(
  { baseOffset, end, bytes }: HotRun,
  from: Offset,
  maxBytes: number,
  atLeastOne: boolean,
): { bytes: Uint8Array; nextOffset: Offset } {
  if (from <= baseOffset && bytes.length <= maxBytes) return { bytes, nextOffset: end }
  let offset = baseOffset
  let start = 0
  let position = 0
  while (position < bytes.length) {
    const size = batchSizeBytes(bytes, position)
    const next = advance(offset, batchSpan(bytes, position))
    if (next > from) {
      const isFree = atLeastOne && position === start
      if (!isFree && position + size - start > maxBytes) break
    } else {
      start = position + size
    }
    position += size
    offset = next
  }
  return { bytes: bytes.subarray(start, position), nextOffset: offset }
}

/** Gives each batch its offset, in place. */
function fillIn(bytes: Uint8Array, baseOffset: Offset): void {
  let offset = baseOffset
  for (let position = 0; position < bytes.length; position += batchSizeBytes(bytes, position)) {
    patchOffsets(bytes, position, offset, LEADER_EPOCH)
    offset = advance(offset, batchSpan(bytes, position))
  }
}
