import { ByteReader, ByteWriter } from '../../bytes.ts'
import { PRODUCER_EXPIRATION_MS } from '../../limits.ts'
import { type Offset, toOffset } from '../../numbers.ts'
import { idBytes, readId } from './producer-run.ts'
import { type ProducerState, SEQUENCES } from './producer-state.ts'

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

/** The state after these runs. */
export function stateOf({ epoch, runs }: FlushedProducer): ProducerState {
  const { sequence, records } = runs.at(-1)!
  return { epoch, lastSequence: (sequence + records - 1) % SEQUENCES }
}

/** When a retired producer is forgotten, in milliseconds since the epoch. */
export function expiryMs({ createdMs }: FlushedProducer): number {
  return createdMs + PRODUCER_EXPIRATION_MS
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
