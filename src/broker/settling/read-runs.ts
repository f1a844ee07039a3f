import type { RunOffsets } from '../../core/batches/batch-run.ts'
import { type Stretch, stretchesOf } from '../../core/batches/stretches.ts'
import {
  BATCH_BYTES_MAX,
  RUN_READ_BYTES,
  RUN_READS_AHEAD_MAX,
  SETTLING_PIECE_BYTES,
} from '../../core/limits.ts'
import type { PlacedEntry } from '../../core/log/entry.ts'
import type { Segment } from '../../core/log/settled/segment.ts'
import { advance, type Offset, toOffset, toPosition } from '../../core/numbers.ts'
import { batchSizeBytes, batchSpan } from '../../core/record/batch-header.ts'
import { BASE_OFFSET_AT, RECORDS_AT, readInt64 } from '../../core/record/batch-layout.ts'
import { decodeFooter } from '../../core/segment/footer.ts'
import { ingestKey, logObjectKey } from '../../core/storage-layout.ts'
import type { PartitionId } from '../../core/topic/partition-id.ts'
import type { Ports } from '../../ports/index.ts'
import { retryUntil } from '../store-calls/retry.ts'
import { joined, ReadMemory, type ReadPiece } from './read-memory.ts'

/** Where a run of batches lies that is to be copied. */
export interface RunSource {
  readonly baseOffset: Offset
  readonly end: Offset
  readonly key: string
  readonly position: number
  /** The batches themselves, where they stand in the index and in no object. */
  readonly payload?: Uint8Array
  /** Of its batches; 0: it has none, and there is no object. */
  readonly bytes: number
  readonly offsets: RunOffsets
  /** Of the footer that follows, where it is a whole segment; else 0. */
  readonly footerBytes: number
}

/** What was to be read is not there any more, because the log has moved on since: begin anew with the head as it is. */
export class Moved extends Error {
  override readonly name = 'Moved'
}

/** @param placed entries of blocks */
export function entrySources(placed: readonly PlacedEntry[]): RunSource[] {
  return placed.map(({ baseOffset, entry: { place, span, bytes } }) => {
    if (place.kind === 'segment') throw new Error('an entry of a block is a segment')
    const end = advance(baseOffset, span)
    const lies =
      place.kind === 'inline'
        ? { key: 'the block', position: 0, payload: place.payload }
        : { key: ingestKey(place), position: place.position }
    return { baseOffset, end, ...lies, bytes, offsets: 'counted', footerBytes: 0 }
  })
}

/** A whole segment. */
export function segmentSource(partition: PartitionId, segment: Segment): RunSource {
  const { baseOffset, end, id, bytes, footerBytes } = segment
  const key = logObjectKey(partition, baseOffset, id)
  return { baseOffset, end, key, position: 0, bytes, offsets: 'stored', footerBytes }
}

/**
 * Reads runs in order, a few pieces ahead, and gives what they hold, in pieces of some MiB, from the first one's base to the
 * last one's end without a gap. What is damaged comes as it is, and what is gone is said to be lost: whoever copies a log keeps
 * what can be kept. The memory of a stretch is read into again as soon as the next one is asked for: what collects late would
 * otherwise be as much as the log.
 * @param hasMoved whether the log has moved on since the sources were known, so that their objects may be gone
 * @throws Moved where an object is gone and the log has moved on; TidemarkError REQUEST_TIMED_OUT at the deadline
 */
