import type { Embedded } from '../../embedded/embedded.ts'
import { type MaintainStore, maintainStore, type Progress } from '../../embedded/upkeep.ts'
import { describeAside, EXIT_FAILURE, EXIT_INTERRUPTED, EXIT_OK } from '../output/failure.ts'
import { openProgress } from '../output/progress.ts'
import { formatBytes, plural } from '../output/quantities.ts'
import { note, type Terminal, write } from '../output/terminal.ts'

/** Looks after a store until nothing is due. A partition that fails is told, and the others are done. */
export async function maintain(
  store: Embedded,
  settings: MaintainStore,
  terminal: Terminal,
): Promise<number> {
  const sofar = { partitions: 0, at: '', rolledBytes: 0, deletedObjects: 0 }
  const troubles: unknown[] = []
  /** Each once, though it may be told twice. */
  const lost = new Set<string>()
  const report = (progress: Progress) => {
    if (progress.kind === 'visited') {
      sofar.partitions += 1
      sofar.at = `${progress.topic}/${progress.partition}`
      sofar.rolledBytes += progress.rolledBytes
    } else if (progress.kind === 'deleted') sofar.deletedObjects += progress.objects
    else if (progress.kind === 'lost')
      lost.add(`${progress.topic}/${progress.partition}: ${progress.error.message}`)
    else if (progress.kind === 'trouble') troubles.push(progress.error)
  }
  const progress = openProgress(
    terminal,
    () =>
      `${sofar.at}: ${plural(sofar.partitions, 'partition')}, ${formatBytes(sofar.rolledBytes)} rolled, ` +
      `${plural(sofar.deletedObjects, 'object')} deleted`,
  )
  const done = await maintainStore(store, settings, terminal.interrupted, report).finally(() =>
    progress.close(),
  )
  for (const given of lost) await write(terminal, `lost: ${given}\n`)
  for (const { topic, partition, reason } of done.failed) {
    await write(terminal, `failed: ${topic}/${partition}: ${reason}\n`)
  }
  for (const trouble of troubles)
    note(terminal, describeAside('tidemark: a part of it failed', trouble, false))
  note(
    terminal,
    `rolled ${formatBytes(done.rolledBytes)}, merged ${formatBytes(done.mergedBytes)}; ` +
      `compaction took out ${formatBytes(done.compactedBytes)}, retention ${formatBytes(done.expiredBytes)}; ` +
      `deleted ${plural(done.deletedObjects, 'object')}`,
  )
  if (done.strays > 0) {
    note(
      terminal,
      `${plural(done.strays, 'object')} that nothing named will be deleted once nobody can be reading them`,
    )
  }
  if (!done.isDone && terminal.interrupted.aborted) {
    note(terminal, 'interrupted: the next run goes on')
    return EXIT_INTERRUPTED
  }
  return done.failed.length + troubles.length === 0 ? EXIT_OK : EXIT_FAILURE
}
