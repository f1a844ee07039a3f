import type { FetchMany, FetchPartition } from '../../contract/broker.ts'
import { toOffset } from '../../core/numbers.ts'
import type { AskedTopics } from './asked-topics.ts'

/**
 * Before the look: what is appended from then on wakes somebody, and what was before is found.
 * @returns what is not armed since it could not be found, and why: a look that finds it after all would pass for one at an armed partition
 */
export async function armFirst(
  { arm, partitions }: Pick<FetchMany, 'arm' | 'partitions'>,
  topics: AskedTopics,
): Promise<ReadonlyMap<FetchPartition, unknown>> {
  const unfound = new Map<FetchPartition, unknown>()
  if (!arm) return unfound
  const found = await Promise.all(
    partitions
      .filter(each => each.arm)
      .map(async each => {
        try {
          // What there is from there on, the look finds.
          return { ...(await topics.find(each)), from: toOffset(Math.max(each.offset, each.armFrom ?? 0)) }
        } catch (error) {
          unfound.set(each, error)
          return undefined
        }
      }),
  )
  const ids = found.filter(each => each !== undefined)
  if (ids.length > 0) await arm(ids)
  return unfound
}
