import type { Embedded } from '../../embedded/embedded.ts'
import type { PartitionPlace } from '../../embedded/running-broker.ts'
import {
  type Inspected,
  type InspectedPart,
  inspectStoreObject,
  inspectStorePartition,
} from '../../embedded/upkeep.ts'
import { itemsUntil } from '../interruption.ts'
import { CommandFailure, EXIT_FAILURE, EXIT_INTERRUPTED, EXIT_OK } from '../output/failure.ts'
import { type Cell, formatTable } from '../output/table.ts'
import { type Terminal, write } from '../output/terminal.ts'

export interface InspectSettings {
  json: boolean
  withBatches: boolean
}

type Of<Union, Kind> = Extract<Union, { kind: Kind }>

/** Prints what the index has of a partition. */
export async function inspectPartition(
  store: Embedded,
  { topic, partition }: PartitionPlace,
  settings: InspectSettings,
  terminal: Terminal,
): Promise<number> {
  const inspected = await inspectStorePartition(store, topic, partition)
  if (!inspected) throw new CommandFailure(`there is no partition ${partition} of a topic ${topic}`)
  const found: Inspected[] = []
  for await (const each of itemsUntil(inspected, terminal.interrupted)) found.push(each)
  if (terminal.interrupted.aborted) return EXIT_INTERRUPTED
  if (settings.json) for (const each of found) await write(terminal, jsonLine(each))
  else await write(terminal, formatPartition(found))
  if (!settings.withBatches) return EXIT_OK
  let isDamaged = false
  for (const each of found) {
    if (each.kind !== 'segment' || !each.counts) continue
    const exitCode = await inspectObject(store, each.key, settings, terminal)
    if (exitCode === EXIT_INTERRUPTED) return exitCode
    isDamaged ||= exitCode !== EXIT_OK
  }
  return isDamaged ? EXIT_FAILURE : EXIT_OK
}

/** Prints what an object holds; something damaged in it is a failure. */
export async function inspectObject(
  store: Embedded,
  key: string,
  settings: InspectSettings,
  terminal: Terminal,
): Promise<number> {
  let isThere = false
  let isDamaged = false
  for await (const part of itemsUntil(inspectStoreObject(store, key, settings), terminal.interrupted)) {
    isThere = true
    isDamaged ||= part.kind === 'damage' || (part.kind === 'batch' && part.problem !== undefined)
    await write(terminal, settings.json ? jsonLine(part) : formatPart(part))
  }
  if (terminal.interrupted.aborted) return EXIT_INTERRUPTED
  if (!isThere) {
    const isTopic = (await inspectStorePartition(store, key, 0)) !== undefined
    const hint = isTopic ? `; of a topic, name a partition, too: tidemark inspect ${key} 0` : ''
    throw new CommandFailure(`there is no object ${key}${hint}`)
  }
  return isDamaged ? EXIT_FAILURE : EXIT_OK
}

/** Producers' ids need more than a double can tell. */
function jsonLine(value: unknown): string {
  const plain = (_: string, member: unknown) => {
    if (typeof member === 'bigint') return String(member)
    if (member instanceof Map)
      return Object.fromEntries([...member].map(([key, each]) => [String(key), each]))
    if (isMarks(member)) return member.marksOf()
    return member
  }
  return `${JSON.stringify(value, plain)}\n`
}

function isMarks(value: unknown): value is { marksOf(): unknown } {
  return typeof value === 'object' && value !== null && 'marksOf' in value
}

