import { ORPHAN_AGE_MS } from '../../core/limits.ts'
import {
  DELETED_TOPICS_PREFIX,
  parseIngestKey,
  parseLogObjectKey,
  parseStartMarkerKey,
} from '../../core/storage-layout.ts'
import type { Ports } from '../../ports/index.ts'
import type { ObjectInfo } from '../../ports/object-store.ts'
import type { TopicItem } from '../../ports/topic-store.ts'
import { type Finding, leftover, type VerifySummary } from './finding.ts'
import { LogObjects } from './log-objects.ts'
import type { ReferredObjects } from './referred-objects.ts'

/** How far the clocks of an index and of its objects may be apart. */
const CLOCKS_APART_MS = 300_000

/** What was known before the objects are looked at. */
export interface ObjectsCheck {
  readonly ports: Ports
  readonly topics: ReadonlyMap<string, TopicItem>
  readonly referred: ReferredObjects
  readonly summary: VerifySummary
  /** Objects that were there before the index was looked at are looked at. */
  readonly startedMs: number
  /** When the index was made; null: before stores said so; undefined: nobody asks. */
  readonly createdMs: number | null | undefined
}

/** What nothing refers to, counted. */
class Orphans {
  count = 0
  bytes = 0
  /** Of them, those that are older than the index. */
  older = 0
  olderBytes = 0
  /** Not of them: what a rebuilt index does not know of, and nobody may remove yet. */
  held = 0
  heldBytes = 0
}

/** Tells what nothing refers to, of objects that were there before the index was looked at. */
export async function* verifyObjects(check: ObjectsCheck): AsyncGenerator<Finding> {
  const { ports, referred, summary, startedMs } = check
  const orphans = new Orphans()
  const ingest = await ports.upkeep.readIngest()
  const logObjects = new LogObjects(ports, check.topics)
  for await (const object of ports.objects.list()) {
    summary.objects += 1
    const { key, bytes, modifiedMs } = object
    // A younger one may belong to a commit under way, or to one since the index was looked at.
    if (startedMs - modifiedMs < ORPHAN_AGE_MS) continue
    const found = parseIngestKey(key)
    if (found) {
      if (referred.isFull || referred.has(found.object)) continue
      if (ingest && found.epoch < ingest.heldBelow) {
        orphans.held += 1
        orphans.heldBytes += bytes
      }
      // Those of an epoch go together, also what was left over in it.
      else if (!ingest || found.epoch < ingest.swept)
        yield orphan(object, 'nothing refers to it', check, orphans)
    } else if (parseLogObjectKey(key) || parseStartMarkerKey(key)) {
      for (const lost of await logObjects.look(object))
        yield orphan(lost, 'no item and no note names it', check, orphans)
    } else if (!key.startsWith(DELETED_TOPICS_PREFIX)) {
      summary.orphanBytes += bytes
      yield leftover(key, `is not a name of ours (${bytes} bytes)`)
    }
  }
  for (const lost of await logObjects.finish())
    yield orphan(lost, 'no item and no note names it', check, orphans)
  if (referred.isFull) {
    yield leftover(
      'the store',
      'it refers to too many objects to tell which are left over; all else was checked',
    )
  }
  if (orphans.held > 0) {
    summary.orphanBytes += orphans.heldBytes
    yield leftover(
      'the store',
      `${orphans.held} objects (${orphans.heldBytes} bytes) are held since the index was made anew: ` +
        '"tidemark maintain --release" lets them go',
    )
  }
  const suspicion = suspect(orphans, summary.topics, check.createdMs)
  if (suspicion !== undefined) yield { severity: 'suspicious', place: 'the index', problem: suspicion }
}

function orphan(
  { key, bytes, modifiedMs }: ObjectInfo,
  problem: string,
  { summary, createdMs }: ObjectsCheck,
  orphans: Orphans,
): Finding {
  summary.orphanBytes += bytes
  orphans.count += 1
  orphans.bytes += bytes
  if (typeof createdMs === 'number' && modifiedMs < createdMs - CLOCKS_APART_MS) {
    orphans.older += 1
    orphans.olderBytes += bytes
  }
  return leftover(key, `${problem} (${bytes} bytes)`)
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
