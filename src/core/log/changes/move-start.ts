import type { Offset } from '../../numbers.ts'
import type { Head } from '../head.ts'

/** The effect of moving the log's start; undefined where it would go back or past the end. */
export function applyStart(head: Head, startOffset: Offset): Head | undefined {
  if (startOffset <= head.startOffset || startOffset > head.nextOffset) return undefined
  return { ...head, startOffset }
}
