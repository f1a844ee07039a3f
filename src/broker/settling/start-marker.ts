import type { Head } from '../../core/log/head.ts'
import { levelsOf } from '../../core/log/settled/levels.ts'
import { advance } from '../../core/numbers.ts'
import { startMarkerKey, startMarkersPrefix } from '../../core/storage-layout.ts'
import type { Ports } from '../../ports/index.ts'
import { retryUntil } from '../store-calls/retry.ts'
import type { Budget } from './budget.ts'
import { readCounted } from './counted-segments.ts'
import type { Log } from './write-segment.ts'

/**
 * Puts an empty object that says where the log starts, in case its index is lost: what was deleted must not be there again once
 * it is made anew. Not where what is left was written since, and says so itself. Only after the start has moved: one that is
 * ahead of it would lose what is there. Those that said so before go.
 */
export async function markStart(
  ports: Ports,
  { partition }: Log,
  { settled, startOffset }: Head,
  { deadlineMs }: Budget,
): Promise<void> {
  if (startOffset === 0) return
  const insist = <T>(step: () => Promise<T>) => retryUntil(ports, deadlineMs, 'no', step)
  const range = levelsOf(settled).find(({ lo, hi }) => lo < hi)
  const [first] = range ? await readCounted(ports, partition, range, deadlineMs, 1) : []
  // Where nothing is left, what was deleted just now may still be in the bucket.
  const isNeeded = first === undefined || first.startOffset < startOffset
  if (isNeeded) await insist(() => ports.objects.put(startMarkerKey(partition, startOffset), []))
  const kept = isNeeded ? startOffset : advance(startOffset, 1)
  const others = await insist(async () => {
    const keys: string[] = []
    const below = startMarkerKey(partition, kept)
    for await (const { key } of ports.objects.list(startMarkersPrefix(partition), below)) keys.push(key)
    return keys
  })
  if (others.length > 0) await insist(() => ports.objects.removeAll(others))
}
