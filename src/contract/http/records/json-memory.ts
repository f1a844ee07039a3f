import { TidemarkError } from '../../../core/errors.ts'
import {
  HTTP_ANSWERS_BYTES_MAX,
  HTTP_SMALL_ANSWERS_BYTES,
  JSON_LARGE_READS_MAX,
} from '../../../core/limits.ts'
import { Lane } from '../../../core/turns.ts'
import type { AnswerMemory } from '../settings.ts'

/** What any answer may have of the process's memory: all of it, when it is alone. */
const BYTES_MAX = HTTP_ANSWERS_BYTES_MAX - HTTP_SMALL_ANSWERS_BYTES
/** What becomes of an uncompressed batch at most: a record of nothing takes 7 bytes, and its members' names in JSON. */
export const UNCOMPRESSED_GROWTH_MAX = 16

/** Of this process: a read that needs more memory than it could know of, at a time. */
const large = new Lane(1)

/**
 * The memory of one answer in JSON: of what was fetched, and of what is made of it. Nobody who waits for memory has any, or
 * all might wait for one another: whoever needs more than he thought gives back what he has, and begins anew.
 */
export class JsonMemory {
  readonly #room: AnswerMemory | undefined
  readonly #signal: AbortSignal | undefined
  readonly #answerBytes: number
  #storedBytes = 0
  #bytes = 0

  /** @param answerBytes what the answer is meant to have at most */
  constructor(room: AnswerMemory | undefined, answerBytes: number, signal: AbortSignal | undefined) {
    this.#room = room
    this.#answerBytes = answerBytes
    this.#signal = signal
  }

  /** Before so much more is read from the store: room for that, and for what will be made of it. */
  async reserve(storedBytes: number): Promise<void> {
    this.#storedBytes += storedBytes
    await this.become(Math.min(this.#answerBytes, this.#storedBytes * UNCOMPRESSED_GROWTH_MAX))
  }

  /** What is made of the stored bytes will have so much. @throws TidemarkError THROTTLING_QUOTA_EXCEEDED */
  async become(bytes: number): Promise<void> {
    if (!this.#room) return
    const wanted = Math.min(BYTES_MAX, this.#storedBytes + bytes)
    if (wanted <= this.#bytes) return this.#shrink(bytes)
    if (this.#bytes > 0) this.#room.give(this.#bytes)
    this.#bytes = 0
    await this.#room.take(wanted, this.#signal)
    this.#bytes = wanted
  }

  /** The same, of what is at work for all those that need more: nobody who has memory waits for it. */
  async grow(bytes: number): Promise<void> {
    const more = Math.min(BYTES_MAX, this.#storedBytes + bytes) - this.#bytes
    if (!this.#room || more <= 0) return
    await this.#room.take(more, this.#signal)
    this.#bytes += more
  }

  /** The answer is made, of so many bytes, and what it was made of is forgotten. */
  made(bytes: number): void {
    this.#storedBytes = 0
    this.#shrink(bytes)
  }

  /**
   * Does what needs far more than was reserved, once it is its turn.
   * @throws TidemarkError THROTTLING_QUOTA_EXCEEDED when too many wait for that
   */
  async forLarge<T>(work: () => Promise<T>): Promise<T> {
    if (large.waiting >= JSON_LARGE_READS_MAX) {
      throw new TidemarkError(
        'THROTTLING_QUOTA_EXCEEDED',
        'Too much is being decompressed right now. Try again later.',
      )
    }
    this.#shrink(-this.#storedBytes)
    return await large.run(work)
  }

  /** What was made of the stored bytes has no more than this. */
  #shrink(bytes: number): void {
    const wanted = Math.min(this.#bytes, this.#storedBytes + bytes)
    if (wanted < this.#bytes) this.#room?.give(this.#bytes - wanted)
    this.#bytes = wanted
  }
}
