import type { Block } from '../core/log/block.ts'
import type { IndexEntry } from '../core/log/entry.ts'
import { countToFlush, type FlushAge, makeBlock } from '../core/log/flush.ts'
import type { Head } from '../core/log/head.ts'
import type { PartitionId } from '../core/log/partition-id.ts'
import { toPosition } from '../core/numbers.ts'
import { segmentKey } from '../core/storage-layout.ts'
import type { Ports } from '../ports/index.ts'

/** A partition to flush, and what makes its inline entries due. */
export interface FlushRequest {
  readonly partition: PartitionId
  readonly age: FlushAge
}

/**
 * Moves the older part of the partitions' tails into blocks, and the inline bytes in it into one object that
 * all of them share. Every step may be repeated, by anybody: a crash after the upload leaves an object that
 * nothing refers to, a crash after a block is made up for by the next flush, which finds the block and goes on.
 *
 * Tells each partition's head after it; undefined where the partition is gone.
 * @throws NotApplied, OutcomeUnknown: the next flush finishes what this one began
 */
export async function flush(ports: Ports, requests: readonly FlushRequest[]): Promise<(Head | undefined)[]> {
  const heads = await Promise.all(requests.map(({ partition }) => ports.index.readHead(partition)))
  const segment = new FlushSegment(ports.entropy.id())
  const leaving = heads.map((head, index) => {
    const count = head ? countToFlush(head, requests[index]!.age) : 0
    return head?.tail.slice(0, count).map(entry => segment.place(entry)) ?? []
  })
  // Upload before the block: a crash leaves an unreferenced object, never an entry that points nowhere.
  if (segment.chunks.length > 0) await ports.objects.put(segmentKey(segment.id), segment.chunks)
  return await Promise.all(
    requests.map(async ({ partition }, index) => {
      const head = heads[index]
      const entries = leaving[index]!
      if (!head || entries.length === 0) return head
      return await moveToBlock(ports, partition, makeBlock(head, entries))
    }),
  )
}

async function moveToBlock(ports: Ports, partition: PartitionId, block: Block): Promise<Head | undefined> {
  const standing = await ports.index.putBlock(partition, block)
  return (await ports.index.trimTail(partition, standing)) ?? (await ports.index.readHead(partition))
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
    if (entry.place.kind === 'object') return entry
    const position = toPosition(this.#bytes)
    this.chunks.push(entry.place.payload)
    this.#bytes += entry.bytes
    return { ...entry, place: { kind: 'object', object: this.id, position } }
  }
}
