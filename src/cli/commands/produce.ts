import { DeadlinePassed } from '../../client/deadline.ts'
import { recordBytesMax } from '../../client/record-size.ts'
import { RETRY_DEFAULT } from '../../client/retry.ts'
import { Outages } from '../../client/sdk/outages.ts'
import type { Delivery, ProducerPlace, ProducerWork } from '../../client/sdk/producing/partition-batches.ts'
import { TopicWriter } from '../../client/sdk/producing/topic-writer.ts'
import { Room } from '../../client/sdk/room.ts'
import { isKafkaError, type TopicFacts } from '../../client/sdk/topic-facts.ts'
import type { Broker, TopicDescription } from '../../contract/broker.ts'
import { TidemarkError } from '../../core/errors.ts'
import { BATCH_BYTES_MAX, CLOSE_FLUSH_MS, DECOMPRESSED_BYTES_MAX } from '../../core/limits.ts'
import type { CompressionName } from '../../core/record/compression-name.ts'
import type { RecordInput } from '../../core/record/record.ts'
import { itemsUntil, resultUntil } from '../interruption.ts'
import { formatDuration } from '../output/duration.ts'
import {
  CommandFailure,
  describeFailure,
  EXIT_FAILURE,
  EXIT_INTERRUPTED,
  EXIT_OK,
  noSuchPartition,
} from '../output/failure.ts'
import { openProgress } from '../output/progress.ts'
import { formatRate, plural } from '../output/quantities.ts'
import { note, type Terminal } from '../output/terminal.ts'
import { jsonLines, type LineSyntax, type ReadLine, splitLine } from '../producing/line-record.ts'
import { LineSplitter } from '../producing/line-splitter.ts'

export interface ProduceSettings {
  topic: string
  /** `json`: what `consume --json` prints, with a partition and a timestamp of its own for each record. */
  syntax: LineSyntax | 'json'
  /** null: the record's own, or that of its key. */
  partition: number | null
  headers: NonNullable<RecordInput['headers']>
  compression: CompressionName
  batchRecords: number
}

export const PRODUCE_TUNING = {
  lingerMs: 20,
  callsMax: 8,
  pendingBytesMax: 16 * 1024 * 1024,
  retry: RETRY_DEFAULT,
  /** How long what was read has after Ctrl-C. */
  closeMs: CLOSE_FLUSH_MS,
}

/** What became of the lines that were read, each by its number. */
class LineTally {
  taken = 0
  written = 0
  bytesWritten = 0
  unknown = 0
  readonly failures: Delivery<number>[] = []

  settled(delivery: Delivery<number>): void {
    const { records, bytes, written, error, isAbandoned } = delivery
    if (written === 'yes') {
      this.written += records
      this.bytesWritten += bytes
    } else if (written === 'unknown') this.unknown += records
    if (error !== undefined && !isAbandoned) this.failures.push(delivery)
  }
}

/** One record a line of `input`. */
export async function produce(
  broker: Broker,
  settings: ProduceSettings,
  input: AsyncIterable<Uint8Array>,
  terminal: Terminal,
  tuning = PRODUCE_TUNING,
): Promise<number> {
  const topic = await resultUntil(broker.describeTopic(settings.topic), terminal.interrupted)
  checkPartition(settings, topic)
  const tally = new LineTally()
  const ending = new AbortController()
  let endTimer: NodeJS.Timeout | undefined
  const endSoon = () => {
    endTimer = setTimeout(() => ending.abort(new DeadlinePassed(tuning.closeMs)), tuning.closeMs)
  }
  if (terminal.interrupted.aborted) endSoon()
  terminal.interrupted.addEventListener('abort', endSoon)
  const writer = new TopicWriter<number>(broker, factsOf(topic), {
    ...tuning,
    outages: outagesFor(terminal),
    room: new Room(tuning.pendingBytesMax),
    compression: settings.compression,
    batchRecords: settings.batchRecords,
    batchBytes: Number.POSITIVE_INFINITY,
    deliveryMs: Number.POSITIVE_INFINITY,
    ending: () => ending.signal,
    isIdempotent: true,
    stopsAtFailure: true,
    onSettled: delivery => tally.settled(delivery),
  })
  const startMs = performance.now()
  const summary = () => formatRate(tally.written, tally.bytesWritten, performance.now() - startMs)
  const isTyped = 'isTTY' in input && input.isTTY === true
  if (isTyped) note(terminal, 'one record a line; Ctrl-D ends')
  // Never over what somebody is typing.
  const progress = isTyped ? null : openProgress(terminal, summary)

  let readFailure: unknown
  try {
    await sendLines(writer, tally, settings, input, terminal.interrupted)
  } catch (error) {
    readFailure = error
  }
  // What was read before the failure is sent, so that the summary says where to go on.
  await writer.flush()
  terminal.interrupted.removeEventListener('abort', endSoon)
  clearTimeout(endTimer)
  progress?.close()

  const problems = [
    ...(readFailure === undefined ? [] : describeFailure(readFailure)),
    ...describeFailedLines(tally),
  ]
  for (const line of problems) note(terminal, line)
  note(terminal, `wrote ${summary()}`)
  for (const line of describeRemainder(tally)) note(terminal, line)
  if (problems.length > 0) return EXIT_FAILURE
  return terminal.interrupted.aborted ? EXIT_INTERRUPTED : EXIT_OK
}

