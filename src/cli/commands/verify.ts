import type { Embedded } from '../../embedded/embedded.ts'
import { itemsUntil } from '../interruption.ts'
import { EXIT_FAILURE, EXIT_INTERRUPTED, EXIT_OK } from '../output/failure.ts'
import { formatBytes, plural } from '../output/quantities.ts'
import { note, type Terminal, write } from '../output/terminal.ts'

/**
 * Prints what a check of the whole store finds. What nothing points at (orphaned by a crash or a deletion)
 * takes space and does no harm: it is told and is no failure, unless it is more than they explain.
 */
export async function verify(store: Pick<Embedded, 'verify'>, terminal: Terminal): Promise<number> {
  const { findings, summary } = store.verify()
  let errors = 0
  let suspicions = 0
  let leftovers = 0
  for await (const { severity, place, problem } of itemsUntil(findings, terminal.interrupted)) {
    if (severity === 'error') errors++
    else if (severity === 'suspicious') suspicions++
    else leftovers++
    await write(terminal, `${severity}: ${place}: ${problem}\n`)
  }
  if (terminal.interrupted.aborted) {
    note(terminal, 'interrupted: the rest was not checked')
    return EXIT_INTERRUPTED
  }
  const { topics, partitions, records, bytes, objects, orphanBytes } = summary
  note(
    terminal,
    `checked ${plural(topics, 'topic')}, ${plural(partitions, 'partition')}, ${plural(records, 'record')}, ` +
      `${formatBytes(bytes)} of batches, ${plural(objects, 'object')}`,
  )
  if (leftovers > 0) {
    const harm = suspicions > 0 ? 'see what is suspicious' : 'no harm'
    note(terminal, `${plural(leftovers, 'leftover')}, ${formatBytes(orphanBytes)}: ${harm}`)
  }
  if (errors > 0) note(terminal, `the store is damaged: ${plural(errors, 'error')}`)
  else if (suspicions > 0)
    note(terminal, 'what is there is sound, but may not be all: bring back a lost index before you write')
  else note(terminal, 'the store is sound')
  return errors + suspicions === 0 ? EXIT_OK : EXIT_FAILURE
}
