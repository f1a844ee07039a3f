import { type Command, Option } from 'commander'
import type { StartPlace } from '../../client/sdk/consuming/start-place.ts'
import type { AssignorName } from '../../contract/groups.ts'
import {
  SESSION_TIMEOUT_DEFAULT_MS,
  SESSION_TIMEOUT_MS_MAX,
  SESSION_TIMEOUT_MS_MIN,
} from '../../core/limits.ts'
import { type FormatRecord, formatJoinedValues, formatValueLine } from '../consuming/consumed-record.ts'
import { compileFormat } from '../consuming/format-template.ts'
import { formatJsonLine } from '../consuming/record-json.ts'
import { parseStartPlace } from '../consuming/start-place.ts'
import { UsageError } from '../output/failure.ts'
import type { BrokerCommand, Session } from '../session.ts'
import { argument, examples, type JsonOptions, parseWholeNumber, repeated, wholeNumber } from './argument.ts'

interface ConsumeOptions extends JsonOptions {
  from: StartPlace
  partition?: number[]
  maxRecords?: number
  exitAtEnd?: boolean
  follow?: boolean
  format?: FormatRecord
  finalNewline: boolean
  skipCorrupt?: boolean
  group?: string
  pattern?: string
  instanceId?: string
  assignor?: AssignorName
  sessionTimeout?: number
}

const ASSIGNORS: AssignorName[] = ['cooperative-sticky', 'range', 'round-robin']

const DETAILS = `
Where to begin, --from:
  earliest, latest       the first record, or only what comes from now on
  1000                   an offset, the same in every partition
  -10                    the last 10 records of every partition
  2026-01-31T12:00:00Z   the first record of that time or later; without a zone it is local time
  @1769860800000         the same, in milliseconds since 1970

Formats, --format (kcat's):
  %t topic     %p partition       %o offset          %T timestamp in ms, -1 for none
  %k key       %K its length      %h headers         %R value length as 4 bytes, big-endian
  %s value     %S its length      %% a percent sign  \\n \\t \\r \\0 \\xHH bytes
  A null key or value prints as nothing and has length -1; a header without a value prints as NULL.

With --json each line is an object. Bytes that are no UTF-8 come in base64, as keyBase64 and valueBase64.

Records of one partition come in order; those of different partitions as they arrive.

With --group, the partitions are shared out among all who consume in this group, and the group remembers how far it
is: the offsets of what was printed are committed every 5 seconds, at the end, and on Ctrl-C. --from counts where
nothing was committed. What a killed consumer had printed but not committed is printed again by another one. --json
then tells the generation, too, which grows: a later owner of a partition has a larger one.
--exit-at-end ends when this member's share is read as far as it went at the start.`

export function addConsume(program: Command, session: Session): void {
  const command = program
    .command('consume')
    .summary('print records')
    .description(
      'Prints the records of a topic, then waits for more until Ctrl-C. In a group, of several topics.',
    )
    .argument('[topics...]')
    .option('-o, --from <place>', 'where to begin (default: "earliest")', argument(parseStartPlace))
    .option(
      '-p, --partition <number>',
      'only this partition; repeat it for more',
      repeated(text => parseWholeNumber(text, 0)),
    )
    .option('-c, --max-records <number>', 'stop after so many records', wholeNumber(1))
    .option('-e, --exit-at-end', 'stop where each partition ends at this moment')
    .addOption(
      new Option(
        '--follow',
        'wait for more, as without it, and tell how: woken by the broker, asking again and again, or looking itself',
      ).conflicts('exitAtEnd'),
    )
    .addOption(
      new Option('-f, --format <format>', 'how a record is printed (default: its value and a newline)')
        .argParser(argument(compileFormat))
        .conflicts('json'),
    )
    .option('-J, --json', 'print one JSON object a line')
    .addOption(
      new Option(
        '--no-final-newline',
        'newlines between values, but none after the last (for files that do not end with one)',
      ).conflicts(['json', 'format']),
    )
    .option('--skip-corrupt', 'pass over records that are damaged where they are stored, and say which')
    .option('-G, --group <id>', 'share the partitions with all others in this consumer group')
    .option('--pattern <regexp>', 'with --group: every topic whose whole name matches, those to come too')
    .option(
      '--instance-id <id>',
      'with --group: a static member; when it comes back in time, nothing has moved',
    )
    .addOption(
      new Option(
        '--assignor <name>',
        'with --group: how partitions are shared out (default: cooperative-sticky)',
      ).choices(ASSIGNORS),
    )
    .option(
      '--session-timeout <ms>',
      `with --group: silent for so long, it loses its partitions (default: ${SESSION_TIMEOUT_DEFAULT_MS})`,
      argument(parseSessionTimeout),
    )
    .addHelpText(
      'after',
      DETAILS +
        '\n' +
        examples(
          'tidemark consume tides --exit-at-end',
          'tidemark consume tides --from latest --json | jq .value',
          "tidemark consume tides --from -10 --format '%p:%o %k = %s\\n'",
          'tidemark consume tides --from 2026-01-31T12:00:00Z --max-records 1',
          'tidemark consume tides currents --group harbour',
          "tidemark consume --pattern 'tides-.*' --group harbour --instance-id pier-1",
        ),
    )
  session.onBroker(
    command,
    (options: ConsumeOptions, topics: string[]) =>
      options.group === undefined
        ? consumeAlone(topics, options, session)
        : consumeInGroup(topics, options.group, options, session),
    ({ group }) => ({ access: group === undefined ? 'read' : 'write', endsByItself: true }),
  )
}

