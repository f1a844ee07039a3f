import type { Wake } from '../../../core/waking/messages.ts'
import type { PartitionStream } from './partition-stream.ts'

/**
 * What became of a wake-up. `known`: it tells of nothing new. `taken`: all that it tells of it has brought. `more`: it is to be fetched.
 * `damaged`: the same, and the fetch tells of what is wrong.
 */
export type WokenRecords = 'known' | 'taken' | 'more' | 'damaged'

/**
 * Puts what a wake-up brings to what was fetched, where it goes on from there.
 * @param hasRoom whether more is wanted now
 */
export function takeWoken(
  stream: PartitionStream,
  { from, endOffset, batches }: Wake,
  hasRoom: boolean,
): WokenRecords {
  const { fetchOffset } = stream
  if (fetchOffset !== null && endOffset <= fetchOffset) return 'known'
  // One that comes late tells of less.
  if (endOffset > stream.endOffset) stream.endOffset = endOffset
  if (!batches || from !== fetchOffset || !hasRoom) return 'more'
  try {
    stream.add([batches], endOffset)
    return 'taken'
  } catch {
    return 'damaged'
  }
}
