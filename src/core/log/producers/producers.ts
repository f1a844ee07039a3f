import { ByteReader, ByteWriter } from '../../bytes.ts'
import {
  PRODUCER_ENTRIES_KEPT,
  PRODUCER_EXPIRATION_MS,
  PRODUCER_SILENT_MS_MAX,
  PRODUCERS_KEPT_MAX,
  PRODUCERS_RETIRED_MAX,
} from '../../limits.ts'
import { advance, type Offset, toOffset } from '../../numbers.ts'
import type { Block } from '../block.ts'
import { placeEntries } from '../entry.ts'
import type { Head } from '../head.ts'

/**
 * Kafka's idempotent producing: a producer numbers its records in each partition, and a log takes only what
 * follows on what it has of that producer. So a batch that is sent again, after whatever became of its first
 * sending, is recognized, and stands in the log once.
 *
 * The head knows the producers that were active of late. One that has been silent is retired: what was known of it
 * moves into an item of its own, and comes back with its next batch.
 */

/** A producer's numbers are 31 bits wide; after the last one comes 0 again. */
const SEQUENCES = 2 ** 31

/** Batches of one produce call of an idempotent producer, inside an entry. */
export interface ProducerRun {
  readonly producerId: bigint
  readonly epoch: number
  /** The first record's. */
  readonly sequence: number
  readonly records: number
  /** The entry's records that lie before it. */
  readonly recordsBefore: number
}

/** Up to where a log has a producer's records. */
export interface ProducerState {
  readonly epoch: number
  readonly lastSequence: number
}

/**
 * A producer's newest runs that have left the tail: what a repetition is answered from. All of it is true for ever,
 * if not the newest.
 */
export interface FlushedProducer {
  readonly epoch: number
  /** When the newest of them was written. */
  readonly createdMs: number
  /** The oldest first; at least one. */
  readonly runs: readonly FlushedRun[]
}

export interface FlushedRun {
  readonly sequence: number
  readonly records: number
  readonly baseOffset: Offset
}

/** What an entry adds to one producer's sequence. */
export interface SequenceStep {
  readonly producerId: bigint
  readonly epoch: number
  readonly first: number
  readonly last: number
}

/** What the log says of a run. */
export type Verdict =
  /** It follows on what is there. */
  | { readonly kind: 'next' }
  /** It is there already, from this offset on. */
  | { readonly kind: 'duplicate'; readonly baseOffset: Offset }
  /** It is there already, too far back to know where. */
  | { readonly kind: 'old' }
  /** It begins before the end of what is there, but at least a part of it was never taken, as far as is known. */
  | { readonly kind: 'skipped'; readonly expected: number }
  /** Records before it are missing. */
  | { readonly kind: 'gap'; readonly expected: number }
  /** Its producer has gone on to a higher epoch. */
  | { readonly kind: 'fenced'; readonly epoch: number }

/** What runs that follow one another in an entry do to each producer; undefined where they leave gaps themselves. */
export function sequenceSteps(runs: readonly ProducerRun[]): SequenceStep[] | undefined {
  const steps = new Map<bigint, SequenceStep>()
  for (const { producerId, epoch, sequence, records } of runs) {
    const before = steps.get(producerId)
    if (before && (before.epoch !== epoch || after(before.last) !== sequence)) return undefined
    const last = (sequence + records - 1) % SEQUENCES
    steps.set(producerId, { producerId, epoch, first: before?.first ?? sequence, last })
  }
  return [...steps.values()]
}

/**
 * Whether a log with this state of a producer takes the step. One of which nothing is known, anywhere, may begin
 * anywhere, as in Kafka: what is known of a producer is forgotten some time after its last record.
 */
export function isNext(state: ProducerState | undefined, { epoch, first }: SequenceStep): boolean {
  if (!state) return true
  if (epoch > state.epoch) return first === 0
  return epoch === state.epoch && first === after(state.lastSequence)
}

export const NO_NEWCOMERS: ReadonlySet<bigint> = new Set()

/**
 * The states after an entry; undefined where one of its runs does not follow on what is there, or is of a producer
 * that is neither there nor a newcomer.
 */
