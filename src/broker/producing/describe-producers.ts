import type { DescribeProducers, ProducerDescription } from '../../contract/producers.ts'
import { READ_AGAIN_MAX } from '../../core/limits.ts'
import type { Head } from '../../core/log/head.ts'
import type { Ports } from '../../ports/index.ts'
import { partitionGone, type TopicDirectory } from '../topics/topic-directory.ts'

/** Those that the head knows: one that has been silent for long is none that is active. */
export async function describeProducers(
  ports: Ports,
  directory: TopicDirectory,
  { topic, partition }: DescribeProducers,
): Promise<ProducerDescription[]> {
  for (let misses = 0; ; misses += 1) {
    const head = await ports.index.readHead(await directory.resolvePartition(topic, partition))
    if (head) return activeIn(head)
    // Deleted: the next look tells the caller so, unless there is another topic of that name.
    if (misses === READ_AGAIN_MAX) throw partitionGone('no')
    directory.forget(topic)
  }
}

function activeIn({ producers, flushedProducers, tail }: Head): ProducerDescription[] {
  const writtenMs = new Map(Array.from(flushedProducers, ([id, { createdMs }]) => [id, createdMs]))
  for (const entry of tail) {
    for (const { producerId } of entry.producers) writtenMs.set(producerId, entry.createdMs)
  }
  return Array.from(producers, ([producerId, { epoch, lastSequence }]) => ({
    producerId,
    epoch,
    lastSequence,
    lastWrittenMs: writtenMs.get(producerId) ?? 0,
  }))
}
