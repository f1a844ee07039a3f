import { ByteReader, ByteWriter } from '../bytes.ts'
import { advance, type Offset, toOffset } from '../numbers.ts'
import { countBytes, decodeEntry, encodeEntry, type IndexEntry, ownEntry, spanOf } from './entry.ts'
import {
  decodeFlushedProducers,
  encodeFlushedProducers,
  type FlushedProducer,
} from './producers/flushed-producer.ts'
import { decodeStates, encodeStates, type ProducerState } from './producers/producer-state.ts'
import { decodeSettled, encodeSettled, type Settled, UNSETTLED } from './settled/settled.ts'
import { EMPTY_SUMMARY, type LogSummary } from './summary.ts'

/**
 * The one mutable item of a partition: where its log starts and ends, and its newest index entries.
 * Invariants: tailOffset + the tail's span = nextOffset; startOffset <= nextOffset; tailOffset and
 * nextOffset only grow; the tail changes only at its ends; firstOffset <= mergedOffset <= settledOffset <= tailOffset, and
 * firstOffset <= startOffset; drained <= appendFloor; all of these only grow.
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
  readonly settled: Settled
  /** An append whose object is of an older epoch is refused. */
  readonly appendFloor: number
  /** No entry above settledOffset is in an object of an older epoch, nor ever will be. */
  readonly drained: number
}

export const EMPTY_HEAD: Head = {
  startOffset: toOffset(0),
  tailOffset: toOffset(0),
  nextOffset: toOffset(0),
  tail: [],
  flushed: EMPTY_SUMMARY,
  producers: new Map(),
  flushedProducers: new Map(),
  settled: UNSETTLED,
  appendFloor: 0,
  drained: 0,
}

export function findInTail(head: Head, entryId: string): Offset | undefined {
  const index = head.tail.findIndex(entry => entry.id === entryId)
  return index < 0 ? undefined : advance(head.tailOffset, spanOf(head.tail.slice(0, index)))
}

/** What the batches take that the index knows of: those, too, that are deleted and not dropped yet. */
export function bytesOf({ settled, flushed, tail }: Head): number {
  return settled.bytes + (flushed.bytes - settled.loggedBytes) + countBytes(tail)
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
  problems.push(...findBoundaryProblems(head))
  const ids = new Set(head.tail.map(entry => entry.id))
  if (ids.size !== head.tail.length) problems.push('an entry stands in the tail twice')
  return problems
}

function findBoundaryProblems({ settled, startOffset, tailOffset, appendFloor, drained }: Head): string[] {
  const { firstOffset, mergedOffset, settledOffset, generation, cleaning } = settled
  const inOrder: readonly (readonly [string, number, string, number])[] = [
    ['firstOffset', firstOffset, 'mergedOffset', mergedOffset],
    ['mergedOffset', mergedOffset, 'settledOffset', settledOffset],
    ['settledOffset', settledOffset, 'tailOffset', tailOffset],
    ['firstOffset', firstOffset, 'startOffset', startOffset],
    ['drained', drained, 'appendFloor', appendFloor],
    ['generation', generation, 'cleaning', cleaning],
  ]
  return inOrder
    .filter(([, lower, , upper]) => lower > upper)
    .map(([lowerName, lower, upperName, upper]) => `${lowerName} ${lower} lies behind ${upperName} ${upper}`)
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
    .number(head.appendFloor)
    .number(head.drained)
    .block(head.settled === UNSETTLED ? NOTHING : encodeSettled(head.settled))
  for (const entry of head.tail) writer.block(encodeEntry(entry))
  return writer.finish()
}

/** @throws RangeError when the bytes are no head of a version that is known */
export function decodeHead(bytes: Uint8Array): Head {
  const reader = new ByteReader(bytes)
  const version = reader.byte()
  if (version < HEAD_VERSION_WITHOUT_PRODUCERS || version > HEAD_VERSION)
    throw new RangeError(`a head of version ${version} is not known`)
  const startOffset = toOffset(reader.number())
  const tailOffset = toOffset(reader.number())
  const nextOffset = toOffset(reader.number())
  const flushed = { bytes: reader.number(), maxTimestampMs: reader.number() - 1 }
  const hasProducers = version > HEAD_VERSION_WITHOUT_PRODUCERS
  const producers = hasProducers ? decodeStates(reader.block()) : new Map()
  const flushedProducers = hasProducers ? decodeFlushedProducers(reader.block()) : new Map()
  const hasLevels = version > HEAD_VERSION_WITHOUT_LEVELS
  const appendFloor = hasLevels ? reader.number() : 0
  const drained = hasLevels ? reader.number() : 0
  const boundaries = hasLevels ? reader.block() : NOTHING
  const settled = boundaries.length > 0 ? decodeSettled(boundaries) : UNSETTLED
  const tail: IndexEntry[] = []
  while (!reader.isAtEnd) tail.push(decodeEntry(reader.block()))
  return {
    startOffset,
    tailOffset,
    nextOffset,
    tail,
    flushed,
    producers,
    flushedProducers,
    settled,
    appendFloor,
    drained,
  }
}

/**
 * What stands in a head's place once its topic was deleted. It stays for ever: a head is made only where nothing stands, so
 * whoever comes late with an old topic finds that it is over.
 */
export const CLOSED_HEAD = 'closed'

/** What can stand in a head's place. */
export type StandingHead = Head | typeof CLOSED_HEAD

export function encodeStandingHead(head: StandingHead): Uint8Array {
  return head === CLOSED_HEAD ? Uint8Array.of(HEAD_VERSION_CLOSED) : encodeHead(head)
}

/** The head, for somebody who keeps it: with no memory in it that is somebody else's. */
export function ownHead(head: StandingHead): StandingHead {
  if (head === CLOSED_HEAD) return head
  const tail = head.tail.map(ownEntry)
  return tail.every((entry, index) => entry === head.tail[index]) ? head : { ...head, tail }
}

/** @throws RangeError as decodeHead */
export function decodeStandingHead(bytes: Uint8Array): StandingHead {
  return isClosedHead(bytes) ? CLOSED_HEAD : decodeHead(bytes)
}

export function isClosedHead(bytes: Uint8Array): boolean {
  return bytes[0] === HEAD_VERSION_CLOSED
}

/** In both forms of a head. Before there were closed ones no version was 0, so that whoever does not know it refuses it. */
export const HEAD_VERSION_CLOSED = 0
const HEAD_VERSION_WITHOUT_PRODUCERS = 1
const HEAD_VERSION_WITHOUT_LEVELS = 2
const HEAD_VERSION = 3
const NOTHING = new Uint8Array()
