import type { AlterTopic, Broker, CreateTopic, TopicDescription } from '../../contract/broker.ts'
import type { GroupBroker } from '../../contract/groups.ts'
import { type KafkaErrorName, TidemarkError } from '../../core/errors.ts'
import { CONFIGS_WITHOUT_EFFECT } from '../../core/topic/topic-config.ts'
import { findTopicLags, type TopicLag } from '../consuming/group-lag.ts'
import { describeFailure, EXIT_FAILURE, EXIT_OK } from '../output/failure.ts'
import { plural } from '../output/quantities.ts'
import { formatTable } from '../output/table.ts'
import { note, type Terminal, write } from '../output/terminal.ts'

export async function createTopic(
  broker: Broker,
  request: CreateTopic,
  settings: { ifNotExists?: boolean | undefined },
  terminal: Terminal,
): Promise<number> {
  try {
    const { topic, partitions } = await broker.createTopic(request)
    note(terminal, `created topic ${topic} with ${plural(partitions, 'partition')}`)
    noteWithoutEffect(request.configs, terminal)
  } catch (error) {
    if (!settings.ifNotExists || !hasName(error, 'TOPIC_ALREADY_EXISTS')) throw error
    note(terminal, `topic ${request.topic} exists already and was left as it is`)
  }
  return EXIT_OK
}

export async function listTopics(
  broker: Broker,
  settings: { json?: boolean | undefined },
  terminal: Terminal,
): Promise<number> {
  const topics = await broker.listTopics()
  if (settings.json) {
    await write(terminal, formatJson(topics))
    return EXIT_OK
  }
  if (topics.length === 0) note(terminal, 'no topics yet: `tidemark topic create NAME` makes one')
  else {
    const rows = topics.map(({ topic, partitions, topicId }) => [topic, partitions, topicId])
    await write(terminal, formatTable(['TOPIC', 'PARTITIONS', 'ID'], rows))
  }
  return EXIT_OK
}

export async function describeTopic(
  broker: Broker & GroupBroker,
  topic: string,
  settings: { json?: boolean | undefined; groups?: boolean },
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
  noteWithoutEffect(request.set, terminal)
  await write(terminal, formatDescription(description))
  return EXIT_OK
}

/** Deletes each topic, those after one that failed too; every failure is told. */
export async function deleteTopics(
  broker: Broker,
  topics: string[],
  settings: { ifExists?: boolean | undefined },
  terminal: Terminal,
): Promise<number> {
  let exitCode = EXIT_OK
  for (const topic of topics) {
    try {
      await broker.deleteTopic(topic)
      note(terminal, `deleted topic ${topic} and its records`)
    } catch (error) {
      if (settings.ifExists && hasName(error, 'UNKNOWN_TOPIC_OR_PARTITION')) {
        note(terminal, `there is no topic ${topic}`)
        continue
      }
      for (const line of describeFailure(error)) note(terminal, line)
      exitCode = EXIT_FAILURE
    }
  }
  return exitCode
}

export function formatJson(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`
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
  return [
    `Topic:    ${topic}\nId:       ${topicId}\nCreated:  ${new Date(createdMs).toISOString()}\n`,
    formatTable(['PARTITION', 'START OFFSET', 'END OFFSET', 'RECORDS'], partitions),
    formatTable(['CONFIG', 'VALUE', 'SOURCE'], settings),
  ].join('\n')
}

function formatLags(groups: readonly TopicLag[]): string {
  if (groups.length === 0) return 'No group has committed anything here.\n'
  const rows = groups.map(({ groupId, state, members, lag }) => [groupId, state, members, lag])
  return formatTable(['GROUP', 'STATE', 'MEMBERS', 'LAG'], rows)
}

function hasName(error: unknown, name: KafkaErrorName): boolean {
  return error instanceof TidemarkError && error.kafkaName === name
}

function noteWithoutEffect(configs: Readonly<Record<string, string>> | undefined, terminal: Terminal): void {
  const names = Object.keys(configs ?? {}).filter(name => CONFIGS_WITHOUT_EFFECT.includes(name))
  if (names.length > 0)
    note(terminal, `note: ${names.join(', ')}: kept, but not acted upon yet; nothing is deleted`)
}
