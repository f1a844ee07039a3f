import type { Command } from 'commander'
import type { PartitionPlace } from '../../embedded/running-broker.ts'
import type { AddressOptions } from '../address/broker-address.ts'
import type { Session } from '../session.ts'
import { argument, examples, type JsonOptions, PRINT_JSON, parsePlace } from './argument.ts'
import { onOwnStore } from './own-store.ts'

interface VerifyOptions extends AddressOptions, JsonOptions {
  from?: PartitionPlace
  deep?: boolean
}

export function addVerify(program: Command, session: Session): void {
  program
    .command('verify')
    .summary('check a store for damage')
    .description(
      'Reads the store in the directory --dir, or on AWS with --aws, and reports what is wrong: gaps and overlaps\n' +
        'in the index, missing or damaged objects. Objects that nothing points at (orphans, left by a crash) are\n' +
        'reported and are no error, unless they are older than the index: then one may have been lost. A broker cannot\n' +
        'be asked to do this over HTTP.\n\n' +
        'It changes nothing, and may run beside brokers. After Ctrl-C it says how to go on where it was.\n\n' +
        'With --json it prints a line for each finding (kind: finding; severity: error, suspicious or leftover; place;\n' +
        'problem), and as the last one what was looked at and how many of each severity there were (kind: summary;\n' +
        'isComplete; goesOnAt: the partition for --from, where it was interrupted).',
    )
    .option('--deep', 'read every batch of what has been rolled, too, and not only what stands at its end')
    .option(
      '--from <topic/partition>',
      'go on at this partition; those before it were looked at already',
      argument(parsePlace),
    )
    .option(...PRINT_JSON)
    .addHelpText(
      'after',
      examples(
        'tidemark verify --dir .tidemark',
        'tidemark verify --dir .tidemark --deep --from tides/3',
        'tidemark verify --aws --outputs outputs.json',
      ),
    )
    .action(async (_local: unknown, command: Command) => {
      const options = command.optsWithGlobals<VerifyOptions>()
      const { verify } = await import('../commands/verify.ts')
      const opening = { what: 'verify reads', access: 'read' as const }
      await onOwnStore(session, options, opening, ({ store, words }) => {
        const goOn = ({ topic, partition }: PartitionPlace) =>
          `tidemark verify ${words}${options.deep ? ' --deep' : ''} --from ${topic}/${partition}`
        const settings = { from: options.from, isDeep: options.deep, json: options.json, goOn }
        return verify(store, settings, session.terminal)
      })
    })
}