async function consumeAlone(
  topics: string[],
  options: ConsumeOptions,
  session: Session,
): Promise<BrokerCommand> {
  const [topic, ...others] = topics
  if (topic === undefined) throw new UsageError("missing required argument 'topic'")
  if (others.length > 0) throw new UsageError('several topics are for groups: add --group, or name one')
  for (const name of ['pattern', 'instanceId', 'assignor', 'sessionTimeout'] as const) {
    if (options[name] !== undefined) throw new UsageError(`${optionName(name)} is for groups: add --group`)
  }
  const { consume } = await import('../commands/consume.ts')
  const settings = { ...commonSettings(options), topic, partitions: options.partition ?? [] }
  return (broker, isHere) => consume(broker, { ...settings, isHere }, session.terminal)
}

async function consumeInGroup(
  topics: string[],
  groupId: string,
  options: ConsumeOptions,
  session: Session,
): Promise<BrokerCommand> {
  if (options.partition) throw new UsageError('--group says who reads which partition: leave out --partition')
  if (topics.length === 0 && options.pattern === undefined) {
    throw new UsageError('name a topic, or several, or give --pattern')
  }
  const { consumeGroup } = await import('../commands/consume-group.ts')
  const settings = {
    ...commonSettings(options),
    groupId,
    topics,
    topicPattern: options.pattern ?? null,
    instanceId: options.instanceId ?? null,
    assignor: options.assignor ?? null,
    sessionTimeoutMs: options.sessionTimeout ?? SESSION_TIMEOUT_DEFAULT_MS,
  }
  return (broker, isHere) => consumeGroup(broker, { ...settings, isHere }, session.terminal)
}

function commonSettings(options: ConsumeOptions) {
  return {
    from: options.from ?? ('earliest' as const),
    recordsMax: options.maxRecords ?? null,
    exitAtEnd: options.exitAtEnd ?? false,
    follows: options.follow ?? false,
    format: chooseFormat(options),
    skipCorrupt: options.skipCorrupt ?? false,
  }
}

function optionName(name: string): string {
  return `--${name.replace(/[A-Z]/g, letter => `-${letter.toLowerCase()}`)}`
}

function parseSessionTimeout(text: string): number {
  const timeoutMs = parseWholeNumber(text, SESSION_TIMEOUT_MS_MIN)
  if (timeoutMs <= SESSION_TIMEOUT_MS_MAX) return timeoutMs
  throw new UsageError(`a session time-out has ${SESSION_TIMEOUT_MS_MAX} milliseconds at most`)
}

function chooseFormat({ json, format, finalNewline }: ConsumeOptions): FormatRecord {
  if (json) return formatJsonLine
  return format ?? (finalNewline ? formatValueLine : formatJoinedValues())
}
