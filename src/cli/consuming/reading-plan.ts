import type { TopicPartitionOffset } from '../../client/sdk/consuming/consumer-options.ts'
import { findStart, type StartPlace } from '../../client/sdk/consuming/start-place.ts'
import type { Broker, PartitionOffsets, TopicDescription } from '../../contract/broker.ts'
import { noSuchPartition } from '../output/failure.ts'

export interface ReadingPlan {
  starts: TopicPartitionOffset[]
  /** What the user should know: a start that had to be moved. */
  notes: string[]
}

/** Turns the place where reading begins into an offset in each of the topic's chosen partitions. */
export async function planReading(
  broker: Broker,
  topic: TopicDescription,
  settings: { partitions: number[]; from: StartPlace },
): Promise<ReadingPlan> {
  const notes: string[] = []
  const starts = await Promise.all(
    choosePartitions(topic, settings.partitions).map(async offsets => {
      const place = { topic: topic.topic, partition: offsets.partition }
      const { wanted, offset } = await findStart(broker, place, settings.from, offsets)
      if (wanted !== offset) notes.push(movedStart(place.partition, wanted, offset))
      return { ...place, topicId: topic.topicId, offset: String(offset) }
    }),
  )
  return { starts, notes }
}

/** Where each partition of these topics ends now. */
export function endsOf(topics: readonly TopicDescription[]): TopicPartitionOffset[] {
  return topics.flatMap(({ topic, offsets }) =>
    offsets.map(({ partition, endOffset }) => ({ topic, partition, offset: String(endOffset) })),
  )
}

export function movedStart(partition: number, wanted: number, offset: number): string {
  return wanted < offset
    ? `partition ${partition}: offset ${wanted} is gone, starting at the first record, ${offset}`
    : `partition ${partition}: offset ${wanted} is beyond the end, starting there, at ${offset}`
}

function choosePartitions({ topic, offsets }: TopicDescription, wanted: number[]): PartitionOffsets[] {
  if (wanted.length === 0) return offsets
  return [...new Set(wanted)].map(partition => {
    const found = offsets.find(other => other.partition === partition)
    if (!found) throw noSuchPartition(topic, partition, offsets.length)
    return found
  })
}
