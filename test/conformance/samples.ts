import { randomBytes, randomUUID } from 'node:crypto'
import type { Block } from '../../src/core/log/block.ts'
import { blockEnd } from '../../src/core/log/block.ts'
import { type IndexEntry, spanOf } from '../../src/core/log/entry.ts'
import type { Head } from '../../src/core/log/head.ts'
import type { ProducerChanges } from '../../src/core/log/producers/fold-producers.ts'
import { makeBlock } from '../../src/core/log/tail.ts'
import { toOffset, toPosition } from '../../src/core/numbers.ts'
import type { PartitionId } from '../../src/core/topic/partition-id.ts'
import type { LogIndex } from '../../src/ports/log-index.ts'

/** For trims that have nothing to do with idempotent producers. */
export const NO_CHANGES: ProducerChanges = { flushedProducers: new Map(), retired: new Map() }

/** Things to put into a store. All ids are fresh, so that tests can share one table and repeat. */

export function freshId(): string {
  return randomBytes(16).toString('hex')
}

export function freshPartition(partition = 0): PartitionId {
  return { topicId: randomUUID(), partition }
}

export function inlineEntry(span: number, overrides: Partial<IndexEntry> = {}): IndexEntry {
  const payload = new Uint8Array(randomBytes(20 + (span % 50)))
  return {
    id: freshId(),
    span,
    bytes: payload.length,
    maxTimestampMs: 1_700_000_000_000 + span,
    createdMs: 1_700_000_000_001,
    place: { kind: 'inline', payload },
    marks: [],
    producers: [],
    ...overrides,
  }
}

export function objectEntry(span: number, overrides: Partial<IndexEntry> = {}): IndexEntry {
  const id = freshId()
  return {
    ...inlineEntry(span),
    id,
    bytes: span * 100,
    place: { kind: 'object', object: id, epoch: 0, position: toPosition(0) },
    ...overrides,
  }
}

/** A block for a place in the index that no head knows of. */
export function looseBlock(baseOffset: number, span: number): Block {
  return {
    baseOffset: toOffset(baseOffset),
    entries: [objectEntry(span)],
    summary: { bytes: baseOffset + span, maxTimestampMs: 1_700_000_000_000 },
  }
}

/** The entry as a flush leaves it: the same id, its bytes in some object. */
function placedInObject(entry: IndexEntry): IndexEntry {
  if (entry.place.kind === 'object') return entry
  return { ...entry, place: { kind: 'object', object: freshId(), epoch: 0, position: toPosition(7) } }
}

/** Of a trim by whose block nothing inline went into an object, or into one of epochs that all may go on. */
export const NOTHING_MOVED = Number.POSITIVE_INFINITY

/** The block that the head's oldest `count` entries would become. */
export function blockOfTail(head: Head, count: number): Block {
  return makeBlock(head, head.tail.slice(0, count).map(placedInObject))
}

/** A plain copy, so that a Buffer and a Uint8Array of the same bytes are equal. */
export function plainEntry(entry: IndexEntry): unknown {
  const { place } = entry
  if (place.kind !== 'inline') return entry
  return { ...entry, place: { kind: 'inline', payload: Buffer.from(place.payload).toString('hex') } }
}

/** As many blocks of one record each as wanted, flushed out of a head one by one. */
export async function fillBlocks(index: LogIndex, partition: PartitionId, count: number): Promise<Block[]> {
  const blocks: Block[] = []
  let seen = toOffset(0)
  for (let number = 0; number < count; number += 1) {
    const outcome = await index.append(partition, objectEntry(1), seen)
    if (outcome.kind !== 'appended') throw new Error(`append was ${outcome.kind}`)
    const block = blockOfTail(outcome.head, 1)
    await index.putBlock(partition, block)
    await index.trimTail(partition, block, NO_CHANGES, NOTHING_MOVED)
    blocks.push(block)
    seen = blockEnd(block)
  }
  return blocks
}

/** Every entry id of a log with its offset, from the blocks and the tail, once checked to be without a gap. */
export async function everyEntry(index: LogIndex, partition: PartitionId): Promise<Map<string, number>> {
  const head = await index.readHead(partition)
  if (!head) throw new Error('there is no head')
  const found = new Map<string, number>()
  let next = 0
  const take = (entry: IndexEntry) => {
    if (found.has(entry.id)) throw new Error(`entry ${entry.id} stands twice`)
    found.set(entry.id, next)
    next += entry.span
  }
  while (next < head.tailOffset) {
    const [block] = await index.readBlocks(partition, toOffset(next), 1)
    if (block?.baseOffset !== next) throw new Error(`no block begins at ${next}`)
    for (const entry of block.entries) take(entry)
  }
  if (next !== head.tailOffset)
    throw new Error(`blocks end at ${next}, the tail begins at ${head.tailOffset}`)
  for (const entry of head.tail) take(entry)
  if (next !== head.nextOffset || spanOf(head.tail) !== head.nextOffset - head.tailOffset) {
    throw new Error(`the tail ends at ${next}, nextOffset is ${head.nextOffset}`)
  }
  return found
}
