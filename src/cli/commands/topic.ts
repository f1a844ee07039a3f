import { isKafkaError } from '../../client/sdk/topic-facts.ts'
import type {
  AlterTopic,
  Broker,
  CreateTopic,
  TopicDescription,
  TopicSummary,
} from '../../contract/broker.ts'
import type { GroupBroker } from '../../contract/groups.ts'
import { findTopicLags, type TopicLag } from '../consuming/group-lag.ts'
import { EXIT_OK } from '../output/failure.ts'
import { formatJson, type JsonSettings, printList } from '../output/listing.ts'
import { plural } from '../output/quantities.ts'
import { formatTable } from '../output/table.ts'
import { note, type Terminal, write } from '../output/terminal.ts'
import { forEachName } from './for-each-name.ts'

export async function createTopic(
  broker: Broker,
  request: CreateTopic,
  settings: { ifNotExists?: boolean | undefined },
  terminal: Terminal,
): Promise<number> {
  try {
    const { topic, partitions } = await broker.createTopic(request)
    note(terminal, `created topic ${topic} with ${plural(partitions, 'partition')}`)
  } catch (error) {
    if (!settings.ifNotExists || !isKafkaError(error, 'TOPIC_ALREADY_EXISTS')) throw error
    note(terminal, `topic ${request.topic} exists already and was left as it is`)
  }
  return EXIT_OK
}

export async function listTopics(
  broker: Broker,
  settings: JsonSettings,
  terminal: Terminal,
): Promise<number> {
  const listing = {
    titles: ['TOPIC', 'PARTITIONS', 'ID'],
    row: ({ topic, partitions, topicId }: TopicSummary) => [topic, partitions, topicId],
    none: 'no topics yet: `tidemark topic create NAME` makes one',
  }
  return printList(await broker.listTopics(), listing, settings, terminal)
}

export async function describeTopic(
  broker: Broker & GroupBroker,
  topic: string,
  settings: JsonSettings & { groups?: boolean },
  terminal: Terminal,
): Promise<number> {
  const description = await broker.describeTopic(topic)
  if (!settings.groups) {
    await write(terminal, settings.json ? formatJson(description) : formatDescription(description))
    return EXIT_OK
  }
  const groups = await findTopicLags(broker, topic, description.offsets)
  const text = settings.json
    ? formatJson({ ...description, groups })
    : `${formatDescription(description)}\n${formatLags(groups)}`
  await write(terminal, text)
  return EXIT_OK
}

export async function alterTopic(broker: Broker, request: AlterTopic, terminal: Terminal): Promise<number> {
  const description = await broker.alterTopic(request)
  await write(terminal, formatDescription(description))
  return EXIT_OK
}

export function deleteTopics(
  broker: Broker,
  topics: string[],
  settings: { ifExists?: boolean | undefined },
  terminal: Terminal,
): Promise<number> {
  const deleteTopic = async (topic: string) => {
    try {
      await broker.deleteTopic(topic)
      note(terminal, `deleted topic ${topic} and its records`)
    } catch (error) {
      if (!settings.ifExists || !isKafkaError(error, 'UNKNOWN_TOPIC_OR_PARTITION')) throw error
      note(terminal, `there is no topic ${topic}`)
    }
  }
  return forEachName(topics, deleteTopic, terminal)
}

function formatDescription({ topic, topicId, createdMs, configs, offsets }: TopicDescription): string {
  const partitions = offsets.map(({ partition, startOffset, endOffset }) => [
    partition,
    startOffset,
    endOffset,
    endOffset - startOffset,
  ])
  const settings = configs.map(({ name, value, isDefault }) => [
    name,
    value,
    isDefault ? 'default' : 'set here',
  ])
  const noted = configs.filter(({ note }) => note !== undefined)
  return [
    `Topic:    ${topic}\nId:       ${topicId}\nCreated:  ${new Date(createdMs).toISOString()}\n`,
    formatTable(['PARTITION', 'START OFFSET', 'END OFFSET', 'OFFSETS'], partitions),
    formatTable(['CONFIG', 'VALUE', 'SOURCE'], settings),
    ...(noted.length === 0 ? [] : [`${noted.map(({ name }) => name).join(', ')}: ${noted[0]!.note}\n`]),
  ].join('\n')
}

function formatLags(groups: readonly TopicLag[]): string {
  if (groups.length === 0) return 'No group has committed anything here.\n'
  const rows = groups.map(({ groupId, state, members, lag }) => [groupId, state, members, lag])
  return formatTable(['GROUP', 'STATE', 'MEMBERS', 'LAG'], rows)
}
