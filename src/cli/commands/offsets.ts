import type { Broker, OffsetPlace, PartitionOffsets } from '../../contract/broker.ts'
import type { GroupBroker } from '../../contract/groups.ts'
import { lagOf, type PartitionLag } from '../consuming/group-lag.ts'
import { type JsonSettings, printList } from '../output/listing.ts'
import type { Terminal } from '../output/terminal.ts'

export interface OffsetsSettings extends JsonSettings {
  topic: string
  /** null: where each partition starts and ends. */
  at: OffsetPlace | null
  /** How far this group is, too; null: none. */
  groupId: string | null
}

export async function offsets(
  broker: Broker & GroupBroker,
  settings: OffsetsSettings,
  terminal: Terminal,
): Promise<number> {
  const { topic, at, groupId } = settings
  const { offsets: ranges } = await broker.describeTopic(topic)
  if (groupId !== null) {
    const lags = lagOf(ranges, await broker.fetchOffsets({ groupId, topics: [topic] }))
    const listing = {
      titles: ['PARTITION', 'START OFFSET', 'COMMITTED', 'END OFFSET', 'LAG'],
      row: ({ partition, startOffset, committedOffset, endOffset, lag }: PartitionLag) => [
        partition,
        startOffset,
        committedOffset ?? '-',
        endOffset,
        lag,
      ],
    }
    return printList(lags, listing, settings, terminal)
  }
  if (at === null) {
    const listing = {
      titles: ['PARTITION', 'START OFFSET', 'END OFFSET'],
      row: ({ partition, startOffset, endOffset }: PartitionOffsets) => [partition, startOffset, endOffset],
    }
    return printList(ranges, listing, settings, terminal)
  }
  const found = await Promise.all(
    ranges.map(async ({ partition }) => ({
      partition,
      ...(await broker.offsetFor({ topic, partition, at })),
    })),
  )
  const listing = {
    titles: ['PARTITION', 'OFFSET', 'TIMESTAMP'],
    row: ({ partition, offset, timestampMs }: (typeof found)[number]) => [
      partition,
      offset ?? 'none',
      timestampMs === null ? '' : new Date(timestampMs).toISOString(),
    ],
  }
  return printList(found, listing, settings, terminal)
}