export async function* readRuns(
  ports: Ports,
  sources: readonly RunSource[],
  hasMoved: () => Promise<boolean>,
  deadlineMs: number,
): AsyncGenerator<Stretch> {
  const read = (source: RunSource, position: number, bytes: number) =>
    retryUntil(ports, deadlineMs, 'no', () => ports.objects.get(source.key, toPosition(position), bytes))
  const memory = new ReadMemory()
  const readInto = (source: RunSource, position: number, bytes: number) =>
    retryUntil(ports, deadlineMs, 'no', () =>
      // Each try has its own: one that is given up may still be written to.
      memory.read(bytes, into => ports.objects.get(source.key, toPosition(position), bytes, into)),
    )
  const readPiece = async ({ sources: [source], piece }: Reading): Promise<ReadPiece | undefined> => {
    if (piece.bytes === 0) return NOTHING_READ
    // A copy: offsets are written into what is read, and the index's own bytes stay as they are.
    if (source.payload) return { bytes: Uint8Array.from(source.payload), memory: NOTHING }
    return await readInto(source, piece.position, piece.bytes)
  }
  const ahead: (Reading & { readonly reading: Promise<ReadPiece | undefined> })[] = []
  const pieces = piecesOf(sources)
  let bytesAhead = 0
  const readAhead = () => {
    while (bytesAhead < SETTLING_PIECE_BYTES * RUN_READS_AHEAD_MAX && ahead.length < SMALL_READS_AHEAD_MAX) {
      const { value, done } = pieces.next()
      if (done) return
      const reading = readPiece(value)
      // It is waited for later, and must not be taken for nobody's until then.
      reading.catch(() => {})
      ahead.push({ ...value, reading })
      bytesAhead += value.piece.bytes
    }
  }
  let carried = NOTHING_CARRIED
  let current: ReadPiece | undefined
  for (;;) {
    readAhead()
    const next = ahead.shift()
    if (!next) return
    const { sources, piece } = next
    const [source] = sources
    const found = await next.reading
    bytesAhead -= piece.bytes
    if (piece.isFirst) carried = { bytes: NOTHING, next: source.baseOffset, isBroken: false }
    const all = found && joined(carried.bytes, found)
    // Nothing is left any more of what was read before.
    memory.giveBack(current)
    current = found
    if (carried.isBroken) continue
    if (!all) {
      if (await hasMoved()) throw new Moved(`${source.key} is gone`)
      yield { kind: 'lost', baseOffset: carried.next, end: sources.at(-1)!.end }
      carried = { ...carried, bytes: NOTHING, isBroken: true }
      continue
    }
    if (piece.isFirst && piece.isLast) {
      for (const { baseOffset, end, offsets, position, bytes: size } of sources) {
        const at = position - piece.position
        yield* stretchesOf(all.subarray(at, at + size), baseOffset, end, offsets)
      }
      continue
    }
    const whole = piece.isLast
      ? { bytes: all.length, next: source.end }
      : wholeBatches(all, carried.next, source.end)
    const stretches = whole && stretchesOf(all.subarray(0, whole.bytes), carried.next, whole.next, 'stored')
    if (stretches?.every(({ kind }) => kind === 'batches')) {
      yield* stretches
      carried = { bytes: all.subarray(whole!.bytes), next: whole!.next, isBroken: false }
      continue
    }
    // From one place that the footer knows to the next: so little is lost beside what is damaged.
    yield* readByMarks(source, piece.position - carried.bytes.length, carried.next, read)
    carried = { ...carried, bytes: NOTHING, isBroken: true }
  }
}

/** Reads of small runs that are under way at once. */
const SMALL_READS_AHEAD_MAX = 16

interface Piece {
  readonly position: number
  readonly bytes: number
  readonly isFirst: boolean
  readonly isLast: boolean
}

/** What is left of a run's last piece: a part of a batch. */
interface Carried {
  readonly bytes: Uint8Array
  readonly next: Offset
  /** Whether the run's rest has been given already. */
  readonly isBroken: boolean
}

const NOTHING = new Uint8Array()
const NOTHING_READ: ReadPiece = { bytes: NOTHING, memory: NOTHING }
const NOTHING_CARRIED: Carried = { bytes: NOTHING, next: toOffset(0), isBroken: false }

/** What is read at once. */
interface Reading {
  readonly sources: readonly [RunSource, ...RunSource[]]
  readonly piece: Piece
}

/**
 * Entries come whole, since they are as small as a commit, and those that lie next to one another in an object together: each
 * request costs. Segments come in pieces.
 */