function formatPartition(found: readonly Inspected[]): string {
  const of = <Kind extends Inspected['kind']>(kind: Kind) =>
    found.filter((each): each is Of<Inspected, Kind> => each.kind === kind)
  return [
    ...of('head').map(formatHead),
    ...table(
      ['LEVEL', 'FROM', 'TO', 'RECORDS', 'BYTES', 'WRITTEN', 'LATEST', 'COUNTS', 'OBJECT'],
      of('segment').map(({ level, segment, counts, key }) => [
        level === 'rolled' ? level : `merged ${level}`,
        segment.baseOffset,
        segment.end - 1,
        segment.records,
        segment.bytes,
        segment.writes,
        formatTime(segment.maxTimestampMs),
        counts ? 'yes' : 'no',
        key,
      ]),
    ),
    ...table(
      ['BLOCK', 'TO', 'ENTRIES', 'BYTES', 'COUNTS'],
      of('block').map(({ baseOffset, end, entries, counts }) => [
        baseOffset,
        end - 1,
        entries.length,
        entries.reduce((sum, { bytes }) => sum + bytes, 0),
        counts ? 'yes' : 'no',
      ]),
    ),
    ...table(
      ['TAIL', 'TO', 'BYTES', 'LATEST', 'OBJECT'],
      of('tail').flatMap(({ entries }) =>
        entries.map(({ baseOffset, span, bytes, maxTimestampMs, key, position }) => [
          baseOffset,
          baseOffset + span - 1,
          bytes,
          formatTime(maxTimestampMs),
          key === null ? 'in the head' : `${key}, byte ${position}`,
        ]),
      ),
    ),
    ...table(
      ['NOTE', 'NOTED', 'OBJECT'],
      of('note').map(({ note }) => [
        note.kind,
        formatTime(note.notedMs),
        note.kind === 'topic' ? note.topicId : note.key,
      ]),
    ),
  ].join('\n')
}

function table(titles: string[], rows: Cell[][]): string[] {
  return rows.length === 0 ? [] : [formatTable(titles, rows)]
}

function formatHead(head: Of<Inspected, 'head'>): string {
  const { settled } = head
  return [
    `Start:     ${head.startOffset}`,
    `Merged:    ${settled.firstOffset} to ${settled.mergedOffset}, generation ${settled.generation}, compacted up to ${settled.cleanOffset}`,
    `Rolled:    ${settled.mergedOffset} to ${settled.settledOffset}`,
    `Blocks:    ${settled.settledOffset} to ${head.tailOffset}`,
    `Tail:      ${head.tailOffset} to ${head.nextOffset}`,
    `Epochs:    floor ${head.appendFloor}, drained ${head.drained}`,
    `Producers: ${head.producers} in the head`,
    '',
  ].join('\n')
}

function formatPart(part: InspectedPart): string {
  switch (part.kind) {
    case 'object':
      return `Object:    ${part.key}\nBytes:     ${part.bytes}\nModified:  ${formatTime(part.modifiedMs)}\n`
    case 'footer':
      return formatFooter(part.footer)
    case 'batch': {
      const { header, position, problem } = part
      const { baseOffset, lastOffsetDelta, recordCount, sizeBytes, compression, maxTimestamp, producerId } =
        header
      const producer = producerId < 0n ? '' : `, producer ${producerId}`
      return (
        `  byte ${position}: offsets ${baseOffset} to ${baseOffset + lastOffsetDelta}, ${recordCount} records, ${sizeBytes} bytes, ` +
        `${compression}, ${formatTime(maxTimestamp)}${producer}${problem === undefined ? '' : `: DAMAGED: ${problem}`}\n`
      )
    }
    case 'damage':
      return `  byte ${part.position}: DAMAGED: ${part.problem}\n`
  }
}

function formatFooter({
  topic,
  partition,
  level,
  segment,
  cleanTo,
  passEnd,
  producers,
  marks,
}: Of<InspectedPart, 'footer'>['footer']): string {
  const configs = Object.entries(topic.configs).map(([name, value]) => `${name}=${value}`)
  const pass = passEnd > 0 ? `, of a compaction up to ${cleanTo}` : ''
  return [
    `Topic:     ${topic.name} (${topic.topicId}), partition ${partition} of ${topic.partitions}`,
    `Configs:   ${configs.length === 0 ? 'none set' : configs.join(' ')}`,
    `Level:     ${level === 'rolled' ? level : `merged, generation ${level}`}${pass}`,
    `Offsets:   ${segment.baseOffset} to ${segment.end - 1}, the log started at ${segment.startOffset}`,
    `Records:   ${segment.records} in ${segment.bytes} bytes, written ${segment.writes} times` +
      (segment.lost ? `; ${segment.lost} offsets are given up` : ''),
    `Times:     ${formatTime(segment.firstTimestampMs)} to ${formatTime(segment.maxTimestampMs)}`,
    `Marks:     ${marks.marksOf().length}`,
    `Producers: ${producers.size}`,
    '',
  ].join('\n')
}

function formatTime(timestampMs: number): string {
  return timestampMs < 0 ? 'none' : new Date(timestampMs).toISOString()
}
