import { EXIT_FAILURE, EXIT_INTERRUPTED, EXIT_OK } from '../failure.ts'
import { plural } from '../quantities.ts'
import { note, type Terminal, write } from '../terminal.ts'

/** What is wrong, or worth knowing, at one place of the store. */
export interface Finding {
  severity: 'error' | 'orphan' | 'info'
  place: string
  problem: string
}

/** Prints what a check of the whole store finds. Orphans cost space and nothing else: they are no errors. */
export async function verify(findings: AsyncIterable<Finding>, terminal: Terminal): Promise<number> {
  const counts = { error: 0, orphan: 0, info: 0 }
  for await (const { severity, place, problem } of findings) {
    counts[severity]++
    await write(terminal, `${severity.padEnd('orphan'.length)}  ${place}  ${problem}\n`)
    if (terminal.interrupted.aborted) {
      note(terminal, 'interrupted: the rest was not checked')
      return EXIT_INTERRUPTED
    }
  }
  const verdict = counts.error === 0 ? 'the store is sound' : 'the store is damaged'
  note(terminal, `${verdict}: ${plural(counts.error, 'error')}, ${plural(counts.orphan, 'orphan')}`)
  return counts.error === 0 ? EXIT_OK : EXIT_FAILURE
}
