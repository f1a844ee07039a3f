import { TidemarkError, type Written } from '../core/errors.ts'
import { blockEnd } from '../core/log/block.ts'
import { type IndexEntry, placeEntries } from '../core/log/entry.ts'
import { findInTail, type Head } from '../core/log/head.ts'
import type { PartitionId } from '../core/log/partition-id.ts'
import { advance, type Offset, toOffset } from '../core/numbers.ts'
import type { Ports } from '../ports/index.ts'
import { OutcomeUnknown } from '../ports/outcome.ts'
import { backoffMs, isTransient, timedOut } from './retry.ts'
import { asTidemarkError } from './store-errors.ts'

/** Blocks that one look-up reads at a time. */
const BLOCKS_PER_READ = 16

export interface AppendedEntry {
  readonly baseOffset: Offset
  /** The head after the append, or as it was found later. */
  readonly head: Head
}

/** A head did not take an entry because of the idempotent producers in it: `judgeRun` says of each what is wrong. */
export class SequenceRefused extends Error {
  override readonly name = 'SequenceRefused'
  readonly head: Head
  /** `unknown` while an earlier try may land yet, should the log get what is missing before. */
  readonly written: Written

  constructor(head: Head, written: Written) {
    super('what the entry holds does not follow on what the log has of its producers')
    this.head = head
    this.written = written
  }
}

/**
 * Appends an entry exactly once, whatever happens to single tries, and tells the offset it got. This loop
 * is the only retry: a try below it that repeats itself blindly would not know what it has to look for.
 *
 * @param seen a nextOffset that the caller knew before this call
 * @throws TidemarkError UNKNOWN_TOPIC_OR_PARTITION, or REQUEST_TIMED_OUT at the deadline; `written` tells
 *   whether the entry may be in the log
 * @throws SequenceRefused when the log does not take it
 */
export async function appendEntry(
  ports: Ports,
  partition: PartitionId,
  entry: IndexEntry,
  seen: Offset,
  deadlineMs: number,
): Promise<AppendedEntry> {
  let knownOffset = seen
  let written: Written = 'no'
  for (let failures = 0; ; ) {
    try {
      const outcome = await ports.index.append(partition, entry, knownOffset)
      if (outcome.kind === 'missing') throw partitionGone(written)
      const { head } = outcome
      if (outcome.kind === 'appended') {
        return { baseOffset: advance(head.nextOffset, -entry.records), head }
      }
      const inTail = findInTail(head, entry.id)
      if (inTail !== undefined) return { baseOffset: inTail, head }
      // Nothing else is left that it can have been.
      if (head.tailOffset <= knownOffset) throw new SequenceRefused(head, written)
      // From here on no earlier try can land any more: tailOffset is above what it had seen, and only grows.
      if (written === 'unknown') {
        const inBlocks = await findInBlocks(ports, partition, entry.id, knownOffset, head)
        if (inBlocks !== undefined) return { baseOffset: inBlocks, head }
        written = 'no'
      }
      knownOffset = head.nextOffset
      // No pause: somebody else has made headway. But not for ever.
      if (ports.clock.nowMs() >= deadlineMs) throw timedOut(new Error('others kept moving the tail'), written)
    } catch (error) {
      if (!isTransient(error)) throw asTidemarkError(error, written)
      if (error instanceof OutcomeUnknown) written = 'unknown'
      const pauseMs = backoffMs(failures, ports.entropy)
      if (ports.clock.nowMs() + pauseMs >= deadlineMs) throw timedOut(error, written)
      failures += 1
      await ports.clock.sleep(pauseMs)
    }
  }
}

/** Looks for an entry that may have left the tail: it can only stand at or after what its writer had seen. */
async function findInBlocks(
  ports: Ports,
  partition: PartitionId,
  entryId: string,
  from: Offset,
  head: Head,
): Promise<Offset | undefined> {
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

/** What an append says where there is no head. */
export function partitionGone(written: Written): TidemarkError {
  return new TidemarkError(
    'UNKNOWN_TOPIC_OR_PARTITION',
    'The partition does not exist, or its topic was deleted meanwhile. Create the topic, then try again.',
    written,
  )
}

function lookUpGone(): TidemarkError {
  return new TidemarkError(
    'REQUEST_TIMED_OUT',
    'A try timed out, and the part of the log where its records would be has been deleted since.',
    'unknown',
  )
}
