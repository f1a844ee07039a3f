import type { Broker } from '../../../contract/broker.ts'
import type { Offset } from '../../../core/numbers.ts'
import { tryOnce } from '../../retry.ts'

export interface PartitionPlace {
  topic: string
  partition: number
  topicId?: string
  offset: Offset
}

/**
 * Looks again and again whether the topics of these places have got more partitions, and tells where those begin.
 * @returns what ends it
 */
export function watchForPartitions(
  broker: Broker,
  places: readonly PartitionPlace[],
  everyMs: number,
  tell: (places: PartitionPlace[]) => void,
): () => void {
  const known = new Map<string, number>()
  const topicIds = new Map<string, string>()
  for (const { topic, topicId, partition } of places) {
    if (topicId !== undefined) topicIds.set(topic, topicId)
    known.set(topic, Math.max(known.get(topic) ?? 0, partition + 1))
  }
  const over = new AbortController()
  const looking = new Set<string>()
  const look = async (topic: string) => {
    // One at a time, also where a look takes longer than the pause between two.
    if (looking.has(topic)) return
    looking.add(topic)
    const settings = { signal: over.signal, isRead: true }
    // A failure here is one of the fetches as well, or passes.
    const described = await tryOnce(call => broker.describeTopic(topic, call), settings).catch(() => null)
    looking.delete(topic)
    const count = known.get(topic) ?? 0
    if (!described || over.signal.aborted || described.partitions <= count) return
    // Of a topic that was made anew the fetches tell.
    if ((topicIds.get(topic) ?? described.topicId) !== described.topicId) return
    topicIds.set(topic, described.topicId)
    known.set(topic, described.partitions)
    const added = described.offsets.filter(({ partition }) => partition >= count)
    const { topicId } = described
    tell(added.map(({ partition, startOffset }) => ({ topic, topicId, partition, offset: startOffset })))
  }
  const timer = setInterval(() => {
    for (const topic of known.keys()) void look(topic)
  }, everyMs)
  return () => {
    over.abort()
    clearInterval(timer)
  }
}
