import { setTimeout as sleep } from 'node:timers/promises'
import { isPassing } from '../../client/sdk/outages.ts'
import { isKafkaError } from '../../client/sdk/topic-facts.ts'
import type { GroupBroker, GroupDescription, GroupSummary } from '../../contract/groups.ts'
import { resultUntil } from '../interruption.ts'
import { EXIT_OK } from '../output/failure.ts'
import { formatJson, type JsonSettings, printList } from '../output/listing.ts'
import { listPartitions } from '../output/partition-list.ts'
import { plural } from '../output/quantities.ts'
import { formatTable } from '../output/table.ts'
import { note, type Terminal, throwIfOutputFailed, write } from '../output/terminal.ts'
import { forEachName } from './for-each-name.ts'

export interface DescribeGroupSettings extends JsonSettings {
  /** Again and again, until Ctrl-C. */
  watch?: boolean | undefined
}

/** Between two looks of `--watch`. */
const WATCH_INTERVAL_MS = 1_000
/** To the top left corner, and clear from there on. */
const REDRAW = '\x1b[H\x1b[J'

export async function listGroups(
  broker: GroupBroker,
  settings: JsonSettings,
  terminal: Terminal,
): Promise<number> {
  const listing = {
    titles: ['GROUP', 'STATE', 'MEMBERS', 'PROTOCOL'],
    row: (group: GroupSummary) => [group.groupId, group.state, group.members, protocolOf(group)],
    none: 'no groups yet: `tidemark consume TOPIC --group NAME` makes one',
  }
  return printList(await broker.listGroups(), listing, settings, terminal)
}

export async function describeGroup(
  broker: GroupBroker,
  groupId: string,
  settings: DescribeGroupSettings,
  terminal: Terminal,
  intervalMs = WATCH_INTERVAL_MS,
): Promise<number> {
  if (settings.watch) await watchGroup(broker, groupId, settings, terminal, intervalMs)
  else {
    const group = await resultUntil(broker.describeGroup(groupId), terminal.interrupted)
    await write(terminal, settings.json ? formatJson(group) : formatGroup(group, Date.now()))
  }
  throwIfOutputFailed(terminal)
  return EXIT_OK
}

/** Until Ctrl-C, which is how a watch ends. A group that is not there may come, and so may a broker that is gone. */
async function watchGroup(
  broker: GroupBroker,
  groupId: string,
  { json }: DescribeGroupSettings,
  terminal: Terminal,
  intervalMs: number,
): Promise<void> {
  const redraw = terminal.output.isTTY ? REDRAW : ''
  const signal = AbortSignal.any([terminal.interrupted, terminal.outputClosed])
  let told = ''
  let hasAnswered = false
  while (!signal.aborted) {
    try {
      const group = await resultUntil(broker.describeGroup(groupId), signal)
      told = ''
      hasAnswered = true
      const text = json ? JSON.stringify(group) : formatGroup(group, Date.now())
      await write(terminal, redraw && !json ? `${redraw}${text}` : `${text}\n`)
    } catch (error) {
      if (signal.aborted) return
      const trouble = mayPass(error, groupId, hasAnswered)
      hasAnswered = true
      if (trouble !== told) note(terminal, trouble)
      told = trouble
    }
    // Ended early, it is no failure.
    await sleep(intervalMs, undefined, { signal }).catch(() => {})
  }
}

/** What a watch says while it waits for the end of it. @throws what nothing ends, or was there from the beginning */
function mayPass(error: unknown, groupId: string, hasAnswered: boolean): string {
  if (isKafkaError(error, 'GROUP_ID_NOT_FOUND')) return `there is no group ${groupId} yet: waiting for it`
  if (hasAnswered && isPassing(error)) return `${error.kafkaName}: ${error.message} Trying again.`
  throw error
}

export function deleteGroups(broker: GroupBroker, groupIds: string[], terminal: Terminal): Promise<number> {
  const deleteGroup = async (groupId: string) => {
    await broker.deleteGroup(groupId)
    note(terminal, `deleted group ${groupId} and its offsets`)
  }
  return forEachName(groupIds, deleteGroup, terminal)
}

/** Whose protocol its members speak, and what they are. */
function protocolOf({ kind, protocolType }: GroupSummary): string {
  if (kind) return [kind, protocolType].filter(Boolean).join(' ')
  return protocolType === '' ? '-' : 'consumer'
}

function formatGroup(group: GroupDescription, nowMs: number): string {
  const { groupId, state, epoch, assignor, memberList, partitions, kind, protocolName } = group
  const isClassic = kind === 'classic'
  const agreed = [`generation ${epoch}`, protocolOf(group), ...(protocolName ? [protocolName] : [])]
  const detail = isClassic ? agreed.join(', ') : `epoch ${epoch}, ${assignor}`
  const lag = partitions.reduce((sum, partition) => sum + partition.lag, 0)
  const summary = [
    `Group:     ${groupId}`,
    `State:     ${state} (${detail})`,
    `Members:   ${memberList.length}`,
    `Lag:       ${plural(lag, 'record')}`,
    '',
  ].join('\n')
  const clients = new Map(memberList.map(({ memberId, clientId }) => [memberId, clientId]))
  const progress = partitions.map(({ topic, partition, committedOffset, endOffset, lag, memberId }) => [
    topic,
    partition,
    committedOffset ?? '-',
    endOffset,
    lag,
    memberId ?? '-',
    (memberId === null ? null : clients.get(memberId)) ?? '-',
  ])
  const members = memberList.map(member => [
    member.memberId,
    member.clientId || '-',
    member.instanceId ?? '-',
    [...member.topics, ...(member.topicPattern === null ? [] : [`/${member.topicPattern}/`])].join(', '),
    listPartitions(member.owned) || '-',
    member.leaseUntilMs === null ? '-' : `${Math.max(0, Math.round((member.leaseUntilMs - nowMs) / 1000))} s`,
  ])
  // Kafka's columns, in the words of this tool.
  const progressTitles = ['TOPIC', 'PARTITION', 'COMMITTED', 'END OFFSET', 'LAG', 'MEMBER', 'CLIENT']
  const tables = [
    ...(progress.length === 0 ? [] : [formatTable(progressTitles, progress)]),
    ...(members.length === 0
      ? []
      : [formatTable(['MEMBER', 'CLIENT', 'INSTANCE', 'SUBSCRIBED TO', 'OWNS', 'LEASE'], members)]),
  ]
  return [summary, ...tables].join('\n')
}
