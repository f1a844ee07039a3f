/** What `verify` has to say about one place of the store. */
export interface Finding {
  /**
   * `error`: an invariant does not hold, records may be lost; `suspicious`: nothing refers to so much that neither crashes
   * nor deletions explain it; `leftover`: something that nothing refers to, as they leave it, which does no harm.
   */
  readonly severity: 'error' | 'suspicious' | 'leftover'
  /** A partition, an item or an object. */
  readonly place: string
  readonly problem: string
}

/** What was looked at, and where the look stands. */
export class VerifySummary {
  topics = 0
  partitions = 0
  /** Of all live topics. */
  partitionsInAll = 0
  blocks = 0
  entries = 0
  segments = 0
  batches = 0
  records = 0
  bytes = 0
  objects = 0
  orphanBytes = 0
  /** The partition that is being looked at; null before the first, and once all have been. */
  at: PartitionPlace | null = null
}

/** A partition as a person calls it. */
export interface PartitionPlace {
  readonly topic: string
  readonly partition: number
}

export function error(place: string, problem: string): Finding {
  return { severity: 'error', place, problem }
}

export function leftover(place: string, problem: string): Finding {
  return { severity: 'leftover', place, problem }
}
