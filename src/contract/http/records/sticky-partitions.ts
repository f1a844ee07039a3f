import { PARTITIONS_REMEMBERED_MAX } from '../../../core/limits.ts'
import { stickyPartition } from '../../../core/topic/partitioner.ts'

/** Chooses where each request's records without a key go: another partition than the topic's last request. */
export function stickyPartitions(random: () => number): (topic: string, partitions: number) => number {
  const last = new Map<string, number>()
  return (topic, partitions) => {
    const chosen = stickyPartition(last.get(topic) ?? null, partitions, random())
    // Taken out first, so that the map's order is that of use and the oldest one goes.
    last.delete(topic)
    if (last.size >= PARTITIONS_REMEMBERED_MAX) last.delete(last.keys().next().value!)
    last.set(topic, chosen)
    return chosen
  }
}
