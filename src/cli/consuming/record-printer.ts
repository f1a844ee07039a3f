import { hostname } from 'node:os'
import type { Consumer } from '../../client/sdk/consuming/consumer.ts'
import type {
  ConsumerOptions,
  ConsumerRun,
  ConsumerWork,
  LostPartition,
} from '../../client/sdk/consuming/consumer-options.ts'
import type { StartPlace } from '../../client/sdk/consuming/start-place.ts'
import { isPassing } from '../../client/sdk/outages.ts'
import type { Broker, TopicDescription } from '../../contract/broker.ts'
import {
  CLIENT_ID_CHARACTERS_MAX,
  CONSUME_GIVE_UP_MS,
  CONSUME_WAIT_MS,
  FETCH_DEFAULT_BYTES,
} from '../../core/limits.ts'
import { settledUntil } from '../interruption.ts'
import { formatDuration } from '../output/duration.ts'
import { EXIT_INTERRUPTED, EXIT_OK } from '../output/failure.ts'
import { listPartitions } from '../output/partition-list.ts'
import { flushed, note, type Terminal, throwIfOutputFailed, write } from '../output/terminal.ts'
import type { FormatRecord } from './consumed-record.ts'
import { endsOf, movedStart } from './reading-plan.ts'
import { skippingCorrupt } from './skip-corrupt.ts'

/** What tests make shorter. */
export interface ReadingTuning extends ConsumerOptions {
  autoCommitInterval?: number
}

const FETCHES_MAX = 16
/** What is written at a time. */
const WRITTEN_BYTES = FETCH_DEFAULT_BYTES

export const READING_DEFAULT: ReadingTuning = {
  maxWaitTimeInMs: CONSUME_WAIT_MS,
  maxInFlightRequests: FETCHES_MAX,
  giveUpAfter: CONSUME_GIVE_UP_MS,
  // A reader that is slow holds up the fetching: nothing is fetched ahead of what is not printed.
  maxRecords: 0,
  maxBytes: FETCHES_MAX * FETCH_DEFAULT_BYTES,
  maxBytesPerPartition: FETCH_DEFAULT_BYTES,
  retry: { initialRetryTime: 50, maxRetryTime: 2_000 },
}

/** How a consumer is set for printing: whatever cannot be waited out ends it. */
export function consumerOptions(tuning: ReadingTuning): ConsumerOptions & { clientId: string } {
  return {
    ...tuning,
    // What a description of the group shows: where to find this process.
    clientId: `tidemark-${process.pid}@${hostname()}`.slice(0, CLIENT_ID_CHARACTERS_MAX),
    retry: { ...tuning.retry, retries: 0, restartOnFailure: async () => false },
  }
}

/** What is read, and how it is printed. */
export interface ReadingSettings {
  from: StartPlace
  recordsMax: number | null
  exitAtEnd: boolean
  /** Whether it is told how it waits for more. */
  follows?: boolean
  /** Whether this process has opened the store itself. */
  isHere?: boolean
  format: FormatRecord
  /** Whether what cannot be read is passed over, and told. */
  skipCorrupt?: boolean
}

/** The broker as it is read from. */
export function readableOf<B extends Broker>(
  broker: B,
  { skipCorrupt = false }: ReadingSettings,
  terminal: Terminal,
): B {
  if (!skipCorrupt) return broker
  return skippingCorrupt(broker, ({ topic, partition, from, to, error }) => {
    const records = to - from === 1 ? `record ${from}` : `records ${from} to ${to - 1}`
    note(terminal, `${topic}, partition ${partition}: passed over ${records}, damaged: ${error.message}`)
  })
}

interface PrintSettings {
  /** As they were when the reading began. */
  topics: TopicDescription[]
  tuning: ReadingTuning
  /** What stands before each note. */
  prefix: string
}

/** Prints what a consumer reads, until that is over or the terminal ends it. Answers the exit code. */
export async function printRecords(
  consumer: Consumer,
  { recordsMax, exitAtEnd, follows = false, isHere = false, format }: ReadingSettings,
  { topics, tuning: { autoCommitInterval }, prefix }: PrintSettings,
  terminal: Terminal,
): Promise<number> {
  const { interrupted, outputClosed } = terminal
  const stopped = AbortSignal.any([interrupted, outputClosed])
  const failures = listen(consumer, prefix, terminal)
  if (follows) tellWaiting(consumer, isHere, prefix, terminal)
  const run: ConsumerRun = {
    ...(exitAtEnd && { stopOffsets: endsOf(topics) }),
    ...(recordsMax !== null && { recordsMax }),
    ...(autoCommitInterval !== undefined && { autoCommitInterval }),
    eachRecords: async ({ records, ...place }) => {
      let lines: Uint8Array[] = []
      let bytes = 0
      for (const record of records) {
        for (const part of format({ ...place, record })) {
          lines.push(part)
          bytes += part.length
          if (bytes < WRITTEN_BYTES) continue
          // Whoever ends it does not wait for a reader that is slow.
          await settledUntil(write(terminal, Buffer.concat(lines)), stopped)
          lines = []
          bytes = 0
        }
      }
      if (bytes > 0) await settledUntil(write(terminal, Buffer.concat(lines)), stopped)
    },
    beforeCommit: async () => {
      // What still waits in this process is lost with it: it is not consumed yet.
      await flushed(terminal)
      return !outputClosed.aborted
    },
  }
  const isComplete = stopped.aborted ? false : await runUntil(consumer, run, stopped)
  const [failure] = failures
  if (failure) throw failure
  throwIfOutputFailed(terminal)
  const hasLimits = exitAtEnd || recordsMax !== null
  return interrupted.aborted && hasLimits && !isComplete ? EXIT_INTERRUPTED : EXIT_OK
}

