import type { Command } from 'commander'
import type { AddressOptions } from '../address/broker-address.ts'
import { READING, type Session } from '../session.ts'
import { examples } from './argument.ts'

type JsonOptions = AddressOptions & { json?: boolean }

export function addTrigger(program: Command, session: Session): void {
  const trigger = program
    .command('trigger')
    .summary('list, describe, pause, resume and delete triggers')
    .description(
      'Lists, describes, pauses, resumes and deletes triggers, which call functions with records. They are made and ' +
        'removed where the functions are deployed, or locally by `tidemark dev --on`.',
    )
    .addHelpText(
      'after',
      examples(
        'tidemark trigger list',
        'tidemark trigger describe billing tides',
        'tidemark trigger pause billing tides',
      ),
    )
  addList(trigger, session)
  addDescribe(trigger, session)
  addPause(trigger, session)
  addResume(trigger, session)
  addDelete(trigger, session)
}

function addList(trigger: Command, session: Session): void {
  trigger
    .command('list')
    .description('Lists the triggers.')
    .option('-J, --json', 'print JSON')
    .addHelpText('after', examples('tidemark trigger list --json | jq -r .[].target'))
    .action(async (_local: unknown, command: Command) => {
      const options = command.optsWithGlobals<JsonOptions>()
      const { listTriggers } = await import('../commands/trigger.ts')
      const settings = { json: options.json ?? false }
      await session.useBroker(options, broker => listTriggers(broker, settings, session.terminal), READING)
    })
}

function addDescribe(trigger: Command, session: Session): void {
  trigger
    .command('describe')
    .description('Shows how a trigger is set, how far it is in each partition, and what fails there.')
    .argument('<group>')
    .argument('<topic>')
    .option('-J, --json', 'print JSON')
    .addHelpText(
      'after',
      examples(
        'tidemark trigger describe billing tides',
        "tidemark trigger describe billing tides --json | jq '.partitions[] | select(.failing)'",
      ),
    )
    .action(async (groupId: string, topic: string, _local: unknown, command: Command) => {
      const options = command.optsWithGlobals<JsonOptions>()
      const { describeTrigger } = await import('../commands/trigger.ts')
      await session.useBroker(options, broker =>
        describeTrigger(broker, { groupId, topic }, { json: options.json ?? false }, session.terminal),
      )
    })
}

function addPause(trigger: Command, session: Session): void {
  trigger
    .command('pause')
    .description('Stops deliveries: at once where none is under way, else after the batch that is.')
    .argument('<group>')
    .argument('<topic>')
    .addHelpText(
      'after',
      examples(
        'tidemark trigger pause billing tides',
        'tidemark trigger pause billing tides && tidemark group reset billing --topic tides --to earliest',
      ),
    )
    .action(async (groupId: string, topic: string, _local: unknown, command: Command) => {
      const { pauseTrigger } = await import('../commands/trigger.ts')
      await session.useBroker(command.optsWithGlobals<AddressOptions>(), broker =>
        pauseTrigger(broker, { groupId, topic }, session.terminal),
      )
    })
}

function addResume(trigger: Command, session: Session): void {
  trigger
    .command('resume')
    .description(
      'Lets a paused trigger go on behind what is committed; one that is active looks at all partitions.',
    )
    .argument('<group>')
    .argument('<topic>')
    .addHelpText('after', examples('tidemark trigger resume billing tides'))
    .action(async (groupId: string, topic: string, _local: unknown, command: Command) => {
      const { resumeTrigger } = await import('../commands/trigger.ts')
      await session.useBroker(command.optsWithGlobals<AddressOptions>(), broker =>
        resumeTrigger(broker, { groupId, topic }, session.terminal),
      )
    })
}

function addDelete(trigger: Command, session: Session): void {
  trigger
    .command('delete')
    .description(
      'Deletes a paused trigger whose deployment is gone, so that its group is free. What is committed stays.',
    )
    .argument('<group>')
    .argument('<topic>')
    .addHelpText(
      'after',
      examples('tidemark trigger pause billing tides && tidemark trigger delete billing tides'),
    )
    .action(async (groupId: string, topic: string, _local: unknown, command: Command) => {
      const { deleteTrigger } = await import('../commands/trigger.ts')
      await session.useBroker(command.optsWithGlobals<AddressOptions>(), broker =>
        deleteTrigger(broker, { groupId, topic }, session.terminal),
      )
    })
}
