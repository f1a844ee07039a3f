import { findStart, type StartPlace } from '../../client/sdk/consuming/start-place.ts'
import { isKafkaError } from '../../client/sdk/topic-facts.ts'
import type { Broker, PartitionOffsets } from '../../contract/broker.ts'
import type { GroupBroker } from '../../contract/groups.ts'
import type { Offset } from '../../core/numbers.ts'
import { groupBy } from '../../core/since-node-22.ts'
import { movedStart } from '../consuming/reading-plan.ts'
import { CommandFailure, EXIT_FAILURE, EXIT_OK, noSuchPartition } from '../output/failure.ts'
import { type JsonSettings, printList } from '../output/listing.ts'
import { plural } from '../output/quantities.ts'
import { note, type Terminal } from '../output/terminal.ts'

/** A topic, or one partition of it. */
export interface TopicChoice {
  topic: string
  partition: number | null
}

export interface ResetGroupSettings extends JsonSettings {
  groupId: string
  /** Empty: all in which the group has committed something. */
  topics: TopicChoice[]
  to: StartPlace
  dryRun?: boolean | undefined
}

interface Move {
  topic: string
  partition: number
  committedOffset: Offset | null
  newOffset: Offset
}

const MOVES = {
  titles: ['TOPIC', 'PARTITION', 'COMMITTED', 'NEW OFFSET'],
  row: ({ topic, partition, committedOffset, newOffset }: Move) => [
    topic,
    partition,
    committedOffset ?? '-',
    newOffset,
  ],
}

/** Moves what a group without members has committed. */
export async function resetGroup(
  broker: Broker & GroupBroker,
  settings: ResetGroupSettings,
  terminal: Terminal,
): Promise<number> {
  const { groupId, to, dryRun } = settings
  await checkEmpty(broker, groupId, terminal)
  const committed = await broker.fetchOffsets({ groupId })
  const choices =
    settings.topics.length > 0
      ? settings.topics
      : committed.map(({ topic, partition }) => ({ topic, partition }))
  const partitions = await choosePartitions(broker, choices)
  const moves: Move[] = []
  for (const { topic, offsets } of partitions) {
    const { partition } = offsets
    const { wanted, offset } = await findStart(broker, { topic, partition }, to, offsets)
    if (wanted !== offset) note(terminal, `${topic}, ${movedStart(partition, wanted, offset)}`)
    const before = committed.find(other => other.topic === topic && other.partition === partition)
    moves.push({ topic, partition, committedOffset: before?.offset ?? null, newOffset: offset })
  }
  const refused = dryRun ? [] : await commit(broker, groupId, moves)
  const done = moves.filter(({ topic, partition }) => !isIn(refused, topic, partition))
  await printList(done, MOVES, settings, terminal)
  for (const { topic, partition, error } of refused) {
    note(terminal, `tidemark: ${topic}, partition ${partition}: ${error?.kafkaName}: ${error?.message}`)
  }
  if (dryRun) note(terminal, 'a dry run: nothing was changed')
  return refused.length === 0 ? EXIT_OK : EXIT_FAILURE
}

/** A group that nobody knows is empty, too: its consumers are still to come. */
async function checkEmpty(broker: GroupBroker, groupId: string, terminal: Terminal): Promise<void> {
  try {
    const { members, memberList } = await broker.describeGroup(groupId)
    if (members === 0) return
    // Only triggers have no leases.
    const trigger = memberList.find(({ leaseUntilMs }) => leaseUntilMs === null)
    if (trigger) throw triggersGroup(groupId, trigger.topics[0]!)
    throw new CommandFailure(
      `group ${groupId} has ${plural(members, 'member')}, which would go on from where they are: stop them first, ` +
        'or wait until their session time-outs are over',
    )
  } catch (error) {
    if (!isKafkaError(error, 'GROUP_ID_NOT_FOUND')) throw error
    note(terminal, `group ${groupId} is new`)
  }
}

function triggersGroup(groupId: string, topic: string): CommandFailure {
  return new CommandFailure(
    `group ${groupId} is that of a trigger, which would go on from where it is: \`tidemark trigger pause ${groupId} ` +
      `${topic}\` stops it before the reset, and \`tidemark trigger resume ${groupId} ${topic}\` starts it behind that`,
  )
}

async function choosePartitions(
  broker: Broker,
  choices: TopicChoice[],
): Promise<{ topic: string; offsets: PartitionOffsets }[]> {
  const byTopic = groupBy(choices, ({ topic }) => topic)
  const chosen = await Promise.all(
    [...byTopic].map(async ([topic, wanted]) => {
      const { offsets } = await broker.describeTopic(topic)
      for (const { partition } of wanted) {
        if (partition === null || offsets.some(other => other.partition === partition)) continue
        throw noSuchPartition(topic, partition, offsets.length)
      }
      const isWanted = (partition: number) =>
        wanted.some(choice => choice.partition === null || choice.partition === partition)
      return offsets
        .filter(({ partition }) => isWanted(partition))
        .map(partitionOffsets => ({ topic, offsets: partitionOffsets }))
    }),
  )
  return chosen.flat()
}

async function commit(broker: GroupBroker, groupId: string, moves: Move[]) {
  if (moves.length === 0) return []
  const offsets = moves.map(({ topic, partition, newOffset }) => ({ topic, partition, offset: newOffset }))
  const answers = await broker.commitOffsets({ groupId, offsets })
  return answers.filter(({ error }) => error !== null)
}

function isIn(refused: { topic: string; partition: number }[], topic: string, partition: number): boolean {
  return refused.some(other => other.topic === topic && other.partition === partition)
}
