import type { Command } from 'commander'
import type { AddressOptions } from '../address/broker-address.ts'
import type { Session } from '../session.ts'
import { examples, type JsonOptions, PRINT_JSON, parseWholeNumber } from './argument.ts'
import { onOwnStore } from './own-store.ts'

interface InspectOptions extends AddressOptions, JsonOptions {
  batches?: boolean
}

export function addInspect(program: Command, session: Session): void {
  program
    .command('inspect')
    .summary('show what the index has of a partition, or what an object holds')
    .description(
      'With a topic and a partition, shows what the index has of it: its boundaries, segments, blocks, tail\n' +
        'and notes, what counts and what waits to be removed. With the key of an object, as verify and inspect\n' +
        'name them, shows its footer. Reads the store in --dir, or on AWS with --aws, and changes nothing.\n' +
        'Ends with exit code 1 where something of what it shows is damaged.',
    )
    .argument('<topic|object>')
    .argument('[partition]')
    .option('--batches', 'show each batch, too: of the object, or of all segments that count')
    .option(...PRINT_JSON)
    .addHelpText(
      'after',
      examples(
        'tidemark inspect tides 0 --dir .tidemark',
        'tidemark inspect tides 0 --batches --json --aws --outputs outputs.json',
        'tidemark inspect log/6f9b5f8e-1df1-4b43-9d6e-2f0b8f3f3a51/0/0000000000000000-0f1e2d3c4b5a69788796a5b4c3d2e1f0 --batches --dir .tidemark',
      ),
    )
    .action(async (what: string, partition: string | undefined, _local: unknown, command: Command) => {
      const { json = false, batches = false, ...options } = command.optsWithGlobals<InspectOptions>()
      const { inspectObject, inspectPartition } = await import('../commands/inspect.ts')
      const settings = { json, withBatches: batches }
      const number = partition === undefined ? undefined : parseWholeNumber(partition, 0)
      const opening = { what: 'inspect reads', access: 'read' as const }
      await onOwnStore(session, options, opening, ({ store }) =>
        number === undefined
          ? inspectObject(store, what, settings, session.terminal)
          : inspectPartition(store, { topic: what, partition: number }, settings, session.terminal),
      )
    })
}
