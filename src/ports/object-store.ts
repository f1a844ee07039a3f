import type { Position } from '../core/numbers.ts'

/**
 * Immutable objects, by key. Once a put has resolved, every reader finds the object, and it is durable, or will be before anything is
 * that is written to the same store's index later.
 */
export interface ObjectStore {
  /**
   * Stores an object made of `chunks`, one after the other. Putting the same bytes under the same key again
   * changes nothing, so a put whose outcome is unknown may be repeated.
   * The bytes must not change until it settles.
   * @param isNamedNext whether the caller is going to write to the same store's index what names it: then other processes need not find it
   *   before that is written, nor after a crash that comes before, and the bytes must not change until then
   * @throws NotApplied, OutcomeUnknown
   */
  put(key: string, chunks: readonly Uint8Array[], isNamedNext?: boolean): Promise<void>

  /**
   * Reads `bytes` bytes from `position` on, into memory that is the caller's to change; undefined when there is
   * no such object, fewer bytes when it ends before.
   * @param into memory with room for them, into which a store may read: then what it gives is a view of its beginning. Until this
   *   has resolved it is nobody else's, and where it never does, or rejects, for good
   * @throws NotApplied when it cannot be read now
   */
  get(key: string, position: Position, bytes: number, into?: Uint8Array): Promise<Uint8Array | undefined>

  /**
   * As put, for what does not fit into memory: takes chunks as they come, and holds two parts of OBJECT_PART_BYTES at most.
   * A chunk's memory may be used again as soon as the next one is asked for. Tells how many bytes it were. Where it throws
   * NotApplied, or what `chunks` throws, nothing is under the key; what is left of a try goes by itself.
   * @throws NotApplied, OutcomeUnknown: to repeat it, give the chunks anew; under the same key only if they are the same
   */
  putLarge(key: string, chunks: AsyncIterable<Uint8Array>): Promise<number>

  /**
   * Every object whose key begins with `prefix` and sorts below `below`, in the order of the keys (UTF-8). Those whose put
   * has not resolved, and what comes or goes meanwhile, may be missing. What the store says of itself is none.
   * @throws NotApplied
   */
  list(prefix?: string, below?: string): AsyncIterable<ObjectInfo>

  /** Removes an object; one that is not there is no error. */
  remove(key: string): Promise<void>

  /** Removes objects, however many; those that are not there are no error. May be repeated. @throws NotApplied, OutcomeUnknown */
  removeAll(keys: readonly string[]): Promise<void>
}

export interface ObjectInfo {
  readonly key: string
  readonly bytes: number
  readonly modifiedMs: number
}
