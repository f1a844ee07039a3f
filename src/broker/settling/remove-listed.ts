import { OBJECT_REMOVALS_MAX } from '../../core/limits.ts'
import type { Ports } from '../../ports/index.ts'
import { retryUntil } from '../store-calls/retry.ts'
import { type Budget, checkTime } from './budget.ts'

/** Removes all objects of a listing, a thousand at a time, and tells how many. */
export async function removeListed(
  ports: Ports,
  listing: AsyncIterable<{ readonly key: string }>,
  budget: Budget,
): Promise<number> {
  let removed = 0
  let keys: string[] = []
  const removeAll = async () => {
    const group = keys
    keys = []
    if (group.length === 0) return
    checkTime(ports.clock, budget)
    await retryUntil(ports, budget.deadlineMs, 'no', () => ports.objects.removeAll(group))
    removed += group.length
    await budget.pace(0)
  }
  for await (const { key } of listing) {
    keys.push(key)
    if (keys.length === OBJECT_REMOVALS_MAX) await removeAll()
  }
  await removeAll()
  return removed
}
