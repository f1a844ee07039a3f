import type { Command } from 'commander'
import { UsageError } from '../output/failure.ts'
import { READING, type Session } from '../session.ts'
import { examples, type JsonOptions, PRINT_JSON, repeated, wholeNumber } from './argument.ts'
import { parseNameValue } from './name-value.ts'

interface TopicOptions {
  partitions?: number
  config?: [name: string, value: string][]
}

export function addTopic(program: Command, session: Session): void {
  const topic = program
    .command('topic')
    .summary('create, list, describe, alter and delete topics')
    .description('Creates, lists, describes, alters and deletes topics.')
    .addHelpText(
      'after',
      examples(
        'tidemark topic create tides --partitions 4',
        'tidemark topic list',
        'tidemark topic describe tides',
      ),
    )
  addCreate(topic, session)
  addList(topic, session)
  addDescribe(topic, session)
  addAlter(topic, session)
  addDelete(topic, session)
}

function addCreate(topic: Command, session: Session): void {
  const command = topic
    .command('create')
    .description('Creates a topic.')
    .argument('<name>')
    .option('-p, --partitions <number>', 'how many partitions (default: 1)', wholeNumber(1))
    .option(
      '-c, --config <name=value>',
      "one of Kafka's topic configs; repeat it for more",
      repeated(parseNameValue),
    )
    .option('--if-not-exists', 'a topic of that name is no error, and is left as it is')
    .addHelpText(
      'after',
      examples('tidemark topic create tides --partitions 4 --config retention.ms=604800000'),
    )
  session.onBroker(
    command,
    async (options: TopicOptions & { ifNotExists?: boolean }, name: string) => {
      const { createTopic } = await import('../commands/topic.ts')
      const request = {
        topic: name,
        ...(options.partitions === undefined ? {} : { partitions: options.partitions }),
        ...(options.config === undefined ? {} : { configs: Object.fromEntries(options.config) }),
      }
      return broker => createTopic(broker, request, options, session.terminal)
    },
    { access: 'create' },
  )
}

function addList(topic: Command, session: Session): void {
  const command = topic
    .command('list')
    .description('Lists the topics.')
    .option(...PRINT_JSON)
    .addHelpText('after', examples('tidemark topic list --json | jq -r .[].topic'))
  session.onBroker(
    command,
    async (options: JsonOptions) => {
      const { listTopics } = await import('../commands/topic.ts')
      return broker => listTopics(broker, options, session.terminal)
    },
    READING,
  )
}

function addDescribe(topic: Command, session: Session): void {
  const command = topic
    .command('describe')
    .description('Shows partitions, offsets and configs of a topic.')
    .argument('<name>')
    .option('-g, --groups', 'and how far behind each consumer group is')
    .option(...PRINT_JSON)
    .addHelpText('after', examples('tidemark topic describe tides', 'tidemark topic describe tides --groups'))
  session.onBroker(
    command,
    async (options: JsonOptions & { groups?: boolean }, name: string) => {
      const { describeTopic } = await import('../commands/topic.ts')
      return broker => describeTopic(broker, name, options, session.terminal)
    },
    READING,
  )
}

function addAlter(topic: Command, session: Session): void {
  const command = topic
    .command('alter')
    .description('Adds partitions or changes configs; all of it or nothing.')
    .argument('<name>')
    .option('-p, --partitions <number>', 'the new number of partitions, which only grows', wholeNumber(1))
    .option('-c, --config <name=value>', 'set a config; repeat it for more', repeated(parseNameValue))
    .option('--delete-config <name>', 'back to the default; repeat it for more', repeated(String))
    .addHelpText(
      'after',
      examples(
        'tidemark topic alter tides --partitions 8',
        'tidemark topic alter tides --config max.message.bytes=4194304 --delete-config retention.ms',
      ),
    )
  session.onBroker(command, async (options: TopicOptions & { deleteConfig?: string[] }, name: string) => {
    const { partitions, config, deleteConfig } = options
    if (partitions === undefined && config === undefined && deleteConfig === undefined) {
      throw new UsageError('nothing to alter: give --partitions, --config or --delete-config')
    }
    const { alterTopic } = await import('../commands/topic.ts')
    const request = {
      topic: name,
      ...(partitions === undefined ? {} : { partitions }),
      ...(config === undefined ? {} : { set: Object.fromEntries(config) }),
      ...(deleteConfig === undefined ? {} : { unset: deleteConfig }),
    }
    return broker => alterTopic(broker, request, session.terminal)
  })
}

function addDelete(topic: Command, session: Session): void {
  const command = topic
    .command('delete')
    .description('Deletes topics and their records. There is no way back.')
    .argument('<name...>')
    .option('--if-exists', 'a topic that does not exist is no error')
    .addHelpText('after', examples('tidemark topic delete tides currents'))
  session.onBroker(command, async (options: { ifExists?: boolean }, names: string[]) => {
    const { deleteTopics } = await import('../commands/topic.ts')
    return broker => deleteTopics(broker, names, options, session.terminal)
  })
}
