import { compareKeys } from '../../core/key-order.ts'
import { INGEST_PREFIX, SEGMENT_PREFIX } from '../../core/storage-layout.ts'
import type { ObjectInfo } from '../../ports/object-store.ts'
import type { IngestId, IngestTables, Rows } from './ingest-tables.ts'

/** A part of the keys that begin so: of some epochs, behind an id. */
interface Part {
  readonly after: IngestId
  readonly lastEpoch: number
}

const EPOCH_DIGITS = 10
const ID_BYTES = 16

/** Objects in packs whose keys begin so and sort below `below`, in their order. */
export async function* listPacked(
  rows: Rows,
  tables: IngestTables,
  prefix: string,
  below: string | undefined,
): AsyncGenerator<ObjectInfo> {
  for (const { after, lastEpoch } of partsOf(prefix)) {
    for (let last: IngestId | undefined = after; last !== undefined; ) {
      const from: IngestId = last
      const page = await rows.read(() => tables.pageOfPacked(from, lastEpoch))
      for (const { info } of page) {
        const isBehind = !info.key.startsWith(prefix) && compareKeys(info.key, prefix) > 0
        if (isBehind || (below !== undefined && compareKeys(info.key, below) >= 0)) return
        if (info.key.startsWith(prefix)) yield info
      }
      last = page.at(-1)?.id
    }
  }
}

/** In the order of their keys. What they leave out does not begin so; what else does not, they may have. */
function partsOf(prefix: string): Part[] {
  const parts: Part[] = []
  const [, epoch, folder = '', id = ''] =
    (INGEST_PREFIX.startsWith(prefix) ? ['', ''] : /^ingest\/(\d*)(?:\/([^/]*)(?:\/(.*))?)?$/.exec(prefix)) ??
    []
  if (epoch !== undefined && epoch.length <= EPOCH_DIGITS) {
    const first = Math.max(1, Number(epoch.padEnd(EPOCH_DIGITS, '0')))
    const isWhole = epoch.length === EPOCH_DIGITS
    parts.push({
      after: [first, isWhole ? idBefore(folder, id) : Buffer.of()],
      lastEpoch: Number(epoch.padEnd(EPOCH_DIGITS, '9')),
    })
  }
  if (SEGMENT_PREFIX.startsWith(prefix) || prefix.startsWith(SEGMENT_PREFIX)) {
    const [folder = '', id = ''] = prefix.slice(SEGMENT_PREFIX.length).split('/')
    parts.push({ after: [0, idBefore(folder, id)], lastEpoch: 0 })
  }
  return parts
}

/** What sorts before all ids that begin so, as far as whole bytes of it are known. */
function idBefore(folder: string, id: string): Uint8Array {
  // Shorter than any id: it sorts before the one that begins with it.
  return Buffer.from(id.length > folder.length ? id : folder, 'hex').subarray(0, ID_BYTES - 1)
}
