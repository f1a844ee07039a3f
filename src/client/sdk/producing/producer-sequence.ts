import { stampProducer } from '../../../core/record/batch-header.ts'
import type { OutgoingBatch } from './outgoing-batch.ts'

/** Kafka's sequence numbers are 31 bits wide, and begin at 0 again. */
const SEQUENCES = 2 ** 31

/**
 * How one producer's batches are numbered in one partition, so that a broker recognizes a batch that comes again.
 * It goes on only once a batch is known to be in the log, so that one which was refused leaves no gap.
 */
export class ProducerSequence {
  #producerId = drawProducerId()
  #next = 0

  /** Numbers batches that are sent together, in their own bytes. */
  number(batches: readonly OutgoingBatch<unknown>[]): void {
    let baseSequence = this.#next
    for (const { encoded, records } of batches) {
      stampProducer(encoded, 0, { producerId: this.#producerId, producerEpoch: 0, baseSequence })
      baseSequence = (baseSequence + records) % SEQUENCES
    }
  }

  advance(records: number): void {
    this.#next = (this.#next + records) % SEQUENCES
  }

  /** Begins anew, as a producer that nobody knows: after this, nothing that was sent before is recognized. */
  restart(): void {
    this.#producerId = drawProducerId()
    this.#next = 0
  }
}

/** 63 bits by chance: enough that no two producers ever meet. */
function drawProducerId(): bigint {
  const [drawn] = globalThis.crypto.getRandomValues(new BigUint64Array(1))
  return (drawn ?? 0n) >> 1n
}
