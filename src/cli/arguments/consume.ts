import { type Command, Option } from 'commander'
import type { AddressOptions } from '../broker-address.ts'
import { type FormatRecord, formatJoinedValues, formatValueLine } from '../consumed-record.ts'
import { compileFormat } from '../format-template.ts'
import { formatJsonLine } from '../record-json.ts'
import type { Session } from '../session.ts'
import { parseStartPlace, type StartPlace } from '../start-place.ts'
import { argument, examples, parseWholeNumber, repeated, wholeNumber } from './argument.ts'

interface ConsumeOptions extends AddressOptions {
  from: StartPlace
  partition?: number[]
  maxRecords?: number
  exitAtEnd?: boolean
  format?: FormatRecord
  json?: boolean
  finalNewline: boolean
}

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
  A null key or value prints as nothing and has length -1.

With --json each line is an object. Bytes that are no UTF-8 come in base64, as keyBase64 and valueBase64.

Records of one partition come in order; those of different partitions as they arrive.`

export function addConsume(program: Command, session: Session): void {
  program
    .command('consume')
    .summary('print records')
    .description('Prints the records of a topic, then waits for more until Ctrl-C.')
    .argument('<topic>')
    .option('-o, --from <place>', 'where to begin (default: "earliest")', argument(parseStartPlace))
    .option(
      '-p, --partition <number>',
      'only this partition; repeat it for more',
      repeated(text => parseWholeNumber(text, 0)),
    )
    .option('-c, --max-records <number>', 'stop after so many records', wholeNumber(1))
    .option('-e, --exit-at-end', 'stop where each partition ends at this moment')
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
    .addHelpText(
      'after',
      DETAILS +
        '\n' +
        examples(
          'tidemark consume tides --exit-at-end',
          'tidemark consume tides --from latest --json | jq .value',
          "tidemark consume tides --from -10 --format '%p:%o %k = %s\\n'",
          'tidemark consume tides --from 2026-01-31T12:00:00Z --max-records 1',
        ),
    )
    .action(async (topic: string, _local: unknown, command: Command) => {
      const options = command.optsWithGlobals<ConsumeOptions>()
      const { consume } = await import('../commands/consume.ts')
      const settings = {
        topic,
        partitions: options.partition ?? [],
        from: options.from ?? ('earliest' as const),
        recordsMax: options.maxRecords ?? null,
        exitAtEnd: options.exitAtEnd ?? false,
        format: chooseFormat(options),
      }
      await session.useBroker(options, broker => consume(broker, settings, session.terminal), {
        endsByItself: true,
      })
    })
}

function chooseFormat({ json, format, finalNewline }: ConsumeOptions): FormatRecord {
  if (json) return formatJsonLine
  return format ?? (finalNewline ? formatValueLine : formatJoinedValues())
}
