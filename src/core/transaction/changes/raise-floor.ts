import { entryEpoch } from '../../log/entry.ts'
import type { Transaction } from '../transaction.ts'

/** Has no object of an older epoch staged from then on; the very same where the floor is as high. */
export function withFloor(standing: Transaction, floor: number): Transaction {
  return standing.floor >= floor ? standing : { ...standing, floor }
}

/** The oldest ingest epoch of an object that is staged, in chunks too; undefined: none is. */
export function oldestEpoch({ partitions, chunks }: Transaction): number | undefined {
  const staged = partitions.flatMap(({ runs }) => runs.map(entryEpoch))
  const oldest = Math.min(...staged, ...chunks.map(chunk => chunk.oldestEpoch ?? Number.POSITIVE_INFINITY))
  return Number.isFinite(oldest) ? oldest : undefined
}
