/**
 * From when on a lease that somebody has counts as over, although it lasts until then: it is so much longer than the one that
 * is asked for that its holder's clock must have been ahead, or has been set back since.
 * @param untilMs of the one that is asked for; where it is given back, nobody else's counts as over
 */
export function leaseFarMs(nowMs: number, untilMs: number): number {
  return untilMs > nowMs ? untilMs + (untilMs - nowMs) : Number.MAX_SAFE_INTEGER
}
