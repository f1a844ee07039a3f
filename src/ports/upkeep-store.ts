import type { Note } from '../core/garbage.ts'
import type { Ingest } from '../core/ingest/ingest.ts'

/**
 * What whoever maintains a store keeps beside the logs: it belongs to none of them, and outlives some. Every write is one
 * atomic, durable step on one item. All methods can throw NotApplied and StoreFailed; those that write also OutcomeUnknown.
 */
export interface UpkeepStore {
  /** Undefined in a store without epochs. */
  readIngest(): Promise<Ingest | undefined>

  /** On the condition that the version in place is `expected`; undefined: that there is none. Tells whether it held. */
  putIngest(ingest: Ingest, expected: string | undefined): Promise<boolean>

  /** Over whatever stands at its key. May be repeated. */
  putNote(note: Note): Promise<void>

  /** One that is not there is no error. */
  removeNote(note: Note): Promise<void>

  /** Notes of a kind; `dead` ones in the order of their times, and only those noted before `untilMs`, and not before `fromMs`. */
  notes<Kind extends Note['kind']>(
    kind: Kind,
    untilMs?: number,
    fromMs?: number,
  ): AsyncIterable<Note & { readonly kind: Kind }>

  /**
   * Whether `holder` has the lease now: it was free, had expired by `nowMs`, or was its own. It spares work in vain, and nothing
   * relies on it. One that lasts for much longer than the one asked for is of a clock that was wrong, and counts as over.
   */
  takeLease(name: string, holder: string, nowMs: number, untilMs: number): Promise<boolean>
}
