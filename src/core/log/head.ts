import { ByteReader, ByteWriter } from '../bytes.ts'
import { advance, type Offset, toOffset } from '../numbers.ts'
import { decodeEntry, encodeEntry, type IndexEntry, spanOf } from './entry.ts'
import {
  decodeFlushedProducers,
  encodeFlushedProducers,
  type FlushedProducer,
} from './producers/flushed-producer.ts'
import { decodeStates, encodeStates, type ProducerState } from './producers/producer-state.ts'
import { EMPTY_SUMMARY, type LogSummary } from './summary.ts'

/**
 * The one mutable item of a partition: where its log starts and ends, and its newest index entries.
 * Invariants: tailOffset + the tail's span = nextOffset; startOffset <= nextOffset; tailOffset and
 * nextOffset only grow; the tail changes only at its ends.
 */
export interface Head {
  /** The first record that is served. */
  readonly startOffset: Offset
  /** Where the tail begins; what lies before is in blocks. */
  readonly tailOffset: Offset
  /** The high watermark: the offset that the next record gets. */
  readonly nextOffset: Offset
  readonly tail: readonly IndexEntry[]
  /** What all blocks that ever left this tail add up to. */
  readonly flushed: LogSummary
  /** Idempotent producers that were active of late. */
  readonly producers: ReadonlyMap<bigint, ProducerState>
  readonly flushedProducers: ReadonlyMap<bigint, FlushedProducer>
}

export const EMPTY_HEAD: Head = {
  startOffset: toOffset(0),
  tailOffset: toOffset(0),
  nextOffset: toOffset(0),
  tail: [],
  flushed: EMPTY_SUMMARY,
  producers: new Map(),
  flushedProducers: new Map(),
}

export function findInTail(head: Head, entryId: string): Offset | undefined {
  const index = head.tail.findIndex(entry => entry.id === entryId)
  return index < 0 ? undefined : advance(head.tailOffset, spanOf(head.tail.slice(0, index)))
}

export function findHeadProblems(head: Head): string[] {
  const problems: string[] = []
  const end = advance(head.tailOffset, spanOf(head.tail))
  if (end !== head.nextOffset) {
    problems.push(`the tail ends at offset ${end}, but nextOffset is ${head.nextOffset}`)
  }
  if (head.startOffset > head.nextOffset) {
    problems.push(`startOffset ${head.startOffset} lies behind nextOffset ${head.nextOffset}`)
  }
  const ids = new Set(head.tail.map(entry => entry.id))
  if (ids.size !== head.tail.length) problems.push('an entry stands in the tail twice')
  return problems
}

export function encodeHead(head: Head): Uint8Array {
  const writer = new ByteWriter()
    .byte(HEAD_VERSION)
    .number(head.startOffset)
    .number(head.tailOffset)
    .number(head.nextOffset)
    .number(head.flushed.bytes)
    .number(head.flushed.maxTimestampMs + 1)
    .block(encodeStates(head.producers))
    .block(encodeFlushedProducers(head.flushedProducers))
  for (const entry of head.tail) writer.block(encodeEntry(entry))
  return writer.finish()
}

/** @throws RangeError when the bytes are no head of a version that is known */
export function decodeHead(bytes: Uint8Array): Head {
  const reader = new ByteReader(bytes)
  const version = reader.byte()
  if (version !== HEAD_VERSION && version !== HEAD_VERSION_WITHOUT_PRODUCERS)
    throw new RangeError(`a head of version ${version} is not known`)
  const startOffset = toOffset(reader.number())
  const tailOffset = toOffset(reader.number())
  const nextOffset = toOffset(reader.number())
  const flushed = { bytes: reader.number(), maxTimestampMs: reader.number() - 1 }
  const hasProducers = version === HEAD_VERSION
  const producers = hasProducers ? decodeStates(reader.block()) : new Map()
  const flushedProducers = hasProducers ? decodeFlushedProducers(reader.block()) : new Map()
  const tail: IndexEntry[] = []
  while (!reader.isAtEnd) tail.push(decodeEntry(reader.block()))
  return { startOffset, tailOffset, nextOffset, tail, flushed, producers, flushedProducers }
}

const HEAD_VERSION_WITHOUT_PRODUCERS = 1
const HEAD_VERSION = 2
