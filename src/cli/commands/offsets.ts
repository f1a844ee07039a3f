import type { Broker, OffsetPlace } from '../../contract/broker.ts'
import type { GroupBroker } from '../../contract/groups.ts'
import { lagOf } from '../consuming/group-lag.ts'
import { EXIT_OK } from '../output/failure.ts'
import { formatTable } from '../output/table.ts'
import { type Terminal, write } from '../output/terminal.ts'
import { formatJson } from './topic.ts'

export interface OffsetsSettings {
  topic: string
  /** null: where each partition starts and ends. */
  at: OffsetPlace | null
  /** How far this group is, too; null: none. */
  groupId: string | null
  json?: boolean | undefined
}

export async function offsets(
  broker: Broker & GroupBroker,
  settings: OffsetsSettings,
  terminal: Terminal,
): Promise<number> {
  const { topic, at, groupId, json } = settings
  const description = await broker.describeTopic(topic)
  if (groupId !== null) {
    const lags = lagOf(description.offsets, await broker.fetchOffsets({ groupId, topics: [topic] }))
    const rows = lags.map(({ partition, startOffset, committedOffset, endOffset, lag }) => [
      partition,
      startOffset,
      committedOffset ?? '-',
      endOffset,
      lag,
    ])
    const titles = ['PARTITION', 'START OFFSET', 'COMMITTED', 'END OFFSET', 'LAG']
    await write(terminal, json ? formatJson(lags) : formatTable(titles, rows))
    return EXIT_OK
  }
  if (at === null) {
    const rows = description.offsets.map(({ partition, startOffset, endOffset }) => [
      partition,
      startOffset,
      endOffset,
    ])
    await write(
      terminal,
      json ? formatJson(description.offsets) : formatTable(['PARTITION', 'START OFFSET', 'END OFFSET'], rows),
    )
    return EXIT_OK
  }
  const found = await Promise.all(
    description.offsets.map(async ({ partition }) => ({
      partition,
      ...(await broker.offsetFor({ topic, partition, at })),
    })),
  )
  const rows = found.map(({ partition, offset, timestampMs }) => [
    partition,
    offset ?? 'none',
    timestampMs === null ? '' : new Date(timestampMs).toISOString(),
  ])
  await write(terminal, json ? formatJson(found) : formatTable(['PARTITION', 'OFFSET', 'TIMESTAMP'], rows))
  return EXIT_OK
}
