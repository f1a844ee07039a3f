import { randomBytes } from 'node:crypto'

/** What a batch says of its producer, for `encodeBatch`. */
export interface ProducerFields {
  producerId: bigint
  producerEpoch: number
  baseSequence: number
}

/** Kafka's sequence numbers are 31 bits wide, and begin at 0 again. */
const SEQUENCES = 2 ** 31

/**
 * Numbers what one run of the command line sends, so that a broker recognizes what it has already and a batch can
 * be sent again after any failure. The id is drawn by chance: 63 bits are enough that no two producers ever meet.
 */
export class ProducerIdentity {
  readonly #producerId: bigint
  readonly #next = new Map<number, number>()

  constructor(producerId: bigint = randomBytes(8).readBigUInt64BE() >> 1n) {
    this.#producerId = producerId
  }

  /** For the batch that the partition gets next. */
  fieldsOf(partition: number): ProducerFields {
    const baseSequence = this.#next.get(partition) ?? 0
    return { producerId: this.#producerId, producerEpoch: 0, baseSequence }
  }

  /** Once that batch is made. */
  advance(partition: number, records: number): void {
    this.#next.set(partition, ((this.#next.get(partition) ?? 0) + records) % SEQUENCES)
  }
}
