import { FLUSH_READ_MS_MAX, PRODUCERS_RETIRED_MAX } from '../../core/limits.ts'
import type { Block } from '../../core/log/block.ts'
import type { IndexEntry } from '../../core/log/entry.ts'
import type { Head } from '../../core/log/head.ts'
import { foldProducers } from '../../core/log/producers/fold-producers.ts'
import { countToFlush, type FlushAge, makeBlock, movedEpoch } from '../../core/log/tail.ts'
import { toPosition } from '../../core/numbers.ts'
import { segmentKey } from '../../core/storage-layout.ts'
import type { PartitionId } from '../../core/topic/partition-id.ts'
import type { Ports } from '../../ports/index.ts'
import { asTidemarkError } from '../../ports/store-errors.ts'
import { retryUntil } from '../store-calls/retry.ts'
import { putRetired } from './retired-producers.ts'

export interface FlushRequest {
  readonly partition: PartitionId
  readonly age: FlushAge
  /** The head as it was a moment ago, which saves reading it: what is out of date in it does no harm. */
  readonly head?: Head
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
  const insist = <T>(step: () => Promise<T>) => retryUntil(ports, deadlineMs, 'no', step)
  const nowMs = ports.clock.monotonicMs()
  const readByMs = Math.min(nowMs + FLUSH_READ_MS_MAX, (nowMs + deadlineMs) / 2)
  const reads = requests.map(({ partition, head }) =>
    head ? Promise.resolve(head) : retryUntil(ports, readByMs, 'no', () => ports.index.readHead(partition)),
  )
  const heads = await Promise.allSettled(reads)
  const segment = new FlushSegment(ports.entropy.id())
  const leaving = heads.map((read, index) => {
    const head = read.status === 'fulfilled' ? read.value : undefined
    const count = head ? countToFlush(head, requests[index]!.age) : 0
    return head?.tail.slice(0, count).map(entry => segment.place(entry)) ?? []
  })
  // Upload before the block: a crash leaves an unreferenced object, never an entry that points nowhere.
  const { id, chunks } = segment
  const upload = chunks.length > 0 ? insist(() => ports.objects.put(segmentKey(id), chunks)) : undefined
  return await Promise.allSettled(
    requests.map(async ({ partition }, index) => {
      const head = await reads[index]
      const entries = leaving[index]!
      await upload
      if (!head || entries.length === 0) return head
      // The block that stands there decides what leaves, whoever has put it.
      const block = await insist(() => ports.index.putBlock(partition, makeBlock(head, entries)))
      return await trim(ports, partition, head, block, deadlineMs)
    }),
  )
}

/**
 * Takes a block's entries out of the tail, unless somebody has. A producer that was to leave the head may go on just
 * then, and with many of them one always does: so the next try takes out fewer, and the last one nobody.
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
  let head: Head | undefined = seen
  for (let retiredMax = PRODUCERS_RETIRED_MAX; ; retiredMax = Math.floor(retiredMax / 8)) {
    const changes = foldProducers(head, block, retiredMax)
    const moved = movedEpoch(head, block)
    await putRetired(ports, partition, changes.retired, deadlineMs)
    const trimmed = await insist(() => ports.index.trimTail(partition, block, changes, moved))
    if (trimmed) return trimmed
    head = await insist(() => ports.index.readHead(partition))
    if (head?.tailOffset !== block.baseOffset || changes.retired.size === 0) return head
  }
}

/** The object that a flush writes: the inline payloads, one after the other. */
class FlushSegment {
  readonly id: string
  readonly chunks: Uint8Array[] = []
  #bytes = 0

  constructor(id: string) {
    this.id = id
  }

  /** The entry as it will stand in the block: it keeps its id, so that a retry still finds itself. */
  place(entry: IndexEntry): IndexEntry {
    if (entry.place.kind !== 'inline') return entry
    const position = toPosition(this.#bytes)
    this.chunks.push(entry.place.payload)
    this.#bytes += entry.bytes
    return { ...entry, place: { kind: 'object', object: this.id, epoch: 0, position } }
  }
}
