import type { Command } from 'commander'
import type { AddressOptions } from '../address/broker-address.ts'
import { UsageError } from '../output/failure.ts'
import { READING, type Session } from '../session.ts'
import { examples, repeated, wholeNumber } from './argument.ts'
import { parseNameValue } from './name-value.ts'

interface CreateOptions extends AddressOptions {
  partitions?: number
  config?: [name: string, value: string][]
  ifNotExists?: boolean
}

interface AlterOptions extends AddressOptions {
  partitions?: number
  config?: [name: string, value: string][]
  deleteConfig?: string[]
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
  topic
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
    .action(async (name: string, _local: unknown, command: Command) => {
      const options = command.optsWithGlobals<CreateOptions>()
      const { createTopic } = await import('../commands/topic.ts')
      const request = {
        topic: name,
        ...(options.partitions === undefined ? {} : { partitions: options.partitions }),
        ...(options.config === undefined ? {} : { configs: Object.fromEntries(options.config) }),
      }
      const settings = { ifNotExists: options.ifNotExists ?? false }
      await session.useBroker(options, broker => createTopic(broker, request, settings, session.terminal), {
        access: 'create',
      })
    })
}

function addList(topic: Command, session: Session): void {
  topic
    .command('list')
    .description('Lists the topics.')
    .option('-J, --json', 'print JSON')
    .addHelpText('after', examples('tidemark topic list --json | jq -r .[].topic'))
    .action(async (_local: unknown, command: Command) => {
      const options = command.optsWithGlobals<AddressOptions & { json?: boolean }>()
      const { listTopics } = await import('../commands/topic.ts')
      const settings = { json: options.json ?? false }
      await session.useBroker(options, broker => listTopics(broker, settings, session.terminal), READING)
    })
}

function addDescribe(topic: Command, session: Session): void {
  topic
    .command('describe')
    .description('Shows partitions, offsets and configs of a topic.')
    .argument('<name>')
    .option('-g, --groups', 'and how far behind each consumer group is')
    .option('-J, --json', 'print JSON')
    .addHelpText('after', examples('tidemark topic describe tides', 'tidemark topic describe tides --groups'))
    .action(async (name: string, _local: unknown, command: Command) => {
      const options = command.optsWithGlobals<AddressOptions & { json?: boolean; groups?: boolean }>()
      const { describeTopic } = await import('../commands/topic.ts')
      const settings = { json: options.json ?? false, groups: options.groups ?? false }
      await session.useBroker(
        options,
        broker => describeTopic(broker, name, settings, session.terminal),
        READING,
      )
    })
}

function addAlter(topic: Command, session: Session): void {
  topic
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
    .action(async (name: string, _local: unknown, command: Command) => {
      const options = command.optsWithGlobals<AlterOptions>()
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
      await session.useBroker(options, broker => alterTopic(broker, request, session.terminal))
    })
}

function addDelete(topic: Command, session: Session): void {
  topic
    .command('delete')
    .description('Deletes topics and their records. There is no way back.')
    .argument('<name...>')
    .option('--if-exists', 'a topic that does not exist is no error')
    .addHelpText('after', examples('tidemark topic delete tides currents'))
    .action(async (names: string[], _local: unknown, command: Command) => {
      const options = command.optsWithGlobals<AddressOptions & { ifExists?: boolean }>()
      const { deleteTopics } = await import('../commands/topic.ts')
      const settings = { ifExists: options.ifExists ?? false }
      await session.useBroker(options, broker => deleteTopics(broker, names, settings, session.terminal))
    })
}