/** Answers whether all was delivered that was asked for. */
async function runUntil(consumer: Consumer, run: ConsumerRun, stopped: AbortSignal): Promise<boolean> {
  const stop = () => void consumer.stop()
  stopped.addEventListener('abort', stop)
  try {
    await consumer.run(run)
  } catch (error) {
    // A join that was stopped fails, too.
    if (!stopped.aborted) throw error
    return false
  }
  return await consumer.finished().finally(() => stopped.removeEventListener('abort', stop))
}

/** What trouble that lasts keeps from happening, and that it happens. */
const WAITS: Partial<Record<ConsumerWork, string>> = {
  fetch: 'reads nothing',
  heartbeat: "prints nothing, since its partitions may be another member's by now",
  commit: 'commits nothing',
}
const GOES_ON: Partial<Record<ConsumerWork, string>> = {
  fetch: 'reads',
  heartbeat: 'heartbeats are answered',
  commit: 'commits',
}

/** How far what was lost was printed, where that is further than what is committed. */
function listUncommitted(partitions: readonly LostPartition[]): string {
  const uncommitted = partitions.filter(
    ({ position, committed }) => position !== null && position !== committed,
  )
  if (uncommitted.length === 0) return ''
  const ranges = uncommitted.map(({ topic, partition, position, committed }) => {
    const from = committed === null ? '' : ` from offset ${committed}`
    return `${topic} ${partition}${from} up to offset ${Number(position) - 1}`
  })
  return ` (${ranges.join(', ')})`
}

/** Tells whether it is woken when something comes, or has to ask, or has nobody to ask. */
function tellWaiting(consumer: Consumer, isHere: boolean, prefix: string, terminal: Terminal): void {
  const asks = isHere ? 'it looks into the store for more by itself' : 'it asks for more again and again'
  consumer.on(consumer.events.WAITING, ({ payload: { how, reason } }) => {
    const what = how === 'woken' ? 'the broker wakes it when more comes' : asks
    note(terminal, `${prefix}${what}${reason === undefined ? '' : `: ${reason.message}`}`)
  })
}

/** Tells what goes on, and gathers what the run has to fail with in the end. */
function listen(consumer: Consumer, prefix: string, terminal: Terminal): Error[] {
  const { events } = consumer
  const failures: Error[] = []
  let told = ''
  consumer.on(events.GROUP_JOIN, ({ payload: { memberAssignment, groupGenerationId } }) => {
    const owned = Object.entries(memberAssignment).flatMap(([topic, partitions]) =>
      partitions.map(partition => ({ topic, partition })),
    )
    const text = listPartitions(owned)
    if (text !== told) note(terminal, `${prefix}owns ${text || 'nothing'} (epoch ${groupGenerationId})`)
    told = text
  })
  consumer.on(events.PARTITIONS_LOST, ({ payload: { partitions } }) => {
    const what = 'what was printed and not committed may be printed again'
    note(terminal, `${prefix}lost ${listPartitions(partitions)}: ${what}${listUncommitted(partitions)}`)
    // Having the same again is news.
    told = ''
  })
  consumer.on(events.PARTITION_DELETED, ({ payload: { topic, partition } }) =>
    note(terminal, `${topic}, partition ${partition}: it was deleted`),
  )
  consumer.on(events.POSITION_MOVED, ({ payload: { topic, partition, from, offset, isStart } }) => {
    const [wanted, to] = [Number(from), Number(offset)]
    if (isStart) note(terminal, `${prefix}${topic}, ${movedStart(partition, wanted, to)}`)
    else {
      const gone = `records ${from} to ${to - 1} were deleted before they were read`
      note(terminal, `partition ${partition}: ${gone}`)
    }
  })
  consumer.on(events.OUTAGE, ({ payload: { error, during, topic, partition } }) => {
    const text = `${error.kafkaName}: ${error.message}`
    if (during === 'subscribe') note(terminal, `${prefix}${error.message}`)
    else if (during === 'fetch') note(terminal, `${text} Trying again.`)
    else if (topic === undefined || partition === undefined) note(terminal, `${prefix}${text} Trying again.`)
    else note(terminal, `${prefix}commit of ${listPartitions([{ topic, partition }])}: ${text}`)
  })
  consumer.on(events.OUTAGE_OVER, ({ payload: { during, duration, topic } }) => {
    const after = `after ${formatDuration(duration)}`
    if (during !== 'subscribe') note(terminal, `${prefix}${GOES_ON[during] ?? during} again, ${after}`)
    else note(terminal, `${prefix}${topic === undefined ? 'a topic' : `topic ${topic}`} is there, ${after}`)
  })
  consumer.on(events.CRASH, ({ payload: { error, during, restart } }) => {
    if (restart && during !== 'deliver' && isPassing(error)) {
      note(terminal, `${prefix}${WAITS[during] ?? 'waits'}: ${error.kafkaName} lasts`)
    } else if (during === 'leave') {
      const what = 'it could not leave, so others have to wait for its session time-out'
      note(terminal, `${prefix}${what}: ${error.message}`)
    } else if (during === 'commit') {
      failures.push(error)
      void consumer.stop()
    }
  })
  return failures
}
