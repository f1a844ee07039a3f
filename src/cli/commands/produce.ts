import { RETRY_DEFAULT } from '../../client/retry.ts'
import type { Broker, TopicDescription } from '../../contract/broker.ts'
import type { TidemarkError } from '../../core/errors.ts'
import { DECOMPRESSED_BYTES_MAX } from '../../core/limits.ts'
import type { CompressionName, RecordInput } from '../../core/record/index.ts'
import { CommandFailure, describeFailure, EXIT_FAILURE, EXIT_INTERRUPTED, EXIT_OK } from '../failure.ts'
import { itemsUntil, resultUntil } from '../interruption.ts'
import { type LineSyntax, splitLine } from '../line-record.ts'
import { LineSplitter } from '../line-splitter.ts'
import { PartitionChoice } from '../partition-choice.ts'
import { openProgress } from '../progress.ts'
import { formatRate, plural } from '../quantities.ts'
import { type BatchLimits, lineTooLong } from '../record-batcher.ts'
import { RecordSender, SENDER_DEFAULT } from '../record-sender.ts'
import { note, type Terminal } from '../terminal.ts'

export interface ProduceSettings {
  topic: string
  syntax: LineSyntax
  partition: number | null
  headers: NonNullable<RecordInput['headers']>
  compression: CompressionName
  batchRecords: number
}

/** One record a line of `input`. */
export async function produce(
  broker: Broker,
  settings: ProduceSettings,
  input: AsyncIterable<Uint8Array>,
  terminal: Terminal,
  tuning = { ...SENDER_DEFAULT, retry: RETRY_DEFAULT },
): Promise<number> {
  const topic = await resultUntil(broker.describeTopic(settings.topic), terminal.interrupted)
  checkPartition(settings, topic)
  const limits = batchLimits(settings, topic)
  let isTold = false
  const onRetry = (error: TidemarkError) => {
    // Throttling is back-pressure and no news.
    if (isTold || error.kafkaName === 'THROTTLING_QUOTA_EXCEEDED') return
    isTold = true
    note(terminal, `${error.kafkaName}: ${error.message} Trying again.`)
  }
  const sender = new RecordSender(broker, {
    ...tuning,
    retry: { ...tuning.retry, onRetry },
    topic: settings.topic,
    choice: new PartitionChoice(topic.partitions, settings.partition, tuning.retry.random),
    limits,
  })
  const startMs = performance.now()
  const summary = () => formatRate(sender.recordsWritten, sender.bytesWritten, performance.now() - startMs)
  const isTyped = 'isTTY' in input && input.isTTY === true
  if (isTyped) note(terminal, 'one record a line; Ctrl-D ends')
  // Never over what somebody is typing.
  const progress = isTyped ? null : openProgress(terminal, summary)

  let readFailure: unknown
  try {
    await sendLines(sender, settings, limits, input, terminal.interrupted)
  } catch (error) {
    readFailure = error
  }
  // What was read before the failure is sent, so that the summary says where to go on.
  await sender.finish()
  progress?.close()

  const problems = [
    ...(readFailure === undefined ? [] : describeFailure(readFailure)),
    ...describeFailedLines(sender),
  ]
  for (const line of problems) note(terminal, line)
  note(terminal, `wrote ${summary()}`)
  for (const line of describeRemainder(sender)) note(terminal, line)
  if (problems.length > 0) return EXIT_FAILURE
  return terminal.interrupted.aborted ? EXIT_INTERRUPTED : EXIT_OK
}

async function sendLines(
  sender: RecordSender,
  settings: ProduceSettings,
  limits: BatchLimits,
  input: AsyncIterable<Uint8Array>,
  interrupted: AbortSignal,
): Promise<void> {
  const splitter = new LineSplitter()
  const { syntax, headers } = settings
  // Compressed, a line may be much longer than the batch it makes; some bound there must be.
  const lineBytesMax = limits.compression === 'none' ? limits.bytes : DECOMPRESSED_BYTES_MAX
  let lineNumber = 0
  const send = (line: Uint8Array) => {
    lineNumber++
    sender.add(lineNumber, { ...splitLine(line, syntax), headers, timestampMs: Date.now() })
  }
  for await (const chunk of itemsUntil(input, interrupted)) {
    for (const line of splitter.push(chunk)) {
      send(line)
      if (!sender.hasRoom) await sender.room()
      if (sender.failed) return
    }
    if (splitter.pendingBytes > lineBytesMax) throw lineTooLong(lineNumber + 1, splitter.pendingBytes, limits)
  }
  const last = splitter.end()
  // Of a line that Ctrl-C cut off nobody knows the rest.
  if (last && !interrupted.aborted) send(last)
}

function batchLimits(settings: ProduceSettings, topic: TopicDescription): BatchLimits {
  const config = topic.configs.find(({ name }) => name === 'max.message.bytes')
  const bytes = Number(config?.value)
  if (!Number.isSafeInteger(bytes)) {
    throw new CommandFailure(
      `topic ${topic.topic} does not tell its max.message.bytes: is the broker a Tidemark?`,
    )
  }
  return { records: settings.batchRecords, bytes, compression: settings.compression }
}

function checkPartition({ partition }: ProduceSettings, { topic, partitions }: TopicDescription): void {
  if (partition === null || partition < partitions) return
  throw new CommandFailure(
    `topic ${topic} has no partition ${partition}: it has ${partitions}, numbered from 0`,
  )
}

function describeFailedLines(sender: RecordSender): string[] {
  return sender.failures.flatMap(({ partition, firstLine, lastLine, error }) => [
    ...describeFailure(error),
    `  This was about partition ${partition}, between lines ${firstLine} and ${lastLine}.`,
  ])
}

function describeRemainder({ recordsTaken, recordsWritten, recordsUnknown }: RecordSender): string[] {
  const notWritten = recordsTaken - recordsWritten - recordsUnknown
  return [
    ...(recordsUnknown > 0 ? [`${plural(recordsUnknown, 'record')} may or may not have been written`] : []),
    ...(notWritten > 0 ? [`${plural(notWritten, 'record')} read and not written`] : []),
  ]
}
