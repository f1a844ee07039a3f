import type { Command } from 'commander'
import { RECOVERY_WINDOW_DEFAULT_MS } from '../../core/limits.ts'
import type { PartitionPlace } from '../../embedded/running-broker.ts'
import type { AddressOptions } from '../address/broker-address.ts'
import { parseDuration } from '../output/duration.ts'
import type { Session } from '../session.ts'
import { argument, examples, type JsonOptions, PRINT_JSON, parsePlace, repeated } from './argument.ts'
import { onOwnStore } from './own-store.ts'

interface MaintainOptions extends AddressOptions, JsonOptions {
  all?: boolean
  deep?: boolean
  release?: boolean
  grace?: number
  acceptLoss?: PartitionPlace[]
}

export function addMaintain(program: Command, session: Session): void {
  program
    .command('maintain')
    .summary('roll, merge, compact and expire logs, and delete what nothing needs')
    .description(
      'Does now what a broker does in the background, and on AWS the maintain function: small objects become large\n' +
        'ones, what has expired goes, compacted topics are compacted, and objects that nothing needs any more are\n' +
        'deleted once nobody can be reading them. Beside running brokers it does no harm; after Ctrl-C the next run\n' +
        'goes on. A broker cannot be asked to do this over HTTP.\n\n' +
        'With --json it prints a line for each partition that failed (kind: failed; topic, partition, reason), for what\n' +
        'was given up (kind: lost; message) and for what else failed (kind: trouble; message), and as the last one\n' +
        'what it did, in bytes and objects (kind: summary; isDone: whether nothing is left that could be done now).',
    )
    .option('--all', 'roll everything there is, however little and however new')
    .option(
      '--deep',
      'look through all objects for those that nothing names, as a restored table leaves them',
    )
    .option(
      '--accept-loss <topic/partition>',
      'give up, for good, what cannot be settled of this partition since its object is gone; may be repeated',
      repeated(parsePlace),
    )
    .option('--release', 'let go what rebuild-index holds back: objects of what had not settled')
    .option(
      '--grace <duration>',
      'how long an object stays that nothing needs any more, for those who read it still (default: 1h, with --aws 1d)',
      argument(parseDuration),
    )
    .option(...PRINT_JSON)
    .addHelpText(
      'after',
      examples(
        'tidemark maintain --dir .tidemark',
        'tidemark maintain --dir .tidemark --all',
        'tidemark maintain --dir .tidemark --accept-loss tides/3',
        'tidemark maintain --aws --outputs outputs.json',
        'tidemark maintain --aws --table tidemark --bucket tidemark-segments --deep',
      ),
    )
    .action(async (_local: unknown, command: Command) => {
      const { all, deep, release, grace, acceptLoss, json, ...options } =
        command.optsWithGlobals<MaintainOptions>()
      const { maintain } = await import('../commands/maintain.ts')
      const graceMs = grace ?? (options.aws ? RECOVERY_WINDOW_DEFAULT_MS : undefined)
      const settings = {
        isAll: all ?? false,
        isDeep: deep ?? false,
        releases: release ?? false,
        acceptsLossOf: acceptLoss ?? [],
        json: json ?? false,
        ...(graceMs === undefined ? {} : { graceMs }),
      }
      const opening = { what: 'maintain works on', access: 'write' as const }
      await onOwnStore(session, options, opening, ({ store }) => maintain(store, settings, session.terminal))
    })
}
