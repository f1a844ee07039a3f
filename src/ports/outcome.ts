/**
 * The two ways in which a call to a store can fail and another try may help. Everything else that a port
 * throws is a defect or needs a person. Whoever calls a port that writes must tell the two apart.
 */

/** The store did not do it, and will not: throttled, refused a connection, crashed before. */
export class NotApplied extends Error {
  override readonly name = 'NotApplied'
}

/** Nobody knows: a time-out, a lost answer, a 5xx. It may be done, be done later, or never. */
export class OutcomeUnknown extends Error {
  override readonly name = 'OutcomeUnknown'
}
