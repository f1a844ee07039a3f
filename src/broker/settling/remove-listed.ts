import { OBJECT_REMOVALS_MAX } from '../../core/limits.ts'
import type { Ports } from '../../ports/index.ts'
import { inGroups } from '../store-calls/in-groups.ts'
import { retryUntil } from '../store-calls/retry.ts'
import { type Budget, checkTime } from './budget.ts'

/** Removes all objects of a listing, a thousand at a time, and tells how many. */
export async function removeListed(
  ports: Ports,
  listing: AsyncIterable<{ readonly key: string }>,
  budget: Budget,
): Promise<number> {
  let removed = 0
  for await (const group of inGroups(listing, OBJECT_REMOVALS_MAX)) {
    checkTime(ports.clock, budget)
    const keys = group.map(({ key }) => key)
    await retryUntil(ports, budget.deadlineMs, 'no', () => ports.objects.removeAll(keys))
    removed += keys.length
    await budget.pace(0)
  }
  return removed
}
