import {
  EPOCH_TRIES_MAX,
  FLUSH_READ_MS_MAX,
  PRODUCERS_RETIRED_MAX,
  TAIL_INLINE_SOFT_BYTES_MAX,
} from '../../core/limits.ts'
import type { Block } from '../../core/log/block.ts'
import { countInlineBytes, type IndexEntry } from '../../core/log/entry.ts'
import type { Head } from '../../core/log/head.ts'
import { foldProducers } from '../../core/log/producers/fold-producers.ts'
import { countToFlush, type FlushAge, isDead, makeBlock, movedEpoch } from '../../core/log/tail.ts'
import { toPosition } from '../../core/numbers.ts'
import { ingestKey } from '../../core/storage-layout.ts'
import type { PartitionId } from '../../core/topic/partition-id.ts'
import type { Ports } from '../../ports/index.ts'
import { StoreFailed } from '../../ports/outcome.ts'
import { asTidemarkError } from '../../ports/store-errors.ts'
import { currentEpoch, refreshEpoch } from '../ingest/current-epoch.ts'
import { retryUntil } from '../store-calls/retry.ts'
import { putRetired } from './retired-producers.ts'

export interface FlushRequest {
  readonly partition: PartitionId
  readonly age: FlushAge
  /** The head as it was a moment ago, which saves reading it: what is out of date in it does no harm. */
  readonly head?: Head
  /** Whether small payloads stay in the block: where a write is paid by its size, a put costs as much as eight of them. */
  readonly inBlock?: boolean
}

/**
 * Moves the older part of the partitions' tails into blocks, and the inline bytes in it into one object that
 * all of them share. Every step may be repeated, by anybody: a crash after the upload leaves an object that
 * nothing refers to, a crash after a block is made up for by the next flush, which finds the block and goes on.
 *
 * Tells what became of each partition: its head after it, undefined where it is gone, or why it could not be
 * flushed by the deadline. One that cannot keeps no other from being flushed, and nothing is lost by it: the
 * next flush finishes what this one began.
 */
export async function flush(
  ports: Ports,
  requests: readonly FlushRequest[],
  deadlineMs: number,
): Promise<PromiseSettledResult<Head | undefined>[]> {
  // An object that no block will point at would be left behind, by each try anew.
  const refusal = ports.refusal?.()
  if (refusal) return requests.map(() => ({ status: 'rejected', reason: asTidemarkError(refusal) }))
  const nowMs = ports.clock.monotonicMs()
  const readByMs = Math.min(nowMs + FLUSH_READ_MS_MAX, (nowMs + deadlineMs) / 2)
  const reads = requests.map(({ partition, head }) =>
    head ? Promise.resolve(head) : retryUntil(ports, readByMs, 'no', () => ports.index.readHead(partition)),
  )
  const heads = await Promise.allSettled(reads)
  const leaving = heads.map((read, index) => {
    const head = read.status === 'fulfilled' ? read.value : undefined
    return head?.tail.slice(0, countToFlush(head, requests[index]!.age)) ?? []
  })
  // Upload before the block: a crash leaves an unreferenced object, never an entry that points nowhere.
  const staying = leaving.map((entries, index) => requests[index]!.inBlock && isSmall(entries))
  const moving = moveIntoObject(
    ports,
    leaving.map((entries, index) => (staying[index] ? [] : entries)),
    () => currentEpoch(ports, deadlineMs),
    deadlineMs,
  )
  return await Promise.allSettled(
    requests.map(async ({ partition }, index) => {
      const head = await reads[index]
      if (!head || leaving[index]!.length === 0) return head
      const moved = staying[index] ? leaving : await moving
      return await cut(ports, partition, head, moved[index]!, deadlineMs)
    }),
  )
}

function isSmall(entries: readonly IndexEntry[]): boolean {
  return countInlineBytes(entries) <= TAIL_INLINE_SOFT_BYTES_MAX
}

/** The entries as they will stand in blocks: those that were inline lie in one object that all of them share. */
async function moveIntoObject(
  ports: Ports,
  entries: readonly (readonly IndexEntry[])[],
  epochOf: () => Promise<number>,
  deadlineMs: number,
): Promise<IndexEntry[][]> {
  if (entries.flat().every(({ place }) => place.kind !== 'inline')) return entries.map(each => [...each])
  const segment = new FlushSegment(ports.entropy.id(), await epochOf())
  const moved = entries.map(each => each.map(entry => segment.place(entry)))
  await retryUntil(ports, deadlineMs, 'no', () => ports.objects.put(ingestKey(segment), segment.chunks))
  return moved
}

