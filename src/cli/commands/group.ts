import { setTimeout as sleep } from 'node:timers/promises'
import type { GroupBroker, GroupDescription } from '../../contract/groups.ts'
import { resultUntil } from '../interruption.ts'
import { describeFailure, EXIT_FAILURE, EXIT_OK } from '../output/failure.ts'
import { listPartitions } from '../output/partition-list.ts'
import { plural } from '../output/quantities.ts'
import { formatTable } from '../output/table.ts'
import { note, type Terminal, throwIfOutputFailed, write } from '../output/terminal.ts'
import { formatJson } from './topic.ts'

export interface DescribeGroupSettings {
  json?: boolean | undefined
  /** Again and again, until Ctrl-C. */
  watch?: boolean | undefined
}

/** Between two looks of `--watch`. */
const WATCH_INTERVAL_MS = 1_000
/** To the top left corner, and clear from there on. */
const REDRAW = '\x1b[H\x1b[J'

export async function listGroups(
  broker: GroupBroker,
  settings: { json?: boolean | undefined },
  terminal: Terminal,
): Promise<number> {
  const groups = await broker.listGroups()
  if (settings.json) await write(terminal, formatJson(groups))
  else if (groups.length === 0)
    note(terminal, 'no groups yet: `tidemark consume TOPIC --group NAME` makes one')
  else {
    const rows = groups.map(({ groupId, state, members }) => [groupId, state, members])
    await write(terminal, formatTable(['GROUP', 'STATE', 'MEMBERS'], rows))
  }
  return EXIT_OK
}

export async function describeGroup(
  broker: GroupBroker,
  groupId: string,
  settings: DescribeGroupSettings,
  terminal: Terminal,
  intervalMs = WATCH_INTERVAL_MS,
): Promise<number> {
  const first = await resultUntil(broker.describeGroup(groupId), terminal.interrupted)
  if (settings.watch) await watchGroup(broker, first, settings, terminal, intervalMs)
  else await write(terminal, settings.json ? formatJson(first) : formatGroup(first, Date.now()))
  throwIfOutputFailed(terminal)
  return EXIT_OK
}

/** Until Ctrl-C, which is how a watch ends. */
async function watchGroup(
  broker: GroupBroker,
  first: GroupDescription,
  { json }: DescribeGroupSettings,
  terminal: Terminal,
  intervalMs: number,
): Promise<void> {
  const redraw = terminal.output.isTTY ? REDRAW : ''
  const signal = AbortSignal.any([terminal.interrupted, terminal.outputClosed])
  for (let group = first; !signal.aborted; group = await broker.describeGroup(first.groupId)) {
    const text = json ? JSON.stringify(group) : formatGroup(group, Date.now())
    await write(terminal, redraw && !json ? `${redraw}${text}` : `${text}\n`)
    // Ended early, it is no failure.
    await sleep(intervalMs, undefined, { signal }).catch(() => {})
    if (signal.aborted) return
  }
}

/** Forgets each group, those after one that failed too; every failure is told. */
export async function deleteGroups(
  broker: GroupBroker,
  groupIds: string[],
  terminal: Terminal,
): Promise<number> {
  let exitCode = EXIT_OK
  for (const groupId of groupIds) {
    try {
      await broker.deleteGroup(groupId)
      note(terminal, `deleted group ${groupId} and its offsets`)
    } catch (error) {
      for (const line of describeFailure(error)) note(terminal, line)
      exitCode = EXIT_FAILURE
    }
  }
  return exitCode
}

function formatGroup(group: GroupDescription, nowMs: number): string {
  const { groupId, state, epoch, assignor, memberList, partitions } = group
  const lag = partitions.reduce((sum, partition) => sum + partition.lag, 0)
  const summary = [
    `Group:     ${groupId}`,
    `State:     ${state} (epoch ${epoch}, ${assignor})`,
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
