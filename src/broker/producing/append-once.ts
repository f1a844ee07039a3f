import { TidemarkError, type Written } from '../../core/errors.ts'
import { blockEnd } from '../../core/log/block.ts'
import { mayLookUp } from '../../core/log/changes/append.ts'
import type { Cut } from '../../core/log/changes/cut.ts'
import { entryEpoch, type IndexEntry, placeEntries } from '../../core/log/entry.ts'
import { findInTail, type Head } from '../../core/log/head.ts'
import { type FlushedProducer, stateOf } from '../../core/log/producers/flushed-producer.ts'
import { isNext, type SequenceStep, sequenceSteps } from '../../core/log/producers/producer-state.ts'
import { advance, type Offset, toOffset } from '../../core/numbers.ts'
import type { PartitionId } from '../../core/topic/partition-id.ts'
import type { Ports } from '../../ports/index.ts'
import { NoRoom, NotApplied, OutcomeUnknown } from '../../ports/outcome.ts'
import { asTidemarkError } from '../../ports/store-errors.ts'
import { makeRoom } from '../settling/make-room.ts'
import { readRetired } from '../settling/retired-producers.ts'
import { inTime, isTransient, pauseBeforeRetry, retryUntil, timedOut } from '../store-calls/retry.ts'
import { partitionGone } from '../topics/topic-directory.ts'

const BLOCKS_PER_READ = 16

export interface AppendedEntry {
  readonly baseOffset: Offset
  /** The head after the append, or as it was found later. */
  readonly head: Head
}

/** What a writer knows of a head as it once was. */
export type SeenHead = Pick<Head, 'nextOffset' | 'producers'>

/** What is known outside of the head of the producers that it does not know. */
type Retired = ReadonlyMap<bigint, FlushedProducer | undefined>

/** A log does not take an entry because of the idempotent producers in it: `judgeRun` says of each what is wrong. */
export class SequenceRefused extends Error {
  override readonly name = 'SequenceRefused'
  readonly head: Head
  /** Read after that head. */
  readonly retired: Retired
  /** `unknown` while an earlier try may land yet, should the log get what is missing before. */
  readonly written: Written

  constructor(head: Head, retired: Retired, written: Written) {
    super('what the entry holds does not follow on what the log has of its producers')
    this.head = head
    this.retired = retired
    this.written = written
  }
}

/**
 * A log takes no entry any more whose object is of so old an epoch, and never will: neither this try nor an earlier one is
 * in it. Its bytes have to come anew, in an object of a later epoch.
 */
export class EpochRefused extends Error {
  override readonly name = 'EpochRefused'
  readonly head: Head

  constructor(head: Head) {
    super('the log takes no more entries of this epoch')
    this.head = head
  }
}

/**
 * Appends an entry exactly once, whatever happens to single tries, and tells the offset it got. This loop
 * is the only retry: a try below it that repeats itself blindly would not know what it has to look for.
 *
 * A producer that the seen head does not know may be new, or have been retired: its item says so, and the append is
 * told to take it although the head does not know it (a newcomer). That is safe because the item is read after a head
 * without the producer was seen, and the append holds only while tailOffset <= that head's nextOffset. For suppose
 * that the producer had anything in the log that the item does not tell. If it came after the seen head, it stands at
 * or behind that head's nextOffset; that the head does not know the producer again means that it was retired since,
 * hence that its entries have left the tail, hence that tailOffset is behind them, and the append does not hold. If it
 * came before the seen head, so did its retirement, and before that the put of its item, which the read saw. The same
 * keeps out a late try: once another has brought the producer back, it does not follow, and never will.
 *
 * So both matter: that the head which was seen does not know the producer (its nextOffset alone, known beforehand, would
 * let one be retired between look and append), and that the item is read afterwards.
 *
 * @param seen a head as it was at some time before this call
 * @param cut what leaves the tail in the same step, if the tail is still the block's: only the first try asks for it
 * @throws TidemarkError UNKNOWN_TOPIC_OR_PARTITION, or REQUEST_TIMED_OUT at the deadline; `written` tells
 *   whether the entry may be in the log
 * @throws SequenceRefused when the log does not take it; EpochRefused when it takes no object of its epoch any more
 */
