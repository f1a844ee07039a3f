import type { CallOptions } from './broker.ts'

/** Who writes to a log as an idempotent producer. */
export interface ProducersBroker {
  /**
   * The idempotent producers of a partition that were active of late, as Kafka's DescribeProducers.
   * @throws UNKNOWN_TOPIC_OR_PARTITION
   */
  describeProducers(request: DescribeProducers, call?: CallOptions): Promise<ProducerDescription[]>
}

export interface DescribeProducers {
  topic: string
  partition: number
}

export interface ProducerDescription {
  producerId: bigint
  epoch: number
  /** The number of its last record in this partition. */
  lastSequence: number
  /** When its last record was written, in milliseconds since the epoch. */
  lastWrittenMs: number
}
