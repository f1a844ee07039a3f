import { ByteReader, ByteWriter } from '../bytes.ts'
import type { Mark } from '../log/entry.ts'

/** A part of a segment between two batch boundaries. Spans and bytes count from the segment's beginning. */
export interface Stretch extends Mark {
  readonly endSpan: number
  readonly endBytes: number
  /** The largest timestamp of its records; -1 where they have none. */
  readonly maxTimestampMs: number
}

/** What of a stretch is persisted; it ends where the next one begins. */
export type StretchStart = Pick<Stretch, 'span' | 'bytes' | 'maxTimestampMs'>

/**
 * Where batches begin inside a segment, and how late its records are from there on: what a read by offset or by time needs to
 * begin nearby. A few thousand stretches, in two arrays of numbers rather than in as many objects.
 */
export class SparseIndex {
  /** Pairs: offsets and bytes that lie before a stretch. */
  readonly #places: Float64Array
  readonly #timestampsMs: Float64Array
  readonly #end: Mark

  /**
   * @param stretches in order; the first one begins at the segment's beginning
   * @param end the segment's span and its bytes
   */
  constructor(stretches: readonly StretchStart[], end: Mark) {
    this.#places = new Float64Array(stretches.length * 2)
    this.#timestampsMs = Float64Array.from(stretches, ({ maxTimestampMs }) => maxTimestampMs)
    this.#end = end
    for (const [index, { span, bytes }] of stretches.entries()) this.#places.set([span, bytes], index * 2)
  }

  encode(): Uint8Array {
    const writer = new ByteWriter()
    let before: StretchStart = START
    for (const stretch of this.stretches()) {
      writer.number(stretch.span - before.span).number(stretch.bytes - before.bytes)
      writeStep(writer, stretch.maxTimestampMs - before.maxTimestampMs)
      before = stretch
    }
    return writer.finish()
  }

  /** @throws RangeError when the bytes are no sparse index of such a segment */
  static decode(bytes: Uint8Array, end: Mark): SparseIndex {
    const reader = new ByteReader(bytes)
    const stretches: StretchStart[] = []
    let before: StretchStart = START
    while (!reader.isAtEnd) {
      const next = {
        span: before.span + reader.number(),
        bytes: before.bytes + reader.number(),
        maxTimestampMs: before.maxTimestampMs + readStep(reader),
      }
      checkOrder(next, stretches.length === 0 ? undefined : before, end)
      stretches.push(next)
      before = next
    }
    if (stretches.length === 0 && end.bytes > 0) throw new RangeError('a sparse index has no beginning')
    return new SparseIndex(stretches, end)
  }

  /** What it takes of memory, about. */
  get heldBytes(): number {
    return this.#places.byteLength + this.#timestampsMs.byteLength
  }

  /** As an entry has its marks: without its own beginning. */
  marksOf(): readonly Mark[] {
    return Array.from(this.stretches(), ({ span, bytes }) => ({ span, bytes })).slice(1)
  }

  /** The first stretch with a record of this time or later that ends behind so many offsets. */
  firstAt(timestampMs: number, spanBefore = 0): Stretch | undefined {
    for (const stretch of this.stretches(spanBefore)) {
      if (stretch.maxTimestampMs >= timestampMs) return stretch
    }
    return undefined
  }

  /** In order, those that end behind so many offsets. */
  *stretches(spanBefore = 0): Generator<Stretch> {
    const places = this.#places
    const last = this.#timestampsMs.length - 1
    for (let index = 0; index <= last; index++) {
      const at = index * 2
      if ((index === last ? this.#end.span : places[at + 2]!) <= spanBefore) continue
      yield {
        span: places[at]!,
        bytes: places[at + 1]!,
        endSpan: index === last ? this.#end.span : places[at + 2]!,
        endBytes: index === last ? this.#end.bytes : places[at + 3]!,
        maxTimestampMs: this.#timestampsMs[index]!,
      }
    }
  }
}

const START: StretchStart = { span: 0, bytes: 0, maxTimestampMs: 0 }
/** What of a step stands beside its sign. Twice the whole step might be more than a number can be. */
const STEP_LOW = 64

function writeStep(writer: ByteWriter, step: number): void {
  const size = Math.abs(step)
  writer.number((size % STEP_LOW) * 2 + (step < 0 ? 1 : 0)).number(Math.floor(size / STEP_LOW))
}

function readStep(reader: ByteReader): number {
  const low = reader.number()
  const size = reader.number() * STEP_LOW + Math.floor(low / 2)
  return low % 2 === 1 ? -size : size
}

function checkOrder(next: StretchStart, before: StretchStart | undefined, end: Mark): void {
  const isInOrder = before
    ? next.span > before.span && next.bytes > before.bytes
    : next.span === 0 && next.bytes === 0
  const isWithin = next.span < end.span && next.bytes < end.bytes
  const isTime = Number.isSafeInteger(next.maxTimestampMs) && next.maxTimestampMs >= -1
  if (!isInOrder || !isWithin || !isTime) throw new RangeError('a sparse index is not in order')
}