/**
 * Puts the block that the entries become, and takes what it holds out of the tail. The block that stands there decides what
 * leaves, whoever has put it, unless it is dead: no cut by it can ever hold, since the log takes no bytes of so old an epoch
 * any more. Ours may be so, too, where an epoch has ended meanwhile: then its bytes come anew.
 */
async function cut(
  ports: Ports,
  partition: PartitionId,
  seen: Head,
  entries: readonly IndexEntry[],
  deadlineMs: number,
): Promise<Head | undefined> {
  const insist = <T>(step: () => Promise<T>) => retryUntil(ports, deadlineMs, 'no', step)
  let [head, moved] = [seen, entries]
  for (let triesLeft = EPOCH_TRIES_MAX; ; triesLeft -= 1) {
    const own = makeBlock(head, moved)
    let block = await insist(() => ports.index.putBlock(partition, own))
    if (isDead(head, block)) block = await insist(() => ports.index.putBlock(partition, own, block))
    const after = await trim(ports, partition, head, block, deadlineMs)
    if (after && after.settled.settledOffset > block.baseOffset) {
      // It came late: what it holds has settled already, and nobody needs it. Who only produces may not remove anything, and leaves
      // it to the next roll or round.
      await insist(() => removeSettledBlocks(ports, partition, after))
    }
    if (!after || !isDead(after, block) || triesLeft === 0) return after
    head = after
    if (isDead(after, own)) {
      const fresh = [after.tail.slice(0, moved.length)]
      const [anew] = await moveIntoObject(ports, fresh, () => refreshEpoch(ports, deadlineMs), deadlineMs)
      moved = anew!
    }
  }
}

async function removeSettledBlocks(
  { index }: Ports,
  partition: PartitionId,
  { settled }: Head,
): Promise<void> {
  try {
    await index.removeBlocksBelow(partition, settled.settledOffset)
  } catch (error) {
    if (!(error instanceof StoreFailed)) throw error
  }
}

/**
 * Takes a block's entries out of the tail, unless somebody has. A producer that was to leave the head may go on just
 * then, and with many of them one always does: so the next try takes out fewer, and the last one nobody. A head that is
 * older than the block does not show where all of its entries were, which then count as of the oldest epoch: the next try
 * goes by the head as it is.
 *
 * A producer's item stands before it leaves the head. A crash in between leaves an item of a producer that the head
 * knows, and the head's word goes first; when it is retired after all, the item is brought up to date.
 */
async function trim(
  ports: Ports,
  partition: PartitionId,
  seen: Head,
  block: Block,
  deadlineMs: number,
): Promise<Head | undefined> {
  const insist = <T>(step: () => Promise<T>) => retryUntil(ports, deadlineMs, 'no', step)
  let head: Head = seen
  for (let retiredMax = PRODUCERS_RETIRED_MAX; ; ) {
    const changes = foldProducers(head, block, retiredMax)
    await putRetired(ports, partition, changes.retired, deadlineMs)
    const epoch = movedEpoch(head, block)
    const trimmed = await insist(() => ports.index.trimTail(partition, block, changes, epoch))
    if (trimmed) return trimmed
    const now = await insist(() => ports.index.readHead(partition))
    if (now?.tailOffset !== block.baseOffset || isDead(now, block)) return now
    if (movedEpoch(now, block) === epoch) {
      if (changes.retired.size === 0) return now
      retiredMax = Math.floor(retiredMax / 8)
    }
    head = now
  }
}

/** The object that a flush writes: the inline payloads, one after the other. */
class FlushSegment {
  readonly object: string
  readonly epoch: number
  readonly chunks: Uint8Array[] = []
  #bytes = 0

  constructor(object: string, epoch: number) {
    this.object = object
    this.epoch = epoch
  }

  /** The entry as it will stand in the block: it keeps its id, so that a retry still finds itself. */
  place(entry: IndexEntry): IndexEntry {
    if (entry.place.kind !== 'inline') return entry
    const { object, epoch } = this
    const position = toPosition(this.#bytes)
    this.chunks.push(entry.place.payload)
    this.#bytes += entry.bytes
    return { ...entry, place: { kind: 'object', object, epoch, position } }
  }
}
