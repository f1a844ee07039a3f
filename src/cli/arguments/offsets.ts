import { type Command, Option } from 'commander'
import type { OffsetPlace } from '../../contract/broker.ts'
import { parseStartTime } from '../consuming/start-place.ts'
import { UsageError } from '../output/failure.ts'
import { READING, type Session } from '../session.ts'
import {
  argument,
  examples,
  type JsonOptions,
  PRINT_JSON,
  parseWholeNumber,
  wholeNumber,
} from './argument.ts'

interface OffsetsOptions extends JsonOptions {
  at?: OffsetPlace
  group?: string
}

interface DeleteOptions {
  partition: number
  before: number | 'latest'
}

export function addOffsets(program: Command, session: Session): void {
  const command = program
    .command('offsets')
    .summary("show a topic's offsets")
    .description(
      'Shows where each partition starts and ends, or the offset at a time, or how far a group is.',
    )
    .argument('<topic>')
    .option(
      '--at <place>',
      'earliest, latest, max-timestamp, or a time as 2026-01-31T12:00:00Z or @ms',
      argument(parsePlace),
    )
    .addOption(
      new Option('-G, --group <id>', 'show what this consumer group has committed, and its lag').conflicts(
        'at',
      ),
    )
    .option(...PRINT_JSON)
    .addHelpText(
      'after',
      examples(
        'tidemark offsets tides',
        'tidemark offsets tides --at 2026-01-31T12:00:00Z',
        'tidemark offsets tides --group harbour',
      ),
    )
  session.onBroker(
    command,
    async (options: OffsetsOptions, topic: string) => {
      const { offsets } = await import('../commands/offsets.ts')
      const settings = { topic, at: options.at ?? null, groupId: options.group ?? null, json: options.json }
      return broker => offsets(broker, settings, session.terminal)
    },
    READING,
  )
}

export function addDeleteRecords(program: Command, session: Session): void {
  const command = program
    .command('delete-records')
    .summary('delete the oldest records of a partition')
    .description(
      'Deletes the records of a partition before an offset. There is no way back. Not those of a topic that is compacted alone.',
    )
    .argument('<topic>')
    .requiredOption('-p, --partition <number>', 'which partition', wholeNumber(0))
    .requiredOption('--before <offset>', 'the first record to keep; latest: keep none', argument(parseBefore))
    .addHelpText('after', examples('tidemark delete-records tides --partition 0 --before 1000'))
  session.onBroker(command, async ({ partition, before }: DeleteOptions, topic: string) => {
    const { deleteRecords } = await import('../commands/delete-records.ts')
    return broker => deleteRecords(broker, { topic, partition, before }, session.terminal)
  })
}

function parsePlace(text: string): OffsetPlace {
  if (text === 'earliest' || text === 'latest' || text === 'max-timestamp') return text
  const timestampMs = parseStartTime(text)
  if (timestampMs !== null) return { timestampMs }
  throw new UsageError(
    `'${text}' is neither earliest nor latest nor max-timestamp nor a time such as 2026-01-31T12:00:00Z or @ms`,
  )
}

function parseBefore(text: string): number | 'latest' {
  return text === 'latest' ? text : parseWholeNumber(text, 0)
}
