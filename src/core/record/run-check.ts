import { KiB } from '../limits/units.ts'
import { batchSizeBytes } from './batch-header.ts'
import { ATTRIBUTES_AT, CRC_AT, readInt32 } from './batch-layout.ts'
import { checksum } from './checksum.ts'
import { JoinedChecksum } from './joined-checksum.ts'
import { checkSound, looksSound } from './sound-batch.ts'

/** A batch that is no larger is checked together with those that follow… */
const SMALL_BYTES_MAX = 2 * KiB
/** …up to so many bytes, which are still near when they are read again… */
const TOGETHER_BYTES_MAX = 64 * KiB
/** …where there are so many of them. */
const TOGETHER_MIN = 4

/**
 * Checks the batches of a run, one after the other. To call what computes a CRC takes longer than that of a small batch: so it
 * is called once for many. The CRC of all their bytes has to be the one that follows from the CRCs that they tell. Where it is
 * not, each is checked by itself. A damage in one of them cannot pass: its own CRC would differ by as much. Damages in two
 * would have to cancel each other out, which is as likely as that one has the right CRC by chance.
 */
export class RunCheck {
  readonly #bytes: Uint8Array
  /** Those up to there are sound, from where it was tried on. */
  #soundEnd = 0
  #triedEnd = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  /**
   * @param position of a batch that lies behind those which were checked before
   * @param until how far others may be checked with it
   * @throws TidemarkError as checkBatch
   */
  check(position: number, sizeBytes: number, until: number): void {
    if (position >= this.#triedEnd && sizeBytes <= SMALL_BYTES_MAX) this.#tryTogether(position, until)
    if (position + sizeBytes > this.#soundEnd) checkSound(this.#bytes, position)
  }

  #tryTogether(start: number, until: number): void {
    const bytes = this.#bytes
    const end = Math.min(until, start + TOGETHER_BYTES_MAX, bytes.length)
    const told = new JoinedChecksum()
    let position = start
    let batches = 0
    for (; position < end; batches++) {
      // Not whole, or nothing that is told of it can be believed.
      if (!looksSound(bytes, position)) break
      const next = position + batchSizeBytes(bytes, position)
      if (next > end || next - position > SMALL_BYTES_MAX) break
      const body = position + ATTRIBUTES_AT
      told.addBytes(bytes, position, body)
      told.addKnown(readInt32(bytes, position + CRC_AT), next - body)
      position = next
    }
    this.#triedEnd = position
    const isTogether = batches >= TOGETHER_MIN && told.value === checksum(bytes, start, position)
    if (isTogether) this.#soundEnd = position
  }
}