export function applySequences(
  states: ReadonlyMap<bigint, ProducerState>,
  runs: readonly ProducerRun[],
  newcomers: ReadonlySet<bigint>,
): ReadonlyMap<bigint, ProducerState> | undefined {
  if (runs.length === 0) return states
  const isTaken = (step: SequenceStep) => {
    const state = states.get(step.producerId)
    return state ? isNext(state, step) : newcomers.has(step.producerId)
  }
  const steps = sequenceSteps(runs)
  if (!steps?.every(isTaken)) return undefined
  const changed = new Map(states)
  for (const { producerId, epoch, last } of steps) changed.set(producerId, { epoch, lastSequence: last })
  return changed
}

/**
 * What a log says of a run that it did not take, or would not. The head's word goes before that of the producer's own
 * item, which is what was known when it was last retired.
 */
export function judgeRun(head: Head, run: ProducerRun, retired?: FlushedProducer): Verdict {
  const state = head.producers.get(run.producerId) ?? (retired && stateOf(retired))
  if (!state) return { kind: 'next' }
  if (run.epoch < state.epoch) return { kind: 'fenced', epoch: state.epoch }
  if (run.epoch > state.epoch) return run.sequence === 0 ? { kind: 'next' } : { kind: 'gap', expected: 0 }
  const flushed = flushedRuns(head, run, retired)
  const known = [...flushed, ...runsInTail(head, run)]
  const found = known.find(({ sequence, records }) => sequence === run.sequence && records === run.records)
  if (found) return { kind: 'duplicate', baseOffset: found.baseOffset }
  const expected = after(state.lastSequence)
  if (run.sequence === expected) return { kind: 'next' }
  // Numbers go round, so what lies less than half the way back is behind, and the rest ahead.
  const backTo = (sequence: number) => (expected - sequence + SEQUENCES) % SEQUENCES
  const back = backTo(run.sequence)
  if (back >= SEQUENCES / 2) return { kind: 'gap', expected }
  // While so few are remembered, those are all that ever left the tail: what lies before them is not in the log.
  const isBeforeAll =
    flushed.length < PRODUCER_ENTRIES_KEPT && known.every(({ sequence }) => backTo(sequence) < back)
  return isBeforeAll || back < run.records ? { kind: 'skipped', expected } : { kind: 'old' }
}

/** What is remembered of the runs of this run's producer and epoch that have left the tail. */
function flushedRuns(
  head: Head,
  { producerId, epoch }: ProducerRun,
  retired: FlushedProducer | undefined,
): FlushedRun[] {
  const flushed = [retired, head.flushedProducers.get(producerId)]
  const runs = flushed.flatMap(each => (each?.epoch === epoch ? each.runs : []))
  // The item may have been put and its producer have stayed, so that both tell of the same.
  return [...new Map(runs.map(run => [run.baseOffset, run])).values()]
}

function runsInTail(head: Head, { producerId, epoch }: ProducerRun): FlushedRun[] {
  return placeEntries(head.tailOffset, head.tail).flatMap(({ baseOffset, entry }) =>
    entry.producers
      .filter(run => run.producerId === producerId && run.epoch === epoch)
      .map(({ sequence, records, recordsBefore }) => {
        return { sequence, records, baseOffset: advance(baseOffset, recordsBefore) }
      }),
  )
}

/** What becomes of producers when a block leaves the tail. */
export interface ProducerChanges {
  readonly flushedProducers: ReadonlyMap<bigint, FlushedProducer>
  /** Producers that leave the head, on the condition that they have not gone on since. Their items must stand before. */
  readonly retired: ReadonlyMap<bigint, FlushedProducer>
}

/**
 * The producers' newest runs with those of a block that is to leave this head's tail, and the producers that are to
 * leave the head with it, at most so many of them.
 */
export function foldProducers(
  head: Head,
  block: Block,
  retiredMax: number = PRODUCERS_RETIRED_MAX,
): ProducerChanges {
  const changed = new Map(head.flushedProducers)
  let newestMs = 0
  for (const { baseOffset, entry } of placeEntries(block.baseOffset, block.entries)) {
    newestMs = Math.max(newestMs, entry.createdMs)
    for (const { producerId, epoch, sequence, records, recordsBefore } of entry.producers) {
      const before = changed.get(producerId)
      const run = { sequence, records, baseOffset: advance(baseOffset, recordsBefore) }
      const kept = before?.epoch === epoch ? before.runs.slice(1 - PRODUCER_ENTRIES_KEPT) : []
      changed.set(producerId, { epoch, createdMs: entry.createdMs, runs: [...kept, run] })
    }
  }
  const retired = new Map<bigint, FlushedProducer>()
  for (const producerId of silentProducers(head, block, changed, newestMs).slice(0, retiredMax)) {
    retired.set(producerId, changed.get(producerId)!)
    changed.delete(producerId)
  }
  return { flushedProducers: changed, retired }
}

