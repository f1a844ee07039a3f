import type { Broker, PartitionOffsets, TopicDescription } from '../contract/broker.ts'
import { type Offset, toOffset } from '../core/numbers.ts'
import { CommandFailure } from './failure.ts'
import type { StartPlace } from './start-place.ts'

/** Where the reading of one partition stands. */
export interface PartitionCursor {
  topic: string
  partition: number
  /** Of a group's consumer: larger than that of every earlier owner. */
  generation?: number
  /** The next record to print. */
  offset: Offset
  /** The first record not to print; null: there is no end. */
  stopOffset: Offset | null
}

export interface CursorPlan {
  cursors: PartitionCursor[]
  /** What the user should know: a start that had to be moved. */
  notes: string[]
}

/** Turns the place where reading begins into an offset in each of the topic's chosen partitions. */
export async function planCursors(
  broker: Broker,
  topic: TopicDescription,
  settings: { partitions: number[]; from: StartPlace; exitAtEnd: boolean },
): Promise<CursorPlan> {
  const chosen = choosePartitions(topic, settings.partitions)
  const notes: string[] = []
  const cursors = await Promise.all(
    chosen.map(async offsets => {
      const { offset, note } = await findStart(broker, topic.topic, offsets, settings.from)
      if (note !== null) notes.push(note)
      return {
        topic: topic.topic,
        partition: offsets.partition,
        offset,
        stopOffset: settings.exitAtEnd ? offsets.endOffset : null,
      }
    }),
  )
  return { cursors, notes }
}

/** Where in one partition a place lies; with a note where the place itself is not there. */
export async function findStart(
  broker: Broker,
  topic: string,
  offsets: PartitionOffsets,
  from: StartPlace,
): Promise<{ offset: Offset; note: string | null }> {
  const wanted = await wantedOffset(broker, topic, offsets, from)
  const offset = clamp(wanted, offsets)
  const isMoved = wanted !== offset && typeof from === 'object' && 'offset' in from
  return { offset, note: isMoved ? movedStart(wanted, offsets) : null }
}

function choosePartitions({ topic, offsets }: TopicDescription, wanted: number[]): PartitionOffsets[] {
  if (wanted.length === 0) return offsets
  return [...new Set(wanted)].map(partition => {
    const found = offsets.find(other => other.partition === partition)
    if (found) return found
    throw new CommandFailure(
      `topic ${topic} has no partition ${partition}: it has ${offsets.length}, numbered from 0`,
    )
  })
}

async function wantedOffset(
  broker: Broker,
  topic: string,
  { partition, startOffset, endOffset }: PartitionOffsets,
  from: StartPlace,
): Promise<number> {
  if (from === 'earliest') return startOffset
  if (from === 'latest') return endOffset
  if ('offset' in from) return from.offset
  if ('fromEnd' in from) return Math.max(startOffset, endOffset - from.fromEnd)
  const found = await broker.offsetFor({ topic, partition, at: from })
  // No record is that young: whatever comes next is.
  return found.offset ?? endOffset
}

function clamp(offset: number, { startOffset, endOffset }: PartitionOffsets): Offset {
  return toOffset(Math.min(Math.max(offset, startOffset), endOffset))
}

function movedStart(wanted: number, { partition, startOffset, endOffset }: PartitionOffsets): string {
  return wanted < startOffset
    ? `partition ${partition}: offset ${wanted} is gone, starting at the first record, ${startOffset}`
    : `partition ${partition}: offset ${wanted} is beyond the end, starting there, at ${endOffset}`
}
