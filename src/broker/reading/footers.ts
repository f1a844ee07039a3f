import { FOOTER_CACHE_BYTES, FOOTER_SPARED_BYTES } from '../../core/limits.ts'
import type { PlacedEntry, SegmentPlace } from '../../core/log/entry.ts'
import { isKnown, type KnownPlace, type RangeEnd } from '../../core/log/read-plan.ts'
import { later, type Offset, toPosition } from '../../core/numbers.ts'
import { decodeFooter } from '../../core/segment/footer.ts'
import type { SparseIndex } from '../../core/segment/sparse-index.ts'
import type { ObjectStore } from '../../ports/object-store.ts'
import { scanSegment } from './scan-segment.ts'
import { bytesFrom } from './walk.ts'

/** A read, and from where on. */
export interface WantedRange {
  readonly from: Offset
  readonly maxBytes: number
  readonly end: RangeEnd
  /** Whether a small segment may be read from its beginning rather than that its footer is looked at. */
  readonly sparesFooters: boolean
}

/** What a footer takes in memory, of its own bytes. */
const DECODED_GROWTH = 3

interface Kept {
  readonly bytes: number
  readonly index: Promise<SparseIndex | undefined>
}

/** The footers of segments that were looked into of late. Objects never change, so what is kept stays true. */
export class FooterCache {
  readonly #objects: Pick<ObjectStore, 'get'>
  readonly #bytesMax: number
  /** By the object's key; the one that was asked for longest ago comes first. */
  readonly #kept = new Map<string, Kept>()
  #bytes = 0

  constructor(objects: Pick<ObjectStore, 'get'>, bytesMax = FOOTER_CACHE_BYTES) {
    this.#objects = objects
    this.#bytesMax = bytesMax
  }

  /**
   * The entries, with the marks of those segments that a read from `from` on begins inside of, or ends. Not of those that
   * are about as fast read from their beginning. Undefined where such a segment's object is not there any more.
   */
  async withMarks(
    entries: readonly PlacedEntry[],
    wanted: WantedRange,
    known: KnownPlace | undefined,
  ): Promise<readonly PlacedEntry[] | undefined> {
    if (!entries.some(({ entry }) => entry.place.kind === 'segment')) return entries
    const marked: PlacedEntry[] = []
    let left = wanted.maxBytes
    for (const placed of entries) {
      const { entry } = placed
      const { place } = entry
      if (place.kind === 'segment' && needsMarks(placed, { ...wanted, maxBytes: left }, known)) {
        const index = await this.indexOf(placed, place)
        if (!index) return undefined
        marked.push({ ...placed, entry: { ...entry, marks: index.marksOf() } })
      } else {
        marked.push(placed)
      }
      left -= bytesFrom(placed, wanted.from)
    }
    return marked
  }

  /** What a segment's footer says of the places in it; undefined where its object is not there any more. */
  async indexOf(placed: PlacedEntry, { key, footerBytes }: SegmentPlace): Promise<SparseIndex | undefined> {
    const kept = this.#kept.get(key) ?? {
      bytes: footerBytes * DECODED_GROWTH,
      index: this.#read(placed, key, footerBytes),
    }
    this.#keep(key, kept)
    try {
      const index = await kept.index
      if (!index) this.#forget(key, kept)
      return index
    } catch (error) {
      this.#forget(key, kept)
      throw error
    }
  }

  async #read(placed: PlacedEntry, key: string, footerBytes: number): Promise<SparseIndex | undefined> {
    const bytes = await this.#objects.get(key, toPosition(placed.entry.bytes), footerBytes)
    try {
      return bytes && decodeFooter(bytes).marks
    } catch (error) {
      if (!(error instanceof RangeError)) throw error
      return await scanSegment(this.#objects, key, placed)
    }
  }

  #keep(key: string, kept: Kept): void {
    this.#forget(key, this.#kept.get(key))
    this.#kept.set(key, kept)
    this.#bytes += kept.bytes
    for (const [oldest, other] of this.#kept) {
      if (this.#bytes <= this.#bytesMax || other === kept) return
      this.#forget(oldest, other)
    }
  }

  #forget(key: string, kept: Kept | undefined): void {
    if (!kept || this.#kept.get(key) !== kept) return
    this.#kept.delete(key)
    this.#bytes -= kept.bytes
  }
}

function needsMarks(
  placed: PlacedEntry,
  { from, maxBytes, end, sparesFooters }: WantedRange,
  known: KnownPlace | undefined,
): boolean {
  const { baseOffset, entry } = placed
  const spanBefore = later(from, placed.from) - baseOffset
  // Somebody else can read a part of it only if that ends with a batch.
  if (end === 'mark' && entry.bytes > maxBytes) return true
  if (spanBefore <= 0 || (sparesFooters && entry.bytes <= FOOTER_SPARED_BYTES)) return false
  return end === 'mark' || !(known && isKnown(known, placed, spanBefore))
}