/**
 * Producers with nothing in the tail that have been silent for too long, or longer than enough others; the longest
 * silent first. That none of their entries is left in the tail is what a return to the head relies on: see
 * broker/producing/append-once.ts.
 */
function silentProducers(
  head: Head,
  block: Block,
  flushed: ReadonlyMap<bigint, FlushedProducer>,
  nowMs: number,
): bigint[] {
  const left = head.tail.slice(block.entries.length)
  const active = new Set(left.flatMap(entry => entry.producers.map(({ producerId }) => producerId)))
  const silent = [...flushed]
    // The head may be older than the block, which another has put. What it does not know it leaves to others.
    .filter(([producerId]) => !active.has(producerId) && head.producers.has(producerId))
    .sort(([, one], [, other]) => one.createdMs - other.createdMs)
  return silent
    .filter(([, { createdMs }], index) => {
      return nowMs - createdMs > PRODUCER_SILENT_MS_MAX || index < flushed.size - PRODUCERS_KEPT_MAX
    })
    .map(([producerId]) => producerId)
}

/** The states without those retired; undefined where one of them has gone on since. */
export function retireProducers(
  states: ReadonlyMap<bigint, ProducerState>,
  retired: ReadonlyMap<bigint, FlushedProducer>,
): ReadonlyMap<bigint, ProducerState> | undefined {
  if (retired.size === 0) return states
  const left = new Map(states)
  for (const [producerId, flushed] of retired) {
    const { epoch, lastSequence } = stateOf(flushed)
    const state = left.get(producerId)
    if (state?.epoch !== epoch || state.lastSequence !== lastSequence) return undefined
    left.delete(producerId)
  }
  return left
}

/** The state after these runs. */
export function stateOf({ epoch, runs }: FlushedProducer): ProducerState {
  const { sequence, records } = runs.at(-1)!
  return { epoch, lastSequence: (sequence + records - 1) % SEQUENCES }
}

/**
 * What a producer's item becomes when it is retired; undefined where what stands there already says so much, or more:
 * whoever is late with what is older must not take it back. Sequence numbers go round and epochs may be forgotten, but
 * offsets only grow. A producer that had come back for a short time keeps its earlier runs.
 */
export function mergeRetired(
  standing: FlushedProducer | undefined,
  given: FlushedProducer,
): FlushedProducer | undefined {
  if (!standing) return given
  if (newestOffset(given) <= newestOffset(standing)) return undefined
  if (given.epoch !== standing.epoch) return given
  const before = standing.runs.filter(({ baseOffset }) => baseOffset < given.runs[0]!.baseOffset)
  return { ...given, runs: [...before, ...given.runs].slice(-PRODUCER_ENTRIES_KEPT) }
}

function newestOffset({ runs }: FlushedProducer): Offset {
  return runs.at(-1)!.baseOffset
}

/** When a retired producer is forgotten, in milliseconds since the epoch. */
export function expiryMs({ createdMs }: FlushedProducer): number {
  return createdMs + PRODUCER_EXPIRATION_MS
}

/** The number after a sequence number. */
function after(sequence: number): number {
  return (sequence + 1) % SEQUENCES
}

/** Epoch and number as one number, in which a higher epoch is always the larger: what a table can compare. */
export function packState({ epoch, lastSequence }: ProducerState): number {
  return epoch * SEQUENCES + lastSequence
}

export function unpackState(packed: number): ProducerState {
  return { epoch: Math.floor(packed / SEQUENCES), lastSequence: packed % SEQUENCES }
}

/**
 * The condition of a step, for a table: a producer that is known must stand at one of `equal`, or below `below`.
 */
