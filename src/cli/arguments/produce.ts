import { type Command, Option } from 'commander'
import type { CompressionName } from '../../core/record/compression-name.ts'
import type { RecordHeader } from '../../core/record/record.ts'
import { resolveEscapes } from '../output/escapes.ts'
import { UsageError } from '../output/failure.ts'
import type { Session } from '../session.ts'
import { argument, examples, type JsonOptions, repeated, wholeNumber } from './argument.ts'
import { parseNameValue } from './name-value.ts'

interface ProduceOptions extends JsonOptions {
  keySeparator?: Uint8Array
  nullMarker?: string
  partition?: number
  header?: RecordHeader[]
  compression: CompressionName
  batchRecords: number
}

const DETAILS = `
With --json each line is an object as \`consume --json\` prints it, and a record is written as it was: key, value,
headers, timestamp and partition. Its offset and topic do not count. What has no partition goes where its key belongs,
what has no timestamp (-1) gets the present one. A line that cannot be read ends it, and is named.`

const COMPRESSIONS: CompressionName[] = ['none', 'gzip', 'snappy', 'lz4', 'zstd']

export function addProduce(program: Command, session: Session): void {
  const command = program
    .command('produce')
    .summary('write records, one a line')
    .description(
      'Writes one record for each line of FILE or standard input. Lines end at \\n; their bytes are kept as they\n' +
        "are, a \\r too. Records with a key go where Kafka's own client puts that key; the others stick to one\n" +
        'partition until a batch is full. Within a partition the order of the lines is kept.',
    )
    .argument('<topic>')
    .argument('[file]', 'the input; - or nothing: standard input')
    .option(
      '-K, --key-separator <text>',
      'the key ends here (\\t is a tab); lines without it have no key',
      argument(parseSeparator),
    )
    .option('--null-marker <text>', 'a key or value that reads like this is null: a tombstone')
    .addOption(
      new Option('-J, --json', 'lines are JSON, as `consume --json` prints them').conflicts([
        'keySeparator',
        'nullMarker',
      ]),
    )
    .option('-p, --partition <number>', 'write to this partition', wholeNumber(0))
    .option(
      '-H, --header <name=value>',
      'a header for every record; repeat it for more; NAME alone has no value, NAME= an empty one',
      repeated(parseHeader),
    )
    .addOption(
      new Option('-z, --compression <kind>', 'how batches are compressed')
        .choices(COMPRESSIONS)
        .default('none'),
    )
    .option('--batch-records <number>', 'records in a batch at most', wholeNumber(1), 500)
    .addHelpText(
      'after',
      `${DETAILS}\n${examples(
        'tidemark produce tides measurements.txt',
        "printf 'dover\\t6.2\\nbrest\\t5.1\\n' | tidemark produce tides --key-separator '\\t'",
        'tail -F access.log | tidemark produce requests --compression zstd --header host=web1',
        'tidemark consume tides --exit-at-end --json | tidemark produce tides-copy --json',
      )}`,
    )
  session.onBroker(
    command,
    async (options: ProduceOptions, topic: string, file: string | undefined) => {
      const [{ produce }, { open }] = await Promise.all([
        import('../commands/produce.ts'),
        import('node:fs/promises'),
      ])
      const { keySeparator = null, nullMarker, partition = null, header = [] } = options
      const { compression, batchRecords, json = false } = options
      const plain = { keySeparator, nullMarker: nullMarker === undefined ? null : Buffer.from(nullMarker) }
      const settings = {
        topic,
        syntax: json ? ('json' as const) : plain,
        partition,
        headers: header,
        compression,
        batchRecords,
      }
      return async broker => {
        const fromTerminal = file === undefined || file === '-'
        // Opened before anything else: a file that is not there is told at once.
        const input = fromTerminal ? session.terminal.input : (await open(file)).createReadStream()
        return await produce(broker, settings, input, session.terminal)
      }
    },
    { endsByItself: true },
  )
}

/** As in kcat: without a sign of equality the header's value is null. */
function parseHeader(text: string): RecordHeader {
  if (text !== '' && !text.includes('=')) return { key: text, value: null }
  const [key, value] = parseNameValue(text)
  return { key, value: Buffer.from(value) }
}

function parseSeparator(text: string): Uint8Array {
  const separator = resolveEscapes(text)
  if (separator.length === 0) throw new UsageError('an empty separator separates nothing')
  return separator
}
