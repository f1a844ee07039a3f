import type { Command } from 'commander'
import { READING, type Session } from '../session.ts'
import { examples, type JsonOptions, PRINT_JSON } from './argument.ts'

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
  addChange(trigger, session, {
    name: 'pause',
    description: 'Stops deliveries: at once where none is under way, else after the batch that is.',
    examples: [
      'tidemark trigger pause billing tides',
      'tidemark trigger pause billing tides && tidemark group reset billing --topic tides --to earliest',
    ],
  })
  addChange(trigger, session, {
    name: 'resume',
    description:
      'Lets a paused trigger go on behind what is committed; one that is active looks at all partitions.',
    examples: ['tidemark trigger resume billing tides'],
  })
  addChange(trigger, session, {
    name: 'delete',
    description:
      'Deletes a paused trigger whose deployment is gone, so that its group is free. What is committed stays.',
    examples: ['tidemark trigger pause billing tides && tidemark trigger delete billing tides'],
  })
}

function addList(trigger: Command, session: Session): void {
  const command = trigger
    .command('list')
    .description('Lists the triggers.')
    .option(...PRINT_JSON)
    .addHelpText('after', examples('tidemark trigger list --json | jq -r .[].target'))
  session.onBroker(
    command,
    async (options: JsonOptions) => {
      const { listTriggers } = await import('../commands/trigger.ts')
      return broker => listTriggers(broker, options, session.terminal)
    },
    READING,
  )
}

function addDescribe(trigger: Command, session: Session): void {
  const command = trigger
    .command('describe')
    .description('Shows how a trigger is set, how far it is in each partition, and what fails there.')
    .argument('<group>')
    .argument('<topic>')
    .option(...PRINT_JSON)
    .addHelpText(
      'after',
      examples(
        'tidemark trigger describe billing tides',
        "tidemark trigger describe billing tides --json | jq '.partitions[] | select(.failing)'",
      ),
    )
  session.onBroker(
    command,
    async (options: JsonOptions, groupId: string, topic: string) => {
      const { describeTrigger } = await import('../commands/trigger.ts')
      return broker => describeTrigger(broker, { groupId, topic }, options, session.terminal)
    },
    READING,
  )
}

interface Change {
  name: 'pause' | 'resume' | 'delete'
  description: string
  examples: string[]
}

function addChange(trigger: Command, session: Session, { name, description, examples: lines }: Change): void {
  const command = trigger
    .command(name)
    .description(description)
    .argument('<group>')
    .argument('<topic>')
    .addHelpText('after', examples(...lines))
  session.onBroker(command, async (_options: object, groupId: string, topic: string) => {
    const { pauseTrigger, resumeTrigger, deleteTrigger } = await import('../commands/trigger.ts')
    const change = { pause: pauseTrigger, resume: resumeTrigger, delete: deleteTrigger }[name]
    return broker => change(broker, { groupId, topic }, session.terminal)
  })
}
