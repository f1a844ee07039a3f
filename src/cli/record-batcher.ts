import { recordBytesMax } from '../client/record-size.ts'
import { TidemarkError } from '../core/errors.ts'
import {
  BATCH_HEADER_BYTES,
  type CompressionName,
  encodeBatch,
  type RecordInput,
} from '../core/record/index.ts'
import type { ProducerFields } from './producer-identity.ts'

/** A record and the line it came from. */
export interface SourcedRecord {
  line: number
  record: RecordInput
}

/** An encoded batch, and what to tell of it. */
export interface SourcedBatch {
  bytes: Uint8Array
  records: number
  firstLine: number
  lastLine: number
}

export interface BatchLimits {
  records: number
  /** The topic's max.message.bytes. */
  bytes: number
  compression: CompressionName
}

/** One partition's batch while it fills. */
export class OpenBatch {
  readonly #limits: BatchLimits
  #records: SourcedRecord[] = []
  #bytesMax = BATCH_HEADER_BYTES

  constructor(limits: BatchLimits) {
    this.#limits = limits
  }

  /** Whether `bytes` more, a record's upper bound, still belong into this batch. */
  hasRoomFor(bytes: number): boolean {
    return this.#records.length === 0 || this.#bytesMax + bytes <= this.#limits.bytes
  }

  get isFull(): boolean {
    return this.#records.length >= this.#limits.records || this.#bytesMax >= this.#limits.bytes
  }

  add(sourced: SourcedRecord, bytes: number): void {
    this.#records.push(sourced)
    this.#bytesMax += bytes
  }

  close(producer: ProducerFields): SourcedBatch {
    const { compression, bytes: bytesMax } = this.#limits
    const batch = encode(this.#records, compression, producer)
    // Compression makes noise a little larger than it was; as it was, it fits.
    return batch.bytes.length <= bytesMax ? batch : encode(this.#records, 'none', producer)
  }
}

/** Whether a record of so many bytes fits into a batch only if compression makes it smaller, or never. */
export function isOversize(recordBytes: number, limits: BatchLimits): boolean {
  return BATCH_HEADER_BYTES + recordBytes > limits.bytes
}

/**
 * A batch of one record that is too large as it is.
 * @throws TidemarkError MESSAGE_TOO_LARGE where compression does not help
 */
export function encodeOversize(
  sourced: SourcedRecord,
  limits: BatchLimits,
  producer: ProducerFields,
): SourcedBatch {
  // The bound that made it look oversize is a few bytes above the truth, so that it may fit even as it is.
  for (const compression of [limits.compression, 'none'] as const) {
    const batch = encodeUnlessHuge(sourced, compression, producer)
    if (batch && batch.bytes.length <= limits.bytes) return batch
  }
  throw lineTooLong(sourced.line, recordBytesMax(sourced.record), limits)
}

function encodeUnlessHuge(
  sourced: SourcedRecord,
  compression: CompressionName,
  producer: ProducerFields,
): SourcedBatch | null {
  try {
    return encode([sourced], compression, producer)
  } catch (error) {
    if (error instanceof TidemarkError && error.kafkaName === 'MESSAGE_TOO_LARGE') return null
    throw error
  }
}

/** @param lineBytes as much as was seen of the line */
export function lineTooLong(line: number, lineBytes: number, limits: BatchLimits): TidemarkError {
  const compressed = limits.compression === 'none' ? '' : `, compressed with ${limits.compression},`
  return new TidemarkError(
    'MESSAGE_TOO_LARGE',
    `line ${line} with its ${lineBytes} bytes or so${compressed} is too large for a batch: the topic's ` +
      `max.message.bytes is ${limits.bytes}. Raise that with \`tidemark topic alter\`, or leave the line out.`,
  )
}

function encode(
  sourced: SourcedRecord[],
  compression: CompressionName,
  producer: ProducerFields,
): SourcedBatch {
  const bytes = encodeBatch(
    sourced.map(({ record }) => record),
    { compression, ...producer },
  )
  return {
    bytes,
    records: sourced.length,
    firstLine: sourced[0]?.line ?? 0,
    lastLine: sourced.at(-1)?.line ?? 0,
  }
}
