import { ByteReader, ByteWriter } from '../bytes.ts'
import { advance, type Offset, type Position, toPosition } from '../numbers.ts'
import { decodeRuns, encodeRuns, type ProducerRun } from './producers/producer-run.ts'

/**
 * Where one appended run of record batches lies. An entry says how many offsets it covers but not from which one
 * on: that is settled by its place among the others, in the same atomic update that adds it.
 */
export interface IndexEntry {
  /** 32 hexadecimal digits; kept when a flush turns inline bytes into a place in an object. */
  readonly id: string
  /** How many offsets it covers: the next entry begins so far behind it, however many records are left of its own. */
  readonly span: number
  /** Of the batches, as stored. */
  readonly bytes: number
  /** The largest timestamp of its records; -1 where they have none. */
  readonly maxTimestampMs: number
  /** When the writer made it, by the writer's clock: the age that `flush.ms` is about. */
  readonly createdMs: number
  readonly place: InlinePlace | ObjectPlace | SegmentPlace
  /** Where batches begin inside a long run, about every MARK_INTERVAL_BYTES; the run's own start is not listed. */
  readonly marks: readonly Mark[]
  /** What it holds of idempotent producers, in the order of its records; other records are in none of these. */
  readonly producers: readonly ProducerRun[]
}

export interface InlinePlace {
  readonly kind: 'inline'
  readonly payload: Uint8Array
}

export interface ObjectPlace {
  readonly kind: 'object'
  /** The object's id; storage-layout.ts turns it and the epoch into a key. */
  readonly object: string
  /** In which it was uploaded; 0: before there were epochs, or in a store without. */
  readonly epoch: number
  readonly position: Position
}

/** In a segment's object, whose batches bear their final offsets. It exists in memory only: no such entry is persisted. */
export interface SegmentPlace {
  readonly kind: 'segment'
  /** The object's key. */
  readonly key: string
  readonly position: Position
  /** Of the footer with its trailer, which begins where the batches end. */
  readonly footerBytes: number
}

/** A batch boundary inside a run: so many offsets and bytes lie before it. */
export interface Mark {
  readonly span: number
  readonly bytes: number
}

/** An entry with the offset of its first record. */
export interface PlacedEntry {
  readonly baseOffset: Offset
  readonly entry: IndexEntry
  /** Where it begins to count, where that is in its midst: what it holds below is somewhere else as well, perhaps cleaned. */
  readonly from?: Offset
}

/** Gives every entry its offset: the first one begins at `baseOffset`, the others follow without a gap. */
export function placeEntries(baseOffset: Offset, entries: readonly IndexEntry[]): PlacedEntry[] {
  let next = baseOffset
  return entries.map(entry => {
    const placed = { baseOffset: next, entry }
    next = advance(next, entry.span)
    return placed
  })
}

export function spanOf(entries: readonly IndexEntry[]): number {
  return entries.reduce((sum, entry) => sum + entry.span, 0)
}

export function countBytes(entries: readonly IndexEntry[]): number {
  return entries.reduce((sum, entry) => sum + entry.bytes, 0)
}

/** The epoch of the object that it lies in; Infinity where its bytes travel in the table. */
export function entryEpoch({ place }: IndexEntry): number {
  return place.kind === 'object' ? place.epoch : Number.POSITIVE_INFINITY
}

/** Bytes of the entries whose payload travels in the table. */
export function countInlineBytes(entries: readonly IndexEntry[]): number {
  return entries.reduce((sum, entry) => sum + (entry.place.kind === 'inline' ? entry.bytes : 0), 0)
}

const INLINE = 0
/** In the object that its own commit wrote, which bears the entry's id. */
const OWN_OBJECT = 1
/** In an object that a flush wrote. */
const OTHER_OBJECT = 2
/** Added to one of these where runs of idempotent producers follow the marks. */
const WITH_PRODUCERS = 4
/** Added where the epoch of its object stands before the object; without it that is 0. */
const WITH_EPOCH = 8

/**
 * The bytes of an entry that was decoded or encoded before, in the entry itself, where no copy of it takes them along. Entries
 * never change, and every append and every flush writes a whole tail of them again. A map of all of them would be gone through at
 * each garbage collection.
 */
class Encoded extends (Itself as unknown as new (given: object) => object) {
  readonly #bytes: Uint8Array

  constructor(entry: IndexEntry, bytes: Uint8Array) {
    super(entry)
    this.#bytes = bytes
  }

  static of(entry: object): Uint8Array | undefined {
    return #bytes in entry ? entry.#bytes : undefined
  }

