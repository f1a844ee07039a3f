import { firstIngest, type Ingest } from '../../core/ingest/ingest.ts'
import type { Ports } from '../../ports/index.ts'
import { retryUntil } from '../store-calls/retry.ts'

/** What a store keeps of its epochs; makes it where there is nothing yet. */
export async function openIngest(ports: Ports, deadlineMs: number): Promise<Ingest> {
  const { clock, entropy, upkeep } = ports
  return await retryUntil(ports, deadlineMs, 'no', async () => {
    const standing = await upkeep.readIngest()
    if (standing) return standing
    const first = firstIngest(clock.nowMs(), entropy.id())
    await upkeep.putIngest(first, undefined)
    // Somebody else's, perhaps.
    return (await upkeep.readIngest()) ?? first
  })
}

/**
 * Changes it on the condition that it is as it was read. Undefined: somebody else has changed it, or a try of ours without an
 * answer has, which is seen by whoever reads it anew.
 */
export async function changeIngest(
  ports: Ports,
  standing: Ingest,
  changes: Partial<Ingest>,
  deadlineMs: number,
): Promise<Ingest | undefined> {
  const { entropy, upkeep } = ports
  const changed = { ...standing, ...changes, version: entropy.id() }
  return await retryUntil(ports, deadlineMs, 'no', async isUnsure => {
    if (await upkeep.putIngest(changed, standing.version)) return changed
    const isOurs = isUnsure && (await upkeep.readIngest())?.version === changed.version
    return isOurs ? changed : undefined
  })
}
