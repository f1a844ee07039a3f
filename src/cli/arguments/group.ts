import { type Command, Option } from 'commander'
import type { StartPlace } from '../../client/sdk/consuming/start-place.ts'
import type { TopicChoice } from '../commands/reset-group.ts'
import { parseStartPlace } from '../consuming/start-place.ts'
import { UsageError } from '../output/failure.ts'
import { READING, type Session } from '../session.ts'
import { argument, examples, type JsonOptions, PRINT_JSON, parseWholeNumber, repeated } from './argument.ts'

interface ResetOptions extends JsonOptions {
  topic?: TopicChoice[]
  allTopics?: boolean
  to?: StartPlace
  shiftBy?: number
  dryRun?: boolean
}

export function addGroup(program: Command, session: Session): void {
  const group = program
    .command('group')
    .summary('list, describe, reset and delete consumer groups')
    .description('Lists, describes, resets and deletes consumer groups. `consume --group` joins one.')
    .addHelpText(
      'after',
      examples(
        'tidemark group list',
        'tidemark group describe harbour --watch',
        'tidemark group reset harbour --topic tides --to earliest',
      ),
    )
  addList(group, session)
  addDescribe(group, session)
  addReset(group, session)
  addDelete(group, session)
}

function addList(group: Command, session: Session): void {
  const command = group
    .command('list')
    .description('Lists the groups.')
    .option(...PRINT_JSON)
    .addHelpText('after', examples('tidemark group list --json | jq -r .[].groupId'))
  session.onBroker(
    command,
    async (options: JsonOptions) => {
      const { listGroups } = await import('../commands/group.ts')
      return broker => listGroups(broker, options, session.terminal)
    },
    READING,
  )
}

function addDescribe(group: Command, session: Session): void {
  const command = group
    .command('describe')
    .description(
      'Shows who owns which partition, what is committed, where the partition ends, and the lag between the two.',
    )
    .argument('<group>')
    .option('-w, --watch', 'again every second, until Ctrl-C')
    .option('-J, --json', 'print JSON; with --watch one object a line')
    .addHelpText(
      'after',
      examples('tidemark group describe harbour', 'tidemark group describe harbour --watch'),
    )
  session.onBroker(
    command,
    async (options: JsonOptions & { watch?: boolean }, groupId: string) => {
      const { describeGroup } = await import('../commands/group.ts')
      return broker => describeGroup(broker, groupId, options, session.terminal)
    },
    { ...READING, endsByItself: true },
  )
}

function addReset(group: Command, session: Session): void {
  const command = group
    .command('reset')
    .description(
      'Moves the committed offsets of a group that has no members: its consumers go on from there when they come back.',
    )
    .argument('<group>')
    .option(
      '-t, --topic <topic[:partition]>',
      'a topic, or one partition of it; repeat it for more',
      repeated(parseTopicChoice),
    )
    .option('--all-topics', 'everything in which the group has committed something')
    .option(
      '--to <place>',
      'earliest, latest, an offset, -N for the last N records, a time as 2026-01-31T12:00:00Z or @ms',
      argument(parseStartPlace),
    )
    .addOption(
      new Option('--shift-by <number>', 'so many records on from what is committed, or back: 10, -10')
        .argParser(argument(parseShift))
        .conflicts('to'),
    )
    .option('-n, --dry-run', 'only show what would change')
    .option(...PRINT_JSON)
    .addHelpText(
      'after',
      examples(
        'tidemark group reset harbour --topic tides --to earliest --dry-run',
        'tidemark group reset harbour --topic tides:3 --to 1000',
        'tidemark group reset harbour --topic tides --shift-by -10',
        'tidemark group reset harbour --all-topics --to 2026-01-31T12:00:00Z',
      ),
    )
  session.onBroker(
    command,
    async ({ topic, allTopics, shiftBy, ...options }: ResetOptions, groupId: string) => {
      if ((topic === undefined) === (allTopics === undefined)) {
        throw new UsageError('say what to reset: --topic, or --all-topics')
      }
      const to = options.to ?? (shiftBy === undefined ? undefined : { shiftBy })
      if (to === undefined) throw new UsageError("'--to <place>' not specified, nor '--shift-by <number>'")
      const { resetGroup } = await import('../commands/reset-group.ts')
      const settings = { groupId, topics: topic ?? [], ...options, to }
      return broker => resetGroup(broker, settings, session.terminal)
    },
  )
}

function addDelete(group: Command, session: Session): void {
  const command = group
    .command('delete')
    .description('Forgets groups that have no members, and their offsets. There is no way back.')
    .argument('<group...>')
    .addHelpText('after', examples('tidemark group delete harbour'))
  session.onBroker(command, async (_options: object, groupIds: string[]) => {
    const { deleteGroups } = await import('../commands/group.ts')
    return broker => deleteGroups(broker, groupIds, session.terminal)
  })
}

function parseShift(text: string): number {
  const value = Number(text)
  if (/^[+-]?\d+$/.test(text) && Number.isSafeInteger(value)) return value
  throw new UsageError(`'${text}' is not a whole number, such as 10 or -10`)
}

/** `tides` or `tides:3`; topic names hold no colon. */
function parseTopicChoice(text: string): TopicChoice {
  const [topic = '', partition, ...others] = text.split(':')
  if (topic === '' || others.length > 0) throw new UsageError(`'${text}' is not TOPIC or TOPIC:PARTITION`)
  return { topic, partition: partition === undefined ? null : parseWholeNumber(partition, 0) }
}