function* piecesOf(sources: readonly RunSource[]): Generator<Reading> {
  for (let index = 0; index < sources.length; ) {
    const source = sources[index]!
    if (source.offsets === 'counted') {
      const following = neighboursOf(sources, index)
      const bytes = following.reduce((sum, each) => sum + each.bytes, source.bytes)
      const piece = { position: source.position, bytes, isFirst: true, isLast: true }
      yield { sources: [source, ...following], piece }
      index += 1 + following.length
      continue
    }
    let done = 0
    do {
      const bytes = Math.min(SETTLING_PIECE_BYTES, source.bytes - done)
      const piece = { position: source.position + done, bytes, isFirst: done === 0 }
      done += bytes
      yield { sources: [source], piece: { ...piece, isLast: done === source.bytes } }
    } while (done < source.bytes)
    index += 1
  }
}

/** The entries that follow one right behind it in its object, as many as are read at once. */
function neighboursOf(sources: readonly RunSource[], index: number): RunSource[] {
  const { key, position, bytes, payload } = sources[index]!
  const neighbours: RunSource[] = []
  if (payload) return neighbours
  let end = position + bytes
  // No slice: of each of thousands of entries it would be another thousand.
  const last = Math.min(sources.length, index + NEIGHBOURS_MAX)
  for (let at = index + 1; at < last; at += 1) {
    const next = sources[at]!
    const isBehind = next.offsets === 'counted' && !next.payload && next.key === key && next.position === end
    if (!isBehind || end + next.bytes - position > SETTLING_PIECE_BYTES) break
    neighbours.push(next)
    end += next.bytes
  }
  return neighbours
}

/** Entries that are read together. */
const NEIGHBOURS_MAX = 1_000

/** How many of these bytes are whole batches, and where they end; undefined where no size can be believed. */
function wholeBatches(
  bytes: Uint8Array,
  from: Offset,
  end: Offset,
): { bytes: number; next: Offset } | undefined {
  let position = 0
  let next = from
  while (bytes.length - position >= RECORDS_AT) {
    const base = readInt64(bytes, position + BASE_OFFSET_AT)
    let size: number
    try {
      size = batchSizeBytes(bytes, position)
    } catch {
      return undefined
    }
    const last = base + batchSpan(bytes, position)
    if (size > BATCH_BYTES_MAX || base < next || last <= base || last > end) return undefined
    if (position + size > bytes.length) break
    position += size
    next = toOffset(last)
  }
  return { bytes: position, next }
}

/** The rest of a segment from a batch's beginning on, from mark to mark. */
async function* readByMarks(
  source: RunSource,
  position: number,
  from: Offset,
  read: (source: RunSource, position: number, bytes: number) => Promise<Uint8Array | undefined>,
): AsyncGenerator<Stretch> {
  const marks = await readMarks(source, read)
  let [at, next] = [position, from]
  for (const mark of [...marks, { bytes: source.bytes, span: source.end - source.baseOffset }]) {
    const end = advance(source.baseOffset, mark.span)
    if (mark.bytes <= at || end <= next) continue
    // Where no mark is near, nobody can tell where the next batch begins.
    const bytes = mark.bytes - at > RUN_READ_BYTES * 2 ? undefined : await read(source, at, mark.bytes - at)
    if (bytes && bytes.length > 0) yield* stretchesOf(bytes, next, end, 'stored')
    else yield { kind: 'lost', baseOffset: next, end }
    at = mark.bytes
    next = end
  }
}

async function readMarks(
  source: RunSource,
  read: (source: RunSource, position: number, bytes: number) => Promise<Uint8Array | undefined>,
) {
  const footer = source.footerBytes > 0 && (await read(source, source.bytes, source.footerBytes))
  try {
    return footer ? decodeFooter(footer).marks.marksOf() : []
  } catch (error) {
    if (error instanceof RangeError) return []
    throw error
  }
}
