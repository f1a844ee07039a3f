import { OBJECT_PART_BYTES } from '../src/core/limits.ts'
import { encodeBlock } from '../src/core/log/block.ts'
import { encodeHead, type Head } from '../src/core/log/head.ts'
import { encodeRetired } from '../src/core/log/producers/flushed-producer.ts'
import { encodeSegment } from '../src/core/log/settled/segment.ts'
import type { LogIndex } from '../src/ports/log-index.ts'
import type { ObjectStore } from '../src/ports/object-store.ts'
import {
  DYNAMODB_READ_UNIT_DOLLARS,
  DYNAMODB_WRITE_UNIT_DOLLARS,
  S3_GET_DOLLARS,
  S3_PUT_DOLLARS,
} from './prices.ts'

const WRITE_UNIT_BYTES = 1024
const READ_UNIT_BYTES = 4096

/** What a workload asked of the stores; units as DynamoDB counts them, from the sizes of the items. */
export class Counts {
  objectPuts = 0
  objectGets = 0
  indexWrites = 0
  indexReads = 0
  writeUnits = 0
  readUnits = 0

  /** What has been counted since `before`. */
  since(before: Counts): Counts {
    const difference = new Counts()
    for (const name of COUNT_NAMES) difference[name] = this[name] - before[name]
    return difference
  }

  copy(): Counts {
    return this.since(new Counts())
  }

  dollars(): number {
    return (
      this.objectPuts * S3_PUT_DOLLARS +
      this.objectGets * S3_GET_DOLLARS +
      this.writeUnits * DYNAMODB_WRITE_UNIT_DOLLARS +
      this.readUnits * DYNAMODB_READ_UNIT_DOLLARS
    )
  }
}

const COUNT_NAMES = [
  'objectPuts',
  'objectGets',
  'indexWrites',
  'indexReads',
  'writeUnits',
  'readUnits',
] as const satisfies (keyof Counts)[]

export function countObjects(store: ObjectStore, counts: Counts): ObjectStore {
  return {
    put: (key, chunks) => {
      counts.objectPuts += 1
      return store.put(key, chunks)
    },
    get: (key, position, bytes) => {
      counts.objectGets += 1
      return store.get(key, position, bytes)
    },
    putLarge: async (key, chunks) => {
      const bytes = await store.putLarge(key, chunks)
      const parts = Math.ceil(bytes / OBJECT_PART_BYTES)
      // Several parts are begun and completed by a request each.
      counts.objectPuts += parts > 1 ? parts + 2 : 1
      return bytes
    },
    list: (prefix, below) => store.list(prefix, below),
    remove: key => store.remove(key),
    removeAll: keys => store.removeAll(keys),
  }
}

export function countIndex(index: LogIndex, counts: Counts): LogIndex {
  const write = (bytes: number) => {
    counts.indexWrites += 1
    counts.writeUnits += Math.max(1, Math.ceil(bytes / WRITE_UNIT_BYTES))
  }
  const read = (bytes: number) => {
    counts.indexReads += 1
    counts.readUnits += Math.max(1, Math.ceil(bytes / READ_UNIT_BYTES))
  }
  const headBytes = (head: Head | undefined) => (head ? encodeHead(head).length : 0)
  return {
    createHead: (partition, floor) => index.createHead(partition, floor),
    isRemoved: partition => index.isRemoved(partition),
    readHead: async partition => {
      const head = await index.readHead(partition)
      read(headBytes(head))
      return head
    },
    append: async (partition, entry, seen, newcomers, cut) => {
      const outcome = await index.append(partition, entry, seen, newcomers, cut)
      write(outcome.kind === 'missing' ? 0 : headBytes(outcome.head))
      return outcome
    },
    appendDecided: async (partition, entries, seen, newcomers) => {
      const outcome = await index.appendDecided(partition, entries, seen, newcomers)
      write(outcome.kind === 'missing' ? 0 : headBytes(outcome.head))
      return outcome
    },
    putBlock: async (partition, block, over) => {
      write(encodeBlock(block).length)
      return await index.putBlock(partition, block, over)
    },
    trimTail: async (partition, block, changes, movedEpoch) => {
      const head = await index.trimTail(partition, block, changes, movedEpoch)
      write(headBytes(head))
      return head
    },
    putProducer: async (partition, producerId, producer, nowMs) => {
      write(encodeRetired(producer).length)
      await index.putProducer(partition, producerId, producer, nowMs)
    },
    readProducer: async (partition, producerId) => {
      const producer = await index.readProducer(partition, producerId)
      read(producer ? encodeRetired(producer).length : 0)
      return producer
    },
    readBlocks: async (partition, offset, limit) => {
      const blocks = await index.readBlocks(partition, offset, limit)
      read(blocks.reduce((sum, block) => sum + encodeBlock(block).length, 0))
      return blocks
    },
    moveStart: (partition, offset) => index.moveStart(partition, offset),
    removeBlocksBelow: (partition, offset) => index.removeBlocksBelow(partition, offset),
    dropExpiredProducers: (partition, nowMs) => index.dropExpiredProducers(partition, nowMs),
    raiseFloor: async (partition, floor, seen) => {
      const head = await index.raiseFloor(partition, floor, seen)
      write(headBytes(head))
      return head
    },
    noteDrained: async (partition, drained) => {
      write(WRITE_UNIT_BYTES)
      return await index.noteDrained(partition, drained)
    },
    readSegments: async (partition, level, offset, limit) => {
      const segments = await index.readSegments(partition, level, offset, limit)
      read(segments.reduce((sum, segment) => sum + encodeSegment(segment).length, 0))
      return segments
    },
    putSegment: async (partition, level, segment) => {
      write(encodeSegment(segment).length)
      return await index.putSegment(partition, level, segment)
    },
    removeSegment: async (partition, level, segment) => {
      write(encodeSegment(segment).length)
      await index.removeSegment(partition, level, segment)
    },
    segments: partition => index.segments(partition),
    rearrange: async (partition, move) => {
      const made = await index.rearrange(partition, move)
      write(headBytes(made?.head))
      return made
    },
    removePartition: partition => index.removePartition(partition),
    partitions: () => index.partitions(),
  }
}
