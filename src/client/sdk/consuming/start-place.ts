import type { Broker, CallOptions, PartitionOffsets } from '../../../contract/broker.ts'
import { TidemarkError } from '../../../core/errors.ts'
import { type Offset, toOffset } from '../../../core/numbers.ts'
import { startTimeProblem } from '../../../core/times.ts'
import { given, shown } from '../arguments.ts'
import { checkNumbers } from '../number-options.ts'

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

/** Whether a place is counted from the end: for what is old to who begins to read. */
export function isFromEnd(place: StartPlace): boolean {
  return place === 'latest' || (typeof place === 'object' && 'fromEnd' in place)
}

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

/** @throws TidemarkError INVALID_REQUEST for what is no place, numbers that cannot be, times that cannot be meant */
export function checkStartPlace(place: StartPlace): void {
  if (place === 'earliest' || place === 'latest') return
  const names = Object.keys(given(place, "'earliest', 'latest', or an offset or a time"))
  if (names.length !== 1 || !['offset', 'fromEnd', 'timestampMs'].includes(names[0]!)) {
    const message = `${shown(place)} is no place to begin: give offset, fromEnd or timestampMs, a number.`
    throw new TidemarkError('INVALID_REQUEST', message)
  }
  checkNumbers('from', place, { offset: {}, fromEnd: {} })
  if (!('timestampMs' in place)) return
  const problem = startTimeProblem(place.timestampMs, Date.now())
  if (problem === undefined) return
  throw new TidemarkError('INVALID_REQUEST', `timestampMs ${shown(place.timestampMs)} ${problem}.`)
}
