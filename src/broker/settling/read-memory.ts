import { SETTLING_PIECE_BYTES } from '../../core/limits.ts'

/** What was read, and the memory that was there for it. */
export interface ReadPiece {
  /** Elsewhere, where the store has put it there. */
  readonly bytes: Uint8Array
  readonly memory: Uint8Array
}

/** Before each piece, for the part of a batch that the one before it ends with: a usual batch is smaller. */
const ROOM_BEFORE_BYTES = 256 * 1024
/** Reads are of pieces, or of small entries; what is larger than a piece is rare. */
const SIZES_BYTES = [64 * 1024, SETTLING_PIECE_BYTES / 4, SETTLING_PIECE_BYTES] as const

/**
 * Memory that is read into again and again. Buffers that are made anew for each piece are collected late: V8 is in no hurry with
 * what lies outside of its heap, and lets tens of MiB come together.
 */
export class ReadMemory {
  readonly #idle: Uint8Array[] = []

  /**
   * Reads a piece into memory that nobody uses.
   * @param read where it rejects, the memory is not used again: somebody may still write to it
   */
  async read(
    bytes: number,
    read: (into: Uint8Array) => Promise<Uint8Array | undefined>,
  ): Promise<ReadPiece | undefined> {
    const memory = this.#take(ROOM_BEFORE_BYTES + (SIZES_BYTES.find(size => size >= bytes) ?? bytes))
    const found = await read(memory.subarray(ROOM_BEFORE_BYTES, ROOM_BEFORE_BYTES + bytes))
    if (found) return { bytes: found, memory }
    this.#idle.push(memory)
    return undefined
  }

  /** Nobody looks at the piece any more. */
  giveBack(piece: ReadPiece | undefined): void {
    if (piece && piece.memory.length > 0) this.#idle.push(piece.memory)
  }

  #take(bytes: number): Uint8Array {
    const at = this.#idle.findIndex(memory => memory.length === bytes)
    if (at >= 0) return this.#idle.splice(at, 1)[0]!
    // Not of a pool that others have a part of.
    return Buffer.allocUnsafeSlow(bytes)
  }
}

/** A piece with what is left of the one before it in front: in the piece's own memory, where there is room. */
export function joined(before: Uint8Array, { bytes, memory }: ReadPiece): Uint8Array {
  if (before.length === 0) return bytes
  const at = bytes.byteOffset - memory.byteOffset - before.length
  if (bytes.buffer !== memory.buffer || at < 0) return Buffer.concat([before, bytes])
  memory.set(before, at)
  return memory.subarray(at, at + before.length + bytes.length)
}
