import type { Head } from '../head.ts'

/**
 * The effect of raising the floor below which no object may be appended; undefined where it is as high already. Together with
 * `seen`, a head in which nothing of an older epoch was found above settledOffset, the head is drained in the same step, where
 * nothing was appended and nothing cut since: a cut may move what is inline into an object of an older epoch.
 */
export function applyFloor(head: Head, floor: number, seen?: Head): Head | undefined {
  if (head.appendFloor >= floor) return undefined
  const isAsSeen = seen?.nextOffset === head.nextOffset && seen.tailOffset === head.tailOffset
  return { ...head, appendFloor: floor, drained: isAsSeen ? floor : head.drained }
}

/**
 * The effect of noting that nothing of an older epoch is left; undefined where it is noted already, or the floor is lower:
 * something older may still come.
 */
export function applyDrained(head: Head, drained: number): Head | undefined {
  return head.appendFloor >= drained && head.drained < drained ? { ...head, drained } : undefined
}