function outagesFor(terminal: Terminal): Outages<ProducerWork, ProducerPlace> {
  return new Outages<ProducerWork, ProducerPlace>(
    { giveUpAfterMs: Number.POSITIVE_INFINITY, lastsAfterMs: () => Number.POSITIVE_INFINITY },
    {
      began: ({ kafkaName, message }) => note(terminal, `${kafkaName}: ${message} Trying again.`),
      over: (_work, _place, durationMs) =>
        note(terminal, `writes again, after ${formatDuration(durationMs)}`),
    },
  )
}

async function sendLines(
  writer: TopicWriter<number>,
  tally: LineTally,
  { syntax, headers, compression, partition }: ProduceSettings,
  input: AsyncIterable<Uint8Array>,
  interrupted: AbortSignal,
): Promise<void> {
  const splitter = new LineSplitter()
  const readLine: ReadLine =
    syntax === 'json' ? jsonLines() : line => ({ record: splitLine(line, syntax), partition: undefined })
  const { batchBytesMax } = writer.facts
  // Compressed, a line may be much longer than the batch it makes; some bound there must be.
  const lineBytesMax = (compression === 'none' ? batchBytesMax : DECOMPRESSED_BYTES_MAX) * growthOf(syntax)
  const send = (line: Uint8Array) => {
    const lineNumber = tally.taken + 1
    const read = readLine(line, lineNumber)
    const record = {
      timestampMs: Date.now(),
      ...read.record,
      headers: [...(read.record.headers ?? []), ...headers],
    }
    const placing = { partition: partition ?? read.partition }
    if (placing.partition !== undefined && placing.partition >= writer.facts.partitions) {
      throw noPartitionFor(lineNumber, placing.partition, writer.facts)
    }
    try {
      writer.write(record, lineNumber, placing)
    } catch (error) {
      if (!isKafkaError(error, 'MESSAGE_TOO_LARGE')) throw error
      throw lineTooLong(lineNumber, `${recordBytesMax(record)} bytes or so`, batchBytesMax, compression)
    }
    tally.taken++
  }
  for await (const chunk of itemsUntil(input, interrupted)) {
    for (const line of splitter.push(chunk)) {
      if (writer.hasStopped) return
      send(line)
      if (!writer.hasRoom) await writer.room()
    }
    if (splitter.pendingBytes > lineBytesMax) {
      const seen = `${splitter.pendingBytes} bytes, and more,`
      throw lineTooLong(tally.taken + 1, seen, batchBytesMax, compression)
    }
  }
  const last = splitter.end()
  // Of a line that Ctrl-C cut off nobody knows the rest.
  if (last && !interrupted.aborted && !writer.hasStopped) send(last)
}

/** How much longer a line may be than its record: a byte of 0 is `\u0000` in JSON. */
function growthOf(syntax: ProduceSettings['syntax']): number {
  return syntax === 'json' ? 6 : 1
}

function noPartitionFor(
  lineNumber: number,
  partition: number,
  { topic, partitions }: TopicFacts,
): CommandFailure {
  const { message } = noSuchPartition(topic, partition, partitions)
  return new CommandFailure(
    `line ${lineNumber}: ${message}. \`tidemark topic alter ${topic} --partitions ${partition + 1}\` adds some; ` +
      "`jq -c 'del(.partition)'` before this leaves the choice to the keys",
  )
}

/** @param bytes how long the line is, or as much of it as was seen */
function lineTooLong(
  line: number,
  bytes: string,
  batchBytesMax: number,
  compression: CompressionName,
): TidemarkError {
  const compressed = compression === 'none' ? '' : `, compressed with ${compression},`
  return new TidemarkError(
    'MESSAGE_TOO_LARGE',
    `line ${line} with its ${bytes}${compressed} is too large for a batch: the topic's max.message.bytes is ` +
      `${batchBytesMax}. Raise that with \`tidemark topic alter\` (to ${BATCH_BYTES_MAX} at most), or leave the line out.`,
  )
}

function factsOf({ topic, partitions, configs }: TopicDescription): TopicFacts {
  const config = configs.find(({ name }) => name === 'max.message.bytes')
  const batchBytesMax = Number(config?.value)
  if (Number.isSafeInteger(batchBytesMax)) return { topic, partitions, batchBytesMax }
  throw new CommandFailure(`topic ${topic} does not tell its max.message.bytes: is the broker a Tidemark?`)
}

function checkPartition({ partition }: ProduceSettings, { topic, partitions }: TopicDescription): void {
  if (partition !== null && partition >= partitions) throw noSuchPartition(topic, partition, partitions)
}

function describeFailedLines({ failures }: LineTally): string[] {
  return failures.flatMap(({ partition, first, last, error }) => [
    ...describeFailure(error),
    `  This was about partition ${partition}, between lines ${first} and ${last}.`,
  ])
}

function describeRemainder({ taken, written, unknown }: LineTally): string[] {
  const notWritten = taken - written - unknown
  return [
    ...(unknown > 0 ? [`${plural(unknown, 'record')} may or may not have been written`] : []),
    ...(notWritten > 0 ? [`${plural(notWritten, 'record')} read and not written`] : []),
  ]
}
