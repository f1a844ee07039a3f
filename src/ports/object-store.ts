import type { Position } from '../core/numbers.ts'

/** Immutable objects, by key. Once a put has resolved, the object is durable and every reader finds it. */
export interface ObjectStore {
  /**
   * Stores an object made of `chunks`, one after the other. Putting the same bytes under the same key again
   * changes nothing, so a put whose outcome is unknown may be repeated.
   * The bytes must not change until it settles.
   * @throws NotApplied, OutcomeUnknown
   */
  put(key: string, chunks: readonly Uint8Array[]): Promise<void>

  /**
   * Reads `bytes` bytes from `position` on, into memory that is the caller's to change; undefined when there is
   * no such object, fewer bytes when it ends before.
   * @throws NotApplied when it cannot be read now
   */
  get(key: string, position: Position, bytes: number): Promise<Uint8Array | undefined>

  /** Every object whose put has resolved, in no order; others may be missing. What the store says of itself is none. */
  list(): AsyncIterable<ObjectInfo>

  /** Removes an object; one that is not there is no error. */
  remove(key: string): Promise<void>
}

export interface ObjectInfo {
  readonly key: string
  readonly bytes: number
  readonly modifiedMs: number
}
