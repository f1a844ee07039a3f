import { EPOCH_INTERVAL_MS, EPOCHS_AHEAD_MAX, EPOCHS_KEPT } from '../limits.ts'

/**
 * The epochs of a store's ingest objects: one item, which is changed only on condition of its version. All objects of an epoch
 * go together, once no log needs any of them. Times are by somebody's clock: they say when to try, and never whether it is allowed,
 * but for the grace before something is deleted.
 */
export interface Ingest {
  /** The current one, 1 at first. */
  readonly epoch: number
  /** The highest epoch in which somebody has seen objects. */
  readonly written: number
  readonly advancedMs: number
  /** What the round under way, or the last one, raises the heads' floors to; heads are made with it. */
  readonly floor: number
  /** The last topic's name up to which all heads have drained `floor`; '' at the beginning. null: no round is under way. */
  readonly cursor: string | null
  /** The partition keys of those that this round could not drain: at most STUCK_PARTITIONS_MAX. */
  readonly stuck: readonly string[]
  /** When the round under way, or the last one, began. */
  readonly roundMs: number
  /** All heads have drained the epochs below this one. */
  readonly drained: number
  /** When that was published. */
  readonly drainedMs: number
  /** Objects of epochs below this one are deleted. */
  readonly swept: number
  /** Objects of these epochs are never swept: an index that was made anew may not know of them. 0: nothing is held. */
  readonly heldBelow: number
  /** New with every write. */
  readonly version: string
}

/** What a store begins with. */
export function firstIngest(nowMs: number, version: string): Ingest {
  return {
    epoch: 1,
    written: 0,
    advancedMs: nowMs,
    floor: 0,
    cursor: null,
    stuck: [],
    roundMs: 0,
    drained: 0,
    drainedMs: 0,
    swept: 0,
    heldBelow: 0,
    version,
  }
}

// What these give bears the version of before: whoever puts it gives it a new one.

/** The next epoch; undefined while the current one is young, or nothing was written for several of them. */
export function advance(
  ingest: Ingest,
  nowMs: number,
  intervalMs: number = EPOCH_INTERVAL_MS,
): Ingest | undefined {
  if (ingest.epoch > ingest.written + EPOCHS_AHEAD_MAX) return undefined
  // A time in the future is of a clock that was wrong, and must not hold the epochs up.
  if (Math.abs(nowMs - ingest.advancedMs) < intervalMs) return undefined
  return { ...ingest, epoch: ingest.epoch + 1, advancedMs: nowMs }
}

/** A round that drains one epoch or more; undefined while one is under way, too soon after the last, or where there is none to drain. */
export function beginRound(ingest: Ingest, nowMs: number, intervalMs: number): Ingest | undefined {
  if (ingest.cursor !== null || Math.abs(nowMs - ingest.roundMs) < intervalMs) return undefined
  const floor = ingest.epoch - EPOCHS_KEPT
  // The last round that was not published is gone through again.
  if (floor < 1 || floor < ingest.floor || floor <= ingest.drained) return undefined
  return { ...ingest, floor, cursor: '', stuck: [], roundMs: nowMs }
}

/**
 * The end of a round; undefined where none is under way. What was stuck keeps it from being published: the next one tries again.
 * @param ingest whose cursor stands at the last topic
 */
export function publish(ingest: Ingest, nowMs: number): Ingest | undefined {
  if (ingest.cursor === null) return undefined
  if (ingest.stuck.length > 0) return { ...ingest, cursor: null }
  return { ...ingest, cursor: null, drained: ingest.floor, drainedMs: nowMs }
}

/**
 * The same, as if it were published now; undefined where that was done in the past, as far as clocks agree. A time further in the
 * future is of a clock that was wrong: until then nothing would be swept, and no round begun.
 */
export function publishAnew(ingest: Ingest, nowMs: number, graceMs: number): Ingest | undefined {
  const isWaiting = ingest.drained > ingest.swept
  return isWaiting && ingest.drainedMs > nowMs + graceMs ? { ...ingest, drainedMs: nowMs } : undefined
}

/**
 * Objects of epochs below this one may be deleted, strays that came late to swept ones among them; 0: none. While something is
 * held nothing is swept.
 */
export function sweepable(ingest: Ingest, nowMs: number, graceMs: number): number {
  if (ingest.heldBelow > 0) return 0
  return nowMs - ingest.drainedMs < graceMs ? ingest.swept : ingest.drained
}