export async function appendEntry(
  ports: Ports,
  partition: PartitionId,
  entry: IndexEntry,
  seen: SeenHead,
  deadlineMs: number,
  cut?: Cut,
): Promise<AppendedEntry> {
  const steps = sequenceSteps(entry.producers)
  let known = seen
  /** The known head, where this call has seen it. */
  let current: Head | undefined
  let retired: Retired | undefined
  let written: Written = 'no'
  let cutting = cut
  for (let failures = 0; ; ) {
    if (!retired) {
      const unknown = steps?.filter(({ producerId }) => !known.producers.has(producerId)) ?? []
      const producerIds = unknown.map(({ producerId }) => producerId)
      retired = await readRetired(ports, partition, producerIds, deadlineMs, written)
      if (!followOn(unknown, retired)) {
        if (current) throw new SequenceRefused(current, retired, written)
        // The head that was seen may be long gone, and somebody else have brought what seems to be missing.
        current = await readHead(ports, partition, deadlineMs)
        known = current
        retired = undefined
        continue
      }
    }
    const cutNow = cutting
    cutting = undefined
    try {
      const newcomers = new Set(retired.keys())
      if (ports.clock.monotonicMs() >= deadlineMs) throw timedOut(new NotApplied('its time is over'), written)
      const append = ports.index.append(partition, entry, known.nextOffset, newcomers, cutNow)
      const outcome = await inTime(ports.clock, deadlineMs, append)
      if (outcome.kind === 'missing') throw partitionGone(written)
      const { head } = outcome
      if (outcome.kind === 'appended') {
        return { baseOffset: advance(head.nextOffset, -entry.span), head }
      }
      const inTail = findInTail(head, entry.id)
      if (inTail !== undefined) return { baseOffset: inTail, head }
      const hasMoved = head.tailOffset > known.nextOffset
      if (hasMoved && written === 'unknown') {
        // From here on no earlier try can land any more: tailOffset is above what it had seen, and only grows.
        const looking = findInBlocks(ports, partition, entry.id, known.nextOffset, head)
        const inBlocks = await inTime(ports.clock, deadlineMs, looking)
        if (inBlocks !== undefined) return { baseOffset: inBlocks, head }
        written = 'no'
      }
      // Nor can one below the floor, which only grows: what the tail does not show, nor the blocks since, is not there.
      if (entryEpoch(entry) < head.appendFloor) throw new EpochRefused(head)
      // One that was to cut the tail may have been refused for that alone.
      if (!cutNow && !hasMoved && !steps?.every(step => isNext(head.producers.get(step.producerId), step))) {
        throw new SequenceRefused(head, retired, written)
      }
      // What remains is a tail that has moved, or a producer that was retired since the known head. This one shows
      // that no try has landed before it; one that does later stands behind its nextOffset. So it may be what is known.
      known = head
      current = head
      retired = undefined
      // No pause: somebody else has made headway.
    } catch (error) {
      if (!isTransient(error)) throw asTidemarkError(error, written)
      if (error instanceof OutcomeUnknown) written = 'unknown'
      // Others have filled it. No pause makes room, only a flush does.
      // Whatever becomes of that: the next try tells.
      if (error instanceof NoRoom) await makeRoom(ports, partition, deadlineMs).catch(() => {})
      if (!(await pauseBeforeRetry(ports, failures, deadlineMs))) throw timedOut(error, written)
      failures += 1
    }
  }
}

/** Whether each step follows on what is known outside of the head. */
function followOn(steps: readonly SequenceStep[], retired: Retired): boolean {
  return steps.every(step => {
    const producer = retired.get(step.producerId)
    return isNext(producer && stateOf(producer), step)
  })
}

async function readHead(ports: Ports, partition: PartitionId, deadlineMs: number): Promise<Head> {
  const head = await retryUntil(ports, deadlineMs, 'no', () => ports.index.readHead(partition))
  if (!head) throw partitionGone('no')
  return head
}

/** Looks for an entry that may have left the tail: it can only stand at or after what its writer had seen. */
async function findInBlocks(
  ports: Ports,
  partition: PartitionId,
  entryId: string,
  from: Offset,
  head: Head,
): Promise<Offset | undefined> {
  // What has settled has no ids any more.
  if (!mayLookUp(head, from)) throw lookUpGone()
  let offset = from
  while (offset < head.tailOffset) {
    const before = offset
    for (const block of await ports.index.readBlocks(partition, offset, BLOCKS_PER_READ)) {
      // Blocks do not go all at once: between two that are left there may be a gap.
      if (block.baseOffset > offset) throw lookUpGone()
      const found = placeEntries(block.baseOffset, block.entries).find(({ entry }) => entry.id === entryId)
      if (found) return found.baseOffset
      offset = toOffset(Math.max(offset, blockEnd(block)))
    }
    if (offset === before) throw lookUpGone()
  }
  return undefined
}

function lookUpGone(): TidemarkError {
  return new TidemarkError(
    'REQUEST_TIMED_OUT',
    'A try timed out, and the part of the log where its records would be has been settled or deleted since.',
    'unknown',
  )
}
