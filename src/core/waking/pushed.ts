import { cutRun } from '../batches/batch-run.ts'
import { copyBytes } from '../bytes.ts'
import { WAKE_RECORDS_BYTES_MAX } from '../limits.ts'
import { placeEntries } from '../log/entry.ts'
import type { Head } from '../log/head.ts'
import { advance, type Offset } from '../numbers.ts'

/**
 * The batches from an offset to a log's end, as a fetch brings them: where a head has all of them, and they are few. Undefined where
 * they are to be fetched, as where something is wrong with them: the fetch tells.
 */
export function pushedFrom({ startOffset, tailOffset, tail }: Head, from: Offset): Uint8Array | undefined {
  if (from < startOffset || from < tailOffset) return undefined
  const runs: Uint8Array[] = []
  let bytes = 0
  for (const { baseOffset, entry } of placeEntries(tailOffset, tail)) {
    if (advance(baseOffset, entry.span) <= from) continue
    const { place } = entry
    if (place.kind !== 'inline') return undefined
    bytes += place.payload.length
    if (bytes > WAKE_RECORDS_BYTES_MAX) return undefined
    // A copy: offsets are filled in.
    const run = cutWhole(copyBytes(place.payload), baseOffset, from)
    if (!run) return undefined
    runs.push(run)
  }
  return runs.length > 0 ? Buffer.concat(runs) : undefined
}

function cutWhole(run: Uint8Array, baseOffset: Offset, from: Offset): Uint8Array | undefined {
  try {
    const wanted = { from, maxBytes: WAKE_RECORDS_BYTES_MAX, atLeastOne: true }
    const { batches, isWhole } = cutRun(run, baseOffset, wanted)
    return isWhole ? batches : undefined
  } catch {
    return undefined
  }
}
