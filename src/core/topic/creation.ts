/** Whether a topic in the making was left behind. One from far in the future comes from a broken clock. */
export function isLeftBehind(createdMs: number, nowMs: number, patienceMs: number): boolean {
  return Math.abs(nowMs - createdMs) >= patienceMs
}

/** Up to where heads of a topic may have been made. */
export function headsMade({
  partitions,
  growingTo = 0,
}: {
  readonly partitions: number
  readonly growingTo?: number | undefined
}): number {
  return Math.max(partitions, growingTo)
}
