import type { MemoryPool } from '../../core/lent-memory.ts'

const LENGTH_BYTES = 4

/** A frame, and the memory that it has for itself; undefined: it lies in what came, with others. */
export interface Frame {
  readonly bytes: Uint8Array
  readonly memory: Uint8Array | undefined
}

/**
 * Takes what a connection receives apart into frames: each a length of four bytes, and so many bytes. A frame that lies in one
 * piece is a view of it; any other one is copied once, into memory of its own.
 */
export class FrameReader {
  readonly #pool: Pick<MemoryPool, 'take'>
  /** What has come and is not taken apart. Mostly one piece at most: whoever cannot go on stops reading. */
  readonly #pieces: Uint8Array[] = []
  #heldBytes = 0
  #nextBytes: number | undefined
  /** The frame that is being put together, its memory, and how much of it is there. */
  #frame: Uint8Array | undefined
  #memory: Uint8Array | undefined
  #filled = 0

  /** @param pool where a frame's memory is taken; whoever reads the frame gives it back, or does not */
  constructor(pool: Pick<MemoryPool, 'take'>) {
    this.#pool = pool
  }

  push(piece: Uint8Array): void {
    if (this.#frame !== undefined && this.#heldBytes === 0) {
      const taken = Math.min(piece.length, this.#frame.length - this.#filled)
      this.#frame.set(taken === piece.length ? piece : piece.subarray(0, taken), this.#filled)
      this.#filled += taken
      if (taken === piece.length) return
      this.#hold(piece.subarray(taken))
    } else if (piece.length > 0) {
      this.#hold(piece)
    }
  }

  /**
   * The length that the next frame says it has, once that has come: signed, so to be checked before `read`, which makes room
   * for it.
   */
  get nextBytes(): number | undefined {
    if (this.#nextBytes === undefined && this.#heldBytes >= LENGTH_BYTES) {
      let length = 0
      for (let i = 0; i < LENGTH_BYTES; i++) length = (length << 8) | this.#takeByte()
      this.#nextBytes = length
    }
    return this.#nextBytes
  }

  /** The next frame, if all of it has come; begins to put it together where it has not. */
  read(): Frame | undefined {
    const bytes = this.nextBytes
    if (bytes === undefined) return undefined
    if (this.#frame === undefined) {
      const [first] = this.#pieces
      if (bytes === 0 || (first !== undefined && first.length >= bytes)) return this.#done(this.#take(bytes))
      if (this.#heldBytes === 0) return undefined
      this.#memory = this.#pool.take(bytes)
      this.#frame = this.#memory.subarray(0, bytes)
      this.#filled = 0
    }
    while (this.#filled < this.#frame.length && this.#heldBytes > 0) {
      const part = this.#take(Math.min(this.#pieces[0]!.length, this.#frame.length - this.#filled))
      this.#frame.set(part, this.#filled)
      this.#filled += part.length
    }
    return this.#filled === this.#frame.length ? this.#done(this.#frame) : undefined
  }

  #done(bytes: Uint8Array): Frame {
    const memory = this.#memory
    this.#nextBytes = undefined
    this.#frame = undefined
    this.#memory = undefined
    return { bytes, memory }
  }

  #hold(piece: Uint8Array): void {
    this.#pieces.push(piece)
    this.#heldBytes += piece.length
  }

  #takeByte(): number {
    return this.#take(1)[0]!
  }

  /** So many bytes of the first piece. */
  #take(bytes: number): Uint8Array {
    const [first] = this.#pieces
    if (bytes === 0 || first === undefined) return EMPTY
    this.#heldBytes -= bytes
    if (first.length === bytes) return this.#pieces.shift()!
    this.#pieces[0] = first.subarray(bytes)
    return first.subarray(0, bytes)
  }
}

const EMPTY = new Uint8Array(0)