  /** Whether a payload lies in those bytes. */
  static holds(entry: object, payload: Uint8Array): boolean {
    return Encoded.of(entry)?.buffer === payload.buffer
  }
}

/** Takes what it is given for itself, so that a class above it adds its field to that. */
function Itself(given: object): object {
  return given
}

/**
 * The entry as it is persisted: one binary value, compared as a whole by `contains`.
 * @throws RangeError where it is a segment's
 */
export function encodeEntry(entry: IndexEntry): Uint8Array {
  const known = Encoded.of(entry)
  if (known) return known
  const bytes = writeEntry(entry)
  if (Object.isExtensible(entry)) new Encoded(entry, bytes)
  return bytes
}

function writeEntry(entry: IndexEntry): Uint8Array {
  const { place, producers } = entry
  if (place.kind === 'segment') throw new RangeError('an entry of a segment is not persisted')
  const isOwn = place.kind === 'object' && place.object === entry.id
  const kind = place.kind === 'inline' ? INLINE : isOwn ? OWN_OBJECT : OTHER_OBJECT
  const epoch = place.kind === 'object' ? place.epoch : 0
  const writer = new ByteWriter()
    .byte(kind + (producers.length > 0 ? WITH_PRODUCERS : 0) + (epoch > 0 ? WITH_EPOCH : 0))
    .id(entry.id)
    .number(entry.span)
    // -1 says that there is no timestamp.
    .number(entry.maxTimestampMs + 1)
    .number(entry.createdMs)
    .block(encodeMarks(entry.marks))
  if (producers.length > 0) writer.block(encodeRuns(producers))
  if (place.kind === 'inline') return writer.block(place.payload).finish()
  if (epoch > 0) writer.number(epoch)
  if (!isOwn) writer.id(place.object)
  return writer.number(place.position).number(entry.bytes).finish()
}

/** The entry, or the same with a payload of its own, where that is memory of somebody's who may use it again. */
export function ownEntry(entry: IndexEntry): IndexEntry {
  const { place } = entry
  return place.kind !== 'inline' || Encoded.holds(entry, place.payload)
    ? entry
    : decodeEntry(encodeEntry(entry))
}

/** @throws RangeError when the bytes are no entry */
export function decodeEntry(bytes: Uint8Array): IndexEntry {
  const entry = readEntry(bytes)
  new Encoded(entry, bytes)
  return entry
}

function readEntry(encoded: Uint8Array): IndexEntry {
  const reader = new ByteReader(encoded)
  const first = reader.byte()
  const kind = first & ~(WITH_PRODUCERS | WITH_EPOCH)
  const id = reader.id()
  const span = reader.number()
  const maxTimestampMs = reader.number() - 1
  const createdMs = reader.number()
  const marks = reader.block()
  const producers = (first & WITH_PRODUCERS) === 0 ? [] : decodeRuns(reader.block())
  let place: IndexEntry['place']
  let bytes: number
  // What is inline has no epoch.
  if (first === INLINE || first === INLINE + WITH_PRODUCERS) {
    const payload = reader.block()
    place = { kind: 'inline', payload }
    bytes = payload.length
  } else if (kind === OWN_OBJECT || kind === OTHER_OBJECT) {
    const epoch = (first & WITH_EPOCH) === 0 ? 0 : reader.number()
    const object = kind === OWN_OBJECT ? id : reader.id()
    place = { kind: 'object', object, epoch, position: toPosition(reader.number()) }
    bytes = reader.number()
  } else {
    throw new RangeError(`an entry of kind ${first} is not known`)
  }
  return {
    id,
    span,
    bytes,
    maxTimestampMs,
    createdMs,
    place,
    producers,
    // A read needs the marks of one entry or two, and there are many in a tail.
    get marks() {
      return decodeMarks(marks)
    },
  }
}

function encodeMarks(marks: readonly Mark[]): Uint8Array {
  const writer = new ByteWriter()
  let before: Mark = { span: 0, bytes: 0 }
  for (const mark of marks) {
    writer.number(mark.span - before.span).number(mark.bytes - before.bytes)
    before = mark
  }
  return writer.finish()
}

function decodeMarks(bytes: Uint8Array): Mark[] {
  const reader = new ByteReader(bytes)
  const marks: Mark[] = []
  let before: Mark = { span: 0, bytes: 0 }
  while (!reader.isAtEnd) {
    before = { span: before.span + reader.number(), bytes: before.bytes + reader.number() }
    marks.push(before)
  }
  return marks
}
