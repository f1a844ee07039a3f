import { type Command, Option } from 'commander'
import type { OffsetPlace } from '../../contract/broker.ts'
import type { AddressOptions } from '../address/broker-address.ts'
import { parseTime } from '../consuming/start-place.ts'
import { UsageError } from '../output/failure.ts'
import { READING, type Session } from '../session.ts'
import { argument, examples, parseWholeNumber, wholeNumber } from './argument.ts'

export function addOffsets(program: Command, session: Session): void {
  program
    .command('offsets')
    .summary("show a topic's offsets")
    .description(
      'Shows where each partition starts and ends, or the offset at a time, or how far a group is.',
    )
    .argument('<topic>')
    .option(
      '--at <place>',
      'earliest, latest, or a time as 2026-01-31T12:00:00Z or @ms',
      argument(parsePlace),
    )
    .addOption(
      new Option('-G, --group <id>', 'show what this consumer group has committed, and its lag').conflicts(
        'at',
      ),
    )
    .option('-J, --json', 'print JSON')
    .addHelpText(
      'after',
      examples(
        'tidemark offsets tides',
        'tidemark offsets tides --at 2026-01-31T12:00:00Z',
        'tidemark offsets tides --group harbour',
      ),
    )
    .action(async (topic: string, _local: unknown, command: Command) => {
      const options = command.optsWithGlobals<
        AddressOptions & { at?: OffsetPlace; group?: string; json?: boolean }
      >()
      const { offsets } = await import('../commands/offsets.ts')
      const settings = {
        topic,
        at: options.at ?? null,
        groupId: options.group ?? null,
        json: options.json ?? false,
      }
      await session.useBroker(options, broker => offsets(broker, settings, session.terminal), READING)
    })
}

export function addDeleteRecords(program: Command, session: Session): void {
  program
    .command('delete-records')
    .summary('delete the oldest records of a partition')
    .description('Deletes the records of a partition before an offset. There is no way back.')
    .argument('<topic>')
    .requiredOption('-p, --partition <number>', 'which partition', wholeNumber(0))
    .requiredOption('--before <offset>', 'the first record to keep; latest: keep none', argument(parseBefore))
    .addHelpText('after', examples('tidemark delete-records tides --partition 0 --before 1000'))
    .action(async (topic: string, _local: unknown, command: Command) => {
      const options = command.optsWithGlobals<
        AddressOptions & { partition: number; before: number | 'latest' }
      >()
      const { deleteRecords } = await import('../commands/delete-records.ts')
      const settings = { topic, partition: options.partition, before: options.before }
      await session.useBroker(options, broker => deleteRecords(broker, settings, session.terminal))
    })
}

function parsePlace(text: string): OffsetPlace {
  if (text === 'earliest' || text === 'latest') return text
  const timestampMs = parseTime(text)
  if (timestampMs !== null) return { timestampMs }
  throw new UsageError(
    `'${text}' is neither earliest nor latest nor a time such as 2026-01-31T12:00:00Z or @ms`,
  )
}

function parseBefore(text: string): number | 'latest' {
  return text === 'latest' ? text : parseWholeNumber(text, 0)
}
