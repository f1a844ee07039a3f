import type { OutboxItem } from './outbox-item.ts'
import { writerOf } from './outbox-key.ts'

/**
 * Of two looks at an outbox, one after the other, the items of the second before which nothing of their writers is missing.
 *
 * A look goes through the items in the order of their keys, and is not of one moment. A writer whose first item comes just behind
 * the place where the look is, and whose second one comes before it has got there, shows its second item alone. But whatever was
 * there before the first look ended, the second one shows. So what the first one has shown has all before it in the second; and
 * so has what stands before that, of the same writer.
 */
export function settledItems(first: readonly OutboxItem[], second: readonly OutboxItem[]): OutboxItem[] {
  const lastOf = new Map<string, string>()
  // In the order of their keys: the last one of a writer comes last.
  for (const { key } of first) lastOf.set(writerOf(key), key)
  return second.filter(({ key }) => {
    const last = lastOf.get(writerOf(key))
    return last !== undefined && key <= last
  })
}
