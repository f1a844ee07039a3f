import { ByteReader, ByteWriter } from '../../bytes.ts'
import { idBytes, type ProducerRun, readId } from './producer-run.ts'

/**
 * Kafka's idempotent producing: a producer numbers its records in each partition, and a log takes only what
 * follows on what it has of that producer. So a batch that is sent again, after whatever became of its first
 * sending, is recognized, and stands in the log once.
 *
 * The head knows the producers that were active of late. One that has been silent is retired: what was known of it
 * moves into an item of its own, and comes back with its next batch.
 */

/** A producer's numbers are 31 bits wide; after the last one comes 0 again. */
export const SEQUENCES = 2 ** 31

/** Up to where a log has a producer's records. */
export interface ProducerState {
  readonly epoch: number
  readonly lastSequence: number
}

/** What an entry adds to one producer's sequence. */
export interface SequenceStep {
  readonly producerId: bigint
  readonly epoch: number
  readonly first: number
  readonly last: number
}

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

export function after(sequence: number): number {
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
