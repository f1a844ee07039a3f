import type { Embedded } from '../../embedded/embedded.ts'
import { type Rebuilding, rebuildIndex as rebuild } from '../../embedded/upkeep.ts'
import { itemsUntil } from '../interruption.ts'
import { EXIT_FAILURE, EXIT_INTERRUPTED, EXIT_OK } from '../output/failure.ts'
import { openProgress } from '../output/progress.ts'
import { formatBytes, plural } from '../output/quantities.ts'
import { note, type Terminal, write } from '../output/terminal.ts'

/** Makes an index anew. What could not be brought back is told line by line, and is a failure. */
export async function rebuildIndex(store: Embedded, terminal: Terminal): Promise<number> {
  const { told, summary } = rebuild(store)
  let losses = 0
  const progress = openProgress(
    terminal,
    () =>
      `${summary.at ?? ''}: ${plural(summary.objects, 'object')} read, ${plural(summary.topics, 'topic')} made`,
  )
  try {
    for await (const each of itemsUntil(told, terminal.interrupted)) {
      if (each.kind === 'topic' || each.kind === 'there') note(terminal, describe(each))
      else {
        losses += 1
        await write(terminal, `${describe(each)}\n`)
      }
    }
  } finally {
    progress.close()
  }
  if (terminal.interrupted.aborted) {
    note(terminal, 'interrupted: the same command goes on')
    return EXIT_INTERRUPTED
  }
  const { topics, partitions, segments, records, bytes } = summary
  note(
    terminal,
    `${plural(topics, 'topic')}, ${plural(partitions, 'partition')}: ${plural(records, 'record')}, ` +
      `${formatBytes(bytes)} in ${plural(segments, 'segment')}`,
  )
  if (losses > 0)
    note(terminal, `not all could be brought back: ${plural(losses, 'loss')}`.replace(/losss$/, 'losses'))
  return losses === 0 ? EXIT_OK : EXIT_FAILURE
}

function describe(each: Rebuilding): string {
  switch (each.kind) {
    case 'topic':
      return `topic ${each.topic}: ${plural(each.partitions, 'partition')}, ${plural(each.records, 'record')}`
    case 'there':
      return `topic ${each.topic}: is there already`
    case 'lost':
      return `lost: ${each.topic}/${each.partition}: offsets ${each.from} to ${each.to - 1}`
    case 'unreadable':
      return `unreadable: ${each.key}: ${each.problem}`
    case 'left out':
      return `left out: topic ${each.topic}: ${each.reason}`
  }
}
