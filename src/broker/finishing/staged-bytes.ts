import { MarkTracker } from '../../core/batches/batch-run.ts'
import { TidemarkError } from '../../core/errors.ts'
import { COMMIT_BYTES_MAX } from '../../core/limits.ts'
import { countBytes, type IndexEntry, spanOf } from '../../core/log/entry.ts'
import { toPosition } from '../../core/numbers.ts'
import { batchSizeBytes, batchSpan } from '../../core/record/batch-header.ts'
import { gatherSmallChunks } from '../../core/segment/chunks.ts'
import { ingestKey } from '../../core/storage-layout.ts'
import type { Ports } from '../../ports/index.ts'
import { refreshEpoch } from '../ingest/current-epoch.ts'
import { fewAtATime } from '../store-calls/few-at-a-time.ts'
import { retryUntil } from '../store-calls/retry.ts'

const READS_PARALLEL = 16

/** Stores an object of the ingest epoch, and tells its id. @throws TidemarkError REQUEST_TIMED_OUT at the deadline */
export async function putStaged(
  ports: Ports,
  epoch: number,
  chunks: readonly Uint8Array[],
  deadlineMs: number,
): Promise<string> {
  const object = ports.entropy.id()
  await retryUntil(ports, deadlineMs, 'no', async () => {
    // Before an object is stored that no entry would point at.
    const refusal = ports.refusal?.()
    if (refusal) throw refusal
    await ports.objects.put(ingestKey({ epoch, object }), chunks)
  })
  return object
}

/**
 * The bytes of entries of one producer, in objects of the newest ingest epoch, in as few entries as can be: whoever reads them then
 * needs few, and a head has room for them. The old objects go with their epochs, which this transaction has held until now.
 * @param entries whose numbers follow one another
 */
export async function bringAnew(
  ports: Ports,
  entries: readonly IndexEntry[],
  deadlineMs: number,
): Promise<IndexEntry[]> {
  const epoch = await refreshEpoch(ports, deadlineMs)
  const brought: IndexEntry[] = []
  for (const together of ofCommits(entries)) {
    // Of all bytes of a large transaction only these are in memory. Each may be in an object of its own, and all take their time.
    const chunks = await fewAtATime(together, READS_PARALLEL, entry => readBytes(ports, entry, deadlineMs))
    const object = await putStaged(ports, epoch, gatherSmallChunks(chunks), deadlineMs)
    brought.push(joined(together, chunks, object, epoch))
  }
  return brought
}

function ofCommits(entries: readonly IndexEntry[]): IndexEntry[][] {
  const commits: IndexEntry[][] = []
  let bytes = Number.POSITIVE_INFINITY
  for (const entry of entries) {
    if (bytes + entry.bytes > COMMIT_BYTES_MAX) {
      commits.push([])
      bytes = 0
    }
    commits.at(-1)!.push(entry)
    bytes += entry.bytes
  }
  return commits
}

async function readBytes(
  ports: Ports,
  { place, bytes }: IndexEntry,
  deadlineMs: number,
): Promise<Uint8Array> {
  if (place.kind === 'inline') return place.payload
  if (place.kind === 'segment') throw new Error('a staged run lies in a segment')
  const key = ingestKey(place)
  const read = await retryUntil(ports, deadlineMs, 'no', () => ports.objects.get(key, place.position, bytes))
  if (read?.length === bytes) return read
  throw new TidemarkError(
    'KAFKA_STORAGE_ERROR',
    `The object ${key} is gone, or has been cut, and with it records of a transaction that was decided.`,
    'yes',
  )
}

function joined(
  entries: readonly IndexEntry[],
  chunks: readonly Uint8Array[],
  object: string,
  epoch: number,
): IndexEntry {
  const marks = new MarkTracker()
  for (const chunk of chunks) {
    for (let position = 0; position < chunk.length; position += batchSizeBytes(chunk, position)) {
      marks.add(batchSpan(chunk, position), batchSizeBytes(chunk, position))
    }
  }
  const first = entries[0]!
  const records = entries.reduce((sum, { producers }) => sum + producers[0]!.records, 0)
  return {
    id: object,
    span: spanOf(entries),
    bytes: countBytes(entries),
    maxTimestampMs: Math.max(...entries.map(({ maxTimestampMs }) => maxTimestampMs)),
    createdMs: Math.max(...entries.map(({ createdMs }) => createdMs)),
    place: { kind: 'object', object, epoch, position: toPosition(0) },
    marks: marks.marks,
    producers: [{ ...first.producers[0]!, records }],
  }
}
