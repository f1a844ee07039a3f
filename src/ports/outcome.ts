/**
 * The ways in which a call to a store can fail: two where another try may help, and one where it cannot. Whoever
 * calls a port that writes must tell them apart. Everything else that a port throws is a defect.
 */

/** The store did not do it, and will not: throttled, refused a connection, crashed before. */
export class NotApplied extends Error {
  override readonly name = 'NotApplied'
}

/** The store did not do it, since the item would become too large: first something in it has to go. */
export class NoRoom extends NotApplied {}

/** Nobody knows: a time-out, a lost answer, a 5xx. It may be done, be done later, or never. */
export class OutcomeUnknown extends Error {
  override readonly name = 'OutcomeUnknown'
}

/**
 * The store did not do it, and will not until a person has seen to it: a disk that failed, a permission or a table
 * that is missing. The message says what to see to.
 */
export class StoreFailed extends Error {
  override readonly name = 'StoreFailed'
  /** Whether it may be done all the same: the store failed on the way, and cannot be asked. */
  readonly isUnsure: boolean
  /** Whether it may go by itself all the same, so that it pays to ask again: room on a disk that others use, too. */
  readonly mayPass: boolean

  constructor(
    message: string,
    {
      isUnsure = false,
      mayPass = false,
      ...options
    }: ErrorOptions & { isUnsure?: boolean; mayPass?: boolean } = {},
  ) {
    super(message, options)
    this.isUnsure = isUnsure
    this.mayPass = mayPass
  }
}

/** The same, for what is stored: a part of it has been read, and makes no sense. */
export class StoreDamaged extends StoreFailed {}
