import type { Command } from 'commander'
import type { AddressOptions } from '../address/broker-address.ts'
import type { Session } from '../session.ts'
import { examples } from './argument.ts'
import { onOwnStore } from './own-store.ts'

export function addRebuildIndex(program: Command, session: Session): void {
  program
    .command('rebuild-index')
    .summary('make a lost index anew from the objects')
    .description(
      'Where the index is lost (the directory index below --dir, or the table on AWS) and no backup of it is\n' +
        'left, makes it anew from the objects: topics with their configs, and every record that had been rolled,\n' +
        'at its offset. Lost are the newest records, which had not been rolled yet; groups and what they have\n' +
        'committed; triggers. Offsets go on at the next thousand million, so that none means two records. Nothing\n' +
        'in the objects is changed.\n\n' +
        'Stop all brokers before. On AWS the table must be there, and empty. Where the index has topics, nothing\n' +
        'is done. What had not been rolled is kept until `tidemark maintain --release`.',
    )
    .addHelpText(
      'after',
      examples(
        'tidemark rebuild-index --dir .tidemark',
        'tidemark rebuild-index --aws --outputs outputs.json',
      ),
    )
    .action(async (_local: unknown, command: Command) => {
      const options = command.optsWithGlobals<AddressOptions>()
      const { rebuildIndex } = await import('../commands/rebuild-index.ts')
      const opening = { what: 'rebuild-index works on', access: 'rebuild' as const }
      await onOwnStore(session, options, opening, ({ store }) => rebuildIndex(store, session.terminal))
    })
}
