import type { StoreFormat } from '../../core/store-format.ts'

/** What a table says of its store; asked once in a process. All methods can throw NotApplied and StoreFailed. */
export interface StoreStatement {
  /** The table's name. */
  readonly table: string
  /** undefined where it says nothing yet. */
  beforeReading(): Promise<StoreFormat | undefined>
  /** The same, but a table that says nothing is given a statement, where that is allowed. @throws OutcomeUnknown too */
  beforeWriting(): Promise<StoreFormat | undefined>
  /**
   * Has a table say what its store said before the table was lost: one that says nothing, or that functions which went on have had
   * say something, and in which there is no topic. @throws OutcomeUnknown too
   */
  adopt(format: StoreFormat): Promise<void>
}
