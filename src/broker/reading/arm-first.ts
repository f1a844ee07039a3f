import type { FetchMany } from '../../contract/broker.ts'
import { toOffset } from '../../core/numbers.ts'
import type { AskedTopics } from './asked-topics.ts'

/** Before the look: what is appended from then on wakes somebody, and what was before is found. */
export async function armFirst({ arm, partitions }: FetchMany, topics: AskedTopics): Promise<void> {
  if (!arm) return
  const asked = partitions.filter(each => each.arm)
  // Of one that is not there the look tells.
  const found = await Promise.all(
    asked.map(async each => {
      const partition = await topics.find(each).catch(() => undefined)
      // What there is from there on, the look finds.
      return partition && { ...partition, from: toOffset(Math.max(each.offset, each.armFrom ?? 0)) }
    }),
  )
  const ids = found.filter(each => each !== undefined)
  if (ids.length > 0) await arm(ids)
}
