import type { Broker, OffsetPlace } from '../../contract/broker.ts'
import { EXIT_OK } from '../failure.ts'
import { formatTable } from '../table.ts'
import { type Terminal, write } from '../terminal.ts'
import { formatJson } from './topic.ts'

export interface OffsetsSettings {
  topic: string
  /** null: where each partition starts and ends. */
  at: OffsetPlace | null
  json: boolean
}

export async function offsets(
  broker: Broker,
  settings: OffsetsSettings,
  terminal: Terminal,
): Promise<number> {
  const { topic, at, json } = settings
  const description = await broker.describeTopic(topic)
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
