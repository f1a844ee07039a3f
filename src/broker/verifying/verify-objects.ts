import { ORPHAN_AGE_MS } from '../../core/limits.ts'
import { parseSegmentKey } from '../../core/storage-layout.ts'
import type { Ports } from '../../ports/index.ts'
import { type Finding, leftover, type VerifySummary } from './finding.ts'
import type { ReferredObjects } from './referred-objects.ts'

/** How far the clocks of an index and of its objects may be apart. */
const CLOCKS_APART_MS = 300_000

/** What nothing refers to, counted. */
class Orphans {
  count = 0
  bytes = 0
  /** Of them, those that are older than the index. */
  older = 0
  olderBytes = 0
}

/**
 * Tells what nothing refers to, of objects that were there before the index was looked at.
 * @param createdMs when the index was made; null: before stores said so; undefined: nobody asks
 */
export async function* verifyObjects(
  ports: Ports,
  referred: ReferredObjects,
  summary: VerifySummary,
  startedMs: number,
  createdMs: number | null | undefined,
): AsyncGenerator<Finding> {
  const orphans = new Orphans()
  for await (const { key, bytes, modifiedMs } of ports.objects.list()) {
    summary.objects += 1
    // A younger one may belong to a commit under way, or to one since the index was looked at.
    if (startedMs - modifiedMs < ORPHAN_AGE_MS) continue
    const id = parseSegmentKey(key)
    if (id !== undefined && (referred.isFull || referred.has(id))) continue
    summary.orphanBytes += bytes
    yield leftover(
      key,
      `${id === undefined ? 'is not a name of ours' : 'nothing refers to it'} (${bytes} bytes)`,
    )
    if (id === undefined) continue
    orphans.count += 1
    orphans.bytes += bytes
    if (typeof createdMs !== 'number' || modifiedMs >= createdMs - CLOCKS_APART_MS) continue
    orphans.older += 1
    orphans.olderBytes += bytes
  }
  if (referred.isFull) {
    yield leftover(
      'the store',
      'it refers to too many objects to tell which are left over; all else was checked',
    )
  }
  const suspicion = suspect(orphans, summary.topics, createdMs)
  if (suspicion !== undefined) yield { severity: 'suspicious', place: 'the index', problem: suspicion }
}

/**
 * What neither crashes nor deletions explain. Both leave objects that are younger than the index in which something has
 * referred to them.
 */
function suspect(
  { count, bytes, older, olderBytes }: Orphans,
  topics: number,
  createdMs: number | null | undefined,
): string | undefined {
  if (createdMs === undefined) return undefined
  if (createdMs !== null) {
    if (older === 0) return undefined
    return `${older} objects (${olderBytes} bytes) that nothing refers to are older than it: has an index been lost?`
  }
  if (topics > 0 || count === 0) return undefined
  return (
    `it has no topic, and ${count} objects (${bytes} bytes) are there: has an index been lost? (Where all ` +
    'topics have been deleted, this is what they have left)'
  )
}
