export interface Item {
  readonly key: string
  readonly value: Uint8Array
}

/** What becomes of an item, and what whoever asked for the change is told. */
export interface Change<T> {
  /** What shall stand there; without it the item stays as it is. */
  readonly put?: Uint8Array | undefined
  /** The item goes. */
  readonly isRemoved?: boolean
  readonly answer: T
}

/** What becomes of several items together. */
export interface Changes<T> {
  /** In the order of their keys; undefined: that one stays as it is. */
  readonly changes: readonly (Pick<Change<T>, 'put' | 'isRemoved'> | undefined)[]
  readonly answer: T
}

/**
 * When a change is on the disk: before it resolves, or before any later change is of the same store, whoever makes that. After a
 * power failure those of the second kind may be gone, the last ones first, as if nobody had begun them: for what nobody was told,
 * and whoever finds it undone does again.
 */
export type Lasting = 'at once' | 'in order'

/**
 * One sorted key space of bytes; keys sort as their UTF-8 bytes do. Every change is one atomic, durable step (see Lasting), on ONE
 * item but for `updateAll`, and every read sees all changes that resolved before it began. All methods can throw NotApplied and
 * StoreFailed; those that write also OutcomeUnknown.
 */
export interface Items {
  get(key: string): Promise<Uint8Array | undefined>

  /**
   * The items from `start` to below `end`, in order, at most `limit`. They are read whole before the first is given: the
   * caller may take its time, a read transaction must not.
   */
  range(start: string, end: string, limit?: number): Promise<Item[]>

  /** The last item from `first` to `last`, both included. */
  lastUpTo(first: string, last: string): Promise<Item | undefined>

  /**
   * Changes one item: `change` gets what stands there, and tells what shall and the answer. It is synchronous and has no
   * effect of its own: a request that something on the way repeats runs it twice, and the answer is that of its own run.
   */
  update<T>(
    key: string,
    change: (standing: Uint8Array | undefined) => Change<T>,
    lasting?: Lasting,
  ): Promise<T>

  /**
   * Changes several items in ONE step: all of it is there, for every reader and after every crash, or none. As `update` otherwise.
   * @param keys each once
   * @param change gets what stands there and tells what becomes of each, in the order of the keys
   */
  updateAll<T>(
    keys: readonly string[],
    change: (standing: readonly (Uint8Array | undefined)[]) => Changes<T>,
    lasting?: Lasting,
  ): Promise<T>

  /** Removes the items from `start` to below `end`, each in a step of its own. */
  removeRange(start: string, end: string): Promise<void>
}

/** A change of one item, for who changes several. */
export function ofOne<T>(
  change: (standing: Uint8Array | undefined) => Change<T>,
): (standing: readonly (Uint8Array | undefined)[]) => Changes<T> {
  return ([standing]) => {
    const made = change(standing)
    return { changes: [made], answer: made.answer }
  }
}

/** The change that removes an item, whatever stands there. */
export function removal(): Change<void> {
  return { isRemoved: true, answer: undefined }
}

/** The key of an item whose key has two parts, as in a DynamoDB table. No first part has a slash. */
export function joinKey(partitionKey: string, sortKey: string): string {
  return `${partitionKey}/${sortKey}`
}

/** The two parts of an item's key. */
export function splitKey(key: string): { partitionKey: string; sortKey: string } {
  const slash = key.indexOf('/')
  return { partitionKey: key.slice(0, slash), sortKey: key.slice(slash + 1) }
}

/** Sorts behind all keys that begin so: the prefix ends in an ASCII character, which becomes the next one. */
export function endOf(prefix: string): string {
  return prefix.slice(0, -1) + String.fromCharCode(prefix.charCodeAt(prefix.length - 1) + 1)
}
