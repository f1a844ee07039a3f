import type { Broker } from '../../contract/broker.ts'
import type { GroupBroker } from '../../contract/groups.ts'
import type { TriggerBroker, TriggerDescription, TriggerName } from '../../contract/triggers.ts'
import { decodeProgress } from '../../core/trigger/progress.ts'
import { retriesOf } from '../../core/trigger/settings.ts'
import { lagOf, type PartitionLag } from '../consuming/group-lag.ts'
import { CommandFailure, EXIT_OK } from '../output/failure.ts'
import { formatJson, type JsonSettings, printList } from '../output/listing.ts'
import { plural } from '../output/quantities.ts'
import { formatTable } from '../output/table.ts'
import { note, type Terminal, write } from '../output/terminal.ts'

/** How far a trigger is in one partition. */
interface PartitionState extends PartitionLag {
  /** null: nothing fails there, as far as anybody has noted down. */
  failing: null | {
    /** Calls that failed with the batch that stands at the committed offset. */
    attempts: number
    sinceMs: number
    error: string
  }
}

export async function listTriggers(
  broker: TriggerBroker,
  settings: JsonSettings,
  terminal: Terminal,
): Promise<number> {
  const listing = {
    titles: ['GROUP', 'TOPIC', 'STATE', 'TARGET'],
    row: (trigger: TriggerDescription) => [trigger.groupId, trigger.topic, stateOf(trigger), trigger.target],
    none: 'no triggers yet: they are made where functions are deployed, and by `tidemark dev --on`',
  }
  return printList(await broker.listTriggers(), listing, settings, terminal)
}

export async function describeTrigger(
  broker: Broker & GroupBroker & TriggerBroker,
  name: TriggerName,
  { json }: JsonSettings,
  terminal: Terminal,
): Promise<number> {
  const trigger = await find(broker, name)
  const partitions = trigger.hasTopic ? await readPartitions(broker, name) : []
  await write(terminal, json ? formatJson({ ...trigger, partitions }) : formatTrigger(trigger, partitions))
  return EXIT_OK
}

export async function pauseTrigger(
  broker: TriggerBroker,
  name: TriggerName,
  terminal: Terminal,
): Promise<number> {
  await broker.pauseTrigger(name)
  note(terminal, `paused: nothing of ${name.topic} is delivered to ${name.groupId} but the batches under way`)
  return EXIT_OK
}

export async function resumeTrigger(
  broker: TriggerBroker,
  name: TriggerName,
  terminal: Terminal,
): Promise<number> {
  const { hasTopic } = await broker.resumeTrigger(name)
  note(terminal, `resumed: ${name.groupId} goes on in ${name.topic} behind what is committed`)
  if (!hasTopic) note(terminal, `there is no topic ${name.topic}: nothing is delivered until there is`)
  return EXIT_OK
}

export async function deleteTrigger(
  broker: TriggerBroker,
  name: TriggerName,
  terminal: Terminal,
): Promise<number> {
  await broker.deleteTrigger(name)
  note(terminal, `deleted: the group ${name.groupId} keeps its offsets in ${name.topic}`)
  return EXIT_OK
}

async function find(broker: TriggerBroker, { groupId, topic }: TriggerName): Promise<TriggerDescription> {
  const triggers = await broker.listTriggers()
  const trigger = triggers.find(other => other.groupId === groupId && other.topic === topic)
  if (trigger) return trigger
  throw new CommandFailure(
    `group ${groupId} has no trigger on the topic ${topic}: \`tidemark trigger list\` shows all there are`,
  )
}

async function readPartitions(
  broker: Broker & GroupBroker,
  { groupId, topic }: TriggerName,
): Promise<PartitionState[]> {
  // Committed offsets first: ends that were read before them could be behind them.
  const committed = await broker.fetchOffsets({ groupId, topics: [topic] })
  const { offsets } = await broker.describeTopic(topic)
  const notes = new Map(committed.map(({ partition, metadata }) => [partition, metadata]))
  return lagOf(offsets, committed).map(lag => {
    const progress = decodeProgress(notes.get(lag.partition) ?? '')
    const failing = progress && {
      attempts: progress.attempts,
      sinceMs: progress.sinceMs,
      error: progress.error,
    }
    return { ...lag, failing }
  })
}

function stateOf({ state, hasTopic }: TriggerDescription): string {
  return hasTopic ? state : `${state}, no topic`
}

function formatTrigger(trigger: TriggerDescription, partitions: readonly PartitionState[]): string {
  const lag = partitions.reduce((sum, partition) => sum + partition.lag, 0)
  const facts = [
    ['Group', trigger.groupId],
    ['Topic', trigger.topic],
    ['State', stateOf(trigger)],
    ['Target', trigger.target],
    ['Lag', plural(lag, 'record')],
    ['Batch', formatBatch(trigger)],
    ['Starts at', formatStart(trigger.startingPosition)],
    [
      'Parallelism',
      trigger.parallelism === null ? 'all partitions' : plural(trigger.parallelism, 'partition'),
    ],
    ['Call', `${seconds(trigger.callTimeoutMs)} at most`],
    ['Failures', formatFailures(trigger)],
    ...trigger.filters.map(filter => ['Filter', filter]),
  ]
  const summary = facts.map(([title, value]) => `${`${title}:`.padEnd(13)}${value}\n`).join('')
  if (partitions.length === 0) return summary
  const rows = partitions.map(({ partition, committedOffset, endOffset, lag: behind, failing }) => [
    partition,
    committedOffset ?? '-',
    endOffset,
    behind,
    failing ? new Date(failing.sinceMs).toISOString() : '-',
    failing?.attempts ?? '-',
    // Whatever a function says stays on its line.
    failing ? JSON.stringify(failing.error).slice(1, -1) : '-',
  ])
  const titles = ['PARTITION', 'COMMITTED', 'END OFFSET', 'LAG', 'FAILING SINCE', 'ATTEMPTS', 'LAST ERROR']
  return `${summary}\n${formatTable(titles, rows)}`
}

function formatBatch({ batchSize, maxBatchingWindowMs }: TriggerDescription): string {
  const waits = maxBatchingWindowMs === 0 ? '' : `, after ${seconds(maxBatchingWindowMs)} at the latest`
  return `up to ${plural(batchSize, 'record')}${waits}`
}

function formatStart(position: TriggerDescription['startingPosition']): string {
  return typeof position === 'string' ? position : new Date(position.timestampMs).toISOString()
}

function formatFailures(trigger: TriggerDescription): string {
  const { maxRecordAgeMs, bisectBatchOnError, reportBatchItemFailures, onFailure } = trigger
  const retries = retriesOf(trigger)
  const parts = [retries === null ? 'tried again without end' : `tried again ${plural(retries, 'time')}`]
  if (bisectBatchOnError) parts.push('batches are halved')
  if (reportBatchItemFailures) parts.push('the function may name what failed')
  if (maxRecordAgeMs !== null) parts.push(`given up when ${seconds(maxRecordAgeMs)} old`)
  if (onFailure !== null) parts.push(`told to ${onFailure}`)
  return parts.join(', ')
}

function seconds(durationMs: number): string {
  return `${durationMs / 1_000} s`
}
