import type { Broker, CallOptions, PartitionOffsets } from '../../../contract/broker.ts'
import { type Offset, toOffset } from '../../../core/numbers.ts'

/** Where reading begins, the same for every partition. */
export type StartPlace =
  | 'earliest'
  | 'latest'
  /** Where it is gone or still to come: the first record that there is, or the end. */
  | { offset: number }
  /** So many records before the end. */
  | { fromEnd: number }
  /** The first record of this time or a later one; the end where there is none. */
  | { timestampMs: number }

/** An offset that was asked for, and the one that there is. */
export interface FoundStart {
  wanted: number
  offset: Offset
}

/**
 * Where in a partition a place lies.
 * @param known where the partition begins and ends, if somebody knows it
 * @throws TidemarkError UNKNOWN_TOPIC_OR_PARTITION
 */
export async function findStart(
  broker: Broker,
  { topic, partition }: { topic: string; partition: number },
  place: StartPlace,
  known?: PartitionOffsets,
  call?: CallOptions,
): Promise<FoundStart> {
  const find = async (at: 'earliest' | 'latest') => {
    if (known) return at === 'earliest' ? known.startOffset : known.endOffset
    return (await broker.offsetFor({ topic, partition, at }, call)).offset ?? toOffset(0)
  }
  if (place === 'earliest' || place === 'latest') {
    const offset = await find(place)
    return { wanted: offset, offset }
  }
  if ('timestampMs' in place) {
    const found = await broker.offsetFor({ topic, partition, at: place }, call)
    // No record is that young: whatever comes next is.
    const offset = found.offset ?? (await find('latest'))
    return { wanted: offset, offset }
  }
  const [first, end] = await Promise.all([find('earliest'), find('latest')])
  const wanted = 'offset' in place ? place.offset : Math.max(first, end - place.fromEnd)
  return { wanted, offset: toOffset(Math.min(Math.max(wanted, first), end)) }
}
