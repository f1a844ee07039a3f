import type { Embedded } from '../../embedded/embedded.ts'
import { type MaintainStore, maintainStore, type Progress } from '../../embedded/upkeep.ts'
import { describeAside, EXIT_FAILURE, EXIT_INTERRUPTED, EXIT_OK } from '../output/failure.ts'
import { jsonLine } from '../output/listing.ts'
import { openProgress } from '../output/progress.ts'
import { formatBytes, plural } from '../output/quantities.ts'
import { note, type Terminal, write } from '../output/terminal.ts'

/** Looks after a store until nothing is due. A partition that fails is told, and the others are done. */
export async function maintain(
  store: Embedded,
  settings: MaintainStore & { readonly json?: boolean },
  terminal: Terminal,
): Promise<number> {
  const sofar = { partitions: 0, at: '', rolledBytes: 0, deletedObjects: 0 }
  const troubles: unknown[] = []
  /** Each once, though it may be told twice. */
  const lost = new Map<string, Extract<Progress, { kind: 'lost' }>>()
  const report = (progress: Progress) => {
    if (progress.kind === 'visited') {
      sofar.partitions += 1
      sofar.at = `${progress.topic}/${progress.partition}`
      sofar.rolledBytes += progress.rolledBytes
    } else if (progress.kind === 'deleted') sofar.deletedObjects += progress.objects
    else if (progress.kind === 'lost')
      lost.set(`${progress.topic}/${progress.partition}: ${progress.error.message}`, progress)
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
  const told = [...lost].map(([key, { topic, partition, error }]) => ({
    line: `lost: ${key}\n`,
    json: jsonLine('lost', { topic, partition, message: error.message }),
  }))
  // A round and a visit may fail for the same.
  const failures = new Map(done.failed.map(each => [`${each.topic}/${each.partition}: ${each.reason}`, each]))
  for (const [key, failed] of failures)
    told.push({ line: `failed: ${key}\n`, json: jsonLine('failed', failed) })
  for (const { line, json } of told) await write(terminal, settings.json ? json : line)
  for (const trouble of troubles) {
    const words = describeAside('tidemark: a part of it failed', trouble, false)
    if (settings.json) await write(terminal, jsonLine('trouble', { message: words }))
    else note(terminal, words)
  }
  if (settings.json) {
    const { failed: _, goesOnAt: __, halfDone: ___, ...sums } = done
    const counts = { failed: failures.size, lost: lost.size, troubles: troubles.length }
    await write(terminal, jsonLine('summary', { ...sums, ...counts }))
  } else tellSums(done, terminal)
  if (!done.isDone && terminal.interrupted.aborted) {
    note(terminal, 'interrupted: the next run goes on')
    return EXIT_INTERRUPTED
  }
  return done.failed.length + troubles.length === 0 ? EXIT_OK : EXIT_FAILURE
}

function tellSums(done: Awaited<ReturnType<typeof maintainStore>>, terminal: Terminal): void {
  note(
    terminal,
    `rolled ${formatBytes(done.rolledBytes)}, merged ${formatBytes(done.mergedBytes)}; ` +
      `compaction took out ${formatBytes(done.compactedBytes)}, retention ${formatBytes(done.expiredBytes)}; ` +
      `deleted ${plural(done.deletedObjects, 'object')}`,
  )
  if (done.strays === 0) return
  note(
    terminal,
    `${plural(done.strays, 'object')} that nothing named will be deleted once nobody can be reading them`,
  )
}