export function conditionOf({ epoch, first }: SequenceStep): { equal: number; below?: number } {
  const lastSequence = (first - 1 + SEQUENCES) % SEQUENCES
  const equal = packState({ epoch, lastSequence })
  return first === 0 ? { equal, below: packState({ epoch, lastSequence: 0 }) } : { equal }
}

export function encodeRuns(runs: readonly ProducerRun[]): Uint8Array {
  const writer = new ByteWriter()
  for (const { producerId, epoch, sequence, records, recordsBefore } of runs) {
    writer.raw(idBytes(producerId)).number(epoch).number(sequence).number(records).number(recordsBefore)
  }
  return writer.finish()
}

/** @throws RangeError when the bytes are no runs */
export function decodeRuns(bytes: Uint8Array): ProducerRun[] {
  const reader = new ByteReader(bytes)
  const runs: ProducerRun[] = []
  while (!reader.isAtEnd) {
    runs.push({
      producerId: readId(reader),
      epoch: reader.number(),
      sequence: reader.number(),
      records: reader.number(),
      recordsBefore: reader.number(),
    })
  }
  return runs
}

export function encodeStates(states: ReadonlyMap<bigint, ProducerState>): Uint8Array {
  const writer = new ByteWriter()
  for (const [producerId, state] of states) writer.raw(idBytes(producerId)).number(packState(state))
  return writer.finish()
}

/** @throws RangeError when the bytes are no states */
export function decodeStates(bytes: Uint8Array): Map<bigint, ProducerState> {
  const reader = new ByteReader(bytes)
  const states = new Map<bigint, ProducerState>()
  while (!reader.isAtEnd) states.set(readId(reader), unpackState(reader.number()))
  return states
}

export function encodeFlushedProducers(producers: ReadonlyMap<bigint, FlushedProducer>): Uint8Array {
  const writer = new ByteWriter()
  for (const [producerId, producer] of producers) {
    writeFlushed(writer.raw(idBytes(producerId)), producer)
  }
  return writer.finish()
}

/** @throws RangeError when the bytes are no flushed producers */
export function decodeFlushedProducers(bytes: Uint8Array): Map<bigint, FlushedProducer> {
  const reader = new ByteReader(bytes)
  const producers = new Map<bigint, FlushedProducer>()
  while (!reader.isAtEnd) producers.set(readId(reader), readFlushed(reader))
  return producers
}

function writeFlushed(writer: ByteWriter, { epoch, createdMs, runs }: FlushedProducer): ByteWriter {
  writer.number(epoch).number(createdMs).number(runs.length)
  for (const { sequence, records, baseOffset } of runs) {
    writer.number(sequence).number(records).number(baseOffset)
  }
  return writer
}

function readFlushed(reader: ByteReader): FlushedProducer {
  const epoch = reader.number()
  const createdMs = reader.number()
  const count = reader.number()
  const runs: FlushedRun[] = []
  for (let index = 0; index < count; index += 1) {
    const sequence = reader.number()
    const records = reader.number()
    runs.push({ sequence, records, baseOffset: toOffset(reader.number()) })
  }
  return { epoch, createdMs, runs }
}

const RETIRED_VERSION = 1

/** A retired producer's item; its id is the item's key and not repeated in the value. */
export function encodeRetired(producer: FlushedProducer): Uint8Array {
  return writeFlushed(new ByteWriter().byte(RETIRED_VERSION), producer).finish()
}

/** @throws RangeError when the bytes are no retired producer of a version that is known */
export function decodeRetired(bytes: Uint8Array): FlushedProducer {
  const reader = new ByteReader(bytes)
  const version = reader.byte()
  if (version !== RETIRED_VERSION) throw new RangeError(`a producer of version ${version} is not known`)
  const producer = readFlushed(reader)
  if (producer.runs.length === 0) throw new RangeError('a producer has no runs')
  return producer
}

const ID_BYTES = 8

/** Producer ids are 64 bits wide, signed. */
function idBytes(producerId: bigint): Uint8Array {
  const bytes = Buffer.allocUnsafe(ID_BYTES)
  bytes.writeBigInt64BE(producerId)
  return bytes
}

function readId(reader: ByteReader): bigint {
  const bytes = reader.raw(ID_BYTES)
  return Buffer.from(bytes.buffer, bytes.byteOffset, ID_BYTES).readBigInt64BE()
}
