import type { Embedded } from '../../embedded/embedded.ts'
import type { PartitionPlace, VerifyRequest } from '../../embedded/running-broker.ts'
import { itemsUntil } from '../interruption.ts'
import { EXIT_FAILURE, EXIT_INTERRUPTED, EXIT_OK } from '../output/failure.ts'
import { jsonLine } from '../output/listing.ts'
import { openProgress } from '../output/progress.ts'
import { formatBytes, plural } from '../output/quantities.ts'
import { note, type Terminal, write } from '../output/terminal.ts'

export interface VerifySettings extends VerifyRequest {
  /** One line of JSON for each finding, and one at the end for what was looked at. */
  readonly json?: boolean | undefined
  /** The command line that goes on at this partition. */
  goOn(at: PartitionPlace): string
}

type Summary = ReturnType<Embedded['verify']>['summary']

/**
 * Prints what a check of the whole store finds. What nothing points at (orphaned by a crash or a deletion)
 * takes space and does no harm: it is told and is no failure, unless it is more than they explain.
 */
export async function verify(
  store: Pick<Embedded, 'verify'>,
  { goOn, json = false, ...request }: VerifySettings,
  terminal: Terminal,
): Promise<number> {
  const { findings, summary } = store.verify(request)
  const counts = { error: 0, suspicious: 0, leftover: 0 }
  const progress = openProgress(terminal, () => describeProgress(summary))
  try {
    for await (const finding of itemsUntil(findings, terminal.interrupted)) {
      const { severity, place, problem } = finding
      counts[severity] += 1
      await write(terminal, json ? jsonLine('finding', finding) : `${severity}: ${place}: ${problem}\n`)
    }
  } finally {
    progress.close()
  }
  const isComplete = !terminal.interrupted.aborted
  if (json) {
    const { at: reached, partitionsInAll: _, ...looked } = summary
    const goesOnAt = isComplete ? null : reached
    await write(terminal, jsonLine('summary', { isComplete, ...counts, ...looked, goesOnAt }))
  }
  if (!isComplete) {
    note(terminal, `interrupted: the rest was not checked${summary.at ? '; to go on:' : ''}`)
    if (summary.at) note(terminal, `  ${goOn(summary.at)}`)
    return EXIT_INTERRUPTED
  }
  const { topics, partitions, records, bytes, objects, orphanBytes } = summary
  note(
    terminal,
    `checked ${plural(topics, 'topic')}, ${plural(partitions, 'partition')}, ${plural(records, 'record')}, ` +
      `${formatBytes(bytes)} of batches, ${plural(objects, 'object')}`,
  )
  if (counts.leftover > 0) {
    const harm = counts.suspicious > 0 ? 'see what is suspicious' : 'no harm'
    note(terminal, `${plural(counts.leftover, 'leftover')}, ${formatBytes(orphanBytes)}: ${harm}`)
  }
  if (counts.error > 0) note(terminal, `the store is damaged: ${plural(counts.error, 'error')}`)
  else if (counts.suspicious > 0)
    note(terminal, 'what is there is sound, but may not be all: bring back a lost index before you write')
  else if (request.from)
    note(terminal, `sound from ${at(request.from)} on; what stands before it was not looked at`)
  else note(terminal, 'the store is sound')
  return counts.error + counts.suspicious === 0 ? EXIT_OK : EXIT_FAILURE
}

function at({ topic, partition }: PartitionPlace): string {
  return `${topic}/${partition}`
}

function describeProgress({ at, partitions, partitionsInAll, objects, bytes }: Summary): string {
  if (at === null) return `${plural(objects, 'object')} looked at, ${formatBytes(bytes)} of batches checked`
  return `${at.topic}/${at.partition}: partition ${partitions} of ${partitionsInAll}, ${formatBytes(bytes)}`
}
