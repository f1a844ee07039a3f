import { ARMING_WAKES_MAX, WAKE_PAUSE_MS } from '../limits.ts'
import type { Offset } from '../numbers.ts'

/** How a listener is armed at a partition. Undefined, each of these: not known, as of one that was armed by an older program. */
export interface Arming {
  /** A change that leaves the log's end beyond this wakes; undefined: any does. */
  readonly from?: Offset | undefined
  /** When it was armed, or woke last. */
  readonly sinceMs?: number | undefined
  /** How many wake-ups it is good for. */
  readonly wakesLeft?: number | undefined
}

/** One that is made now. */
export function freshArming(from: Offset | undefined, nowMs: number): Arming {
  return { from, sinceMs: nowMs, wakesLeft: ARMING_WAKES_MAX }
}

/** Whether a change that left the log's end there is one to wake for. */
export function isBelow({ from }: Arming, endOffset: Offset | undefined): boolean {
  return from === undefined || endOffset === undefined || from < endOffset
}

/** Whether an arming that stands now is the one that was found: a request that comes late takes no other one. */
export function isSame(standing: Arming, found: Arming): boolean {
  return standing.sinceMs === found.sinceMs && standing.from === found.from
}

/**
 * What is left of it when it has woken; undefined: nothing, it is used up. Whoever is woken often is to say when he wants to be again:
 * he need not be for each change then. And who never says anything may not want to be woken at all.
 */
export function afterWake(
  { from, sinceMs = Number.POSITIVE_INFINITY, wakesLeft = 1 }: Arming,
  endOffset: Offset | undefined,
  nowMs: number,
): (Arming & { readonly from: Offset }) | undefined {
  if (from === undefined || endOffset === undefined) return undefined
  if (wakesLeft <= 1 || nowMs < sinceMs + WAKE_PAUSE_MS) return undefined
  return { from: endOffset, sinceMs: nowMs, wakesLeft: wakesLeft - 1 }
}
