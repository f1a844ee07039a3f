/** How a try to put a topic under a name that was free went: refused for good, or without an answer. */
export type LostTry = 'refused' | 'unsure'

/**
 * The topic id of the next try. Never one of before: it may have been made, written to and deleted by now, and an
 * offset that was told of it names that record for ever.
 * @param _before of the try before, whose outcome nobody knows
 */
export function nextTopicId(fresh: string, _before: string): string {
  return fresh
}

/** Whether the heads that were made for a try may go. A put without an answer may still be done, and needs them. */
export function dropsHeads(lost: LostTry): boolean {
  return lost === 'refused'
}
