/**
 * The errors that a user of Tidemark can meet: Kafka's names and numbers, so that every Kafka client and
 * every Kafka user knows them already.
 * Source: org.apache.kafka.common.protocol.Errors and the exceptions' RetriableException base class.
 */
const KAFKA_ERRORS = {
  UNKNOWN_SERVER_ERROR: { number: -1, retriable: false },
  OFFSET_OUT_OF_RANGE: { number: 1, retriable: false },
  CORRUPT_MESSAGE: { number: 2, retriable: true },
  UNKNOWN_TOPIC_OR_PARTITION: { number: 3, retriable: true },
  REQUEST_TIMED_OUT: { number: 7, retriable: true },
  BROKER_NOT_AVAILABLE: { number: 8, retriable: false },
  MESSAGE_TOO_LARGE: { number: 10, retriable: false },
  OFFSET_METADATA_TOO_LARGE: { number: 12, retriable: false },
  NETWORK_EXCEPTION: { number: 13, retriable: true },
  INVALID_TOPIC_EXCEPTION: { number: 17, retriable: false },
  RECORD_LIST_TOO_LARGE: { number: 18, retriable: false },
  INCONSISTENT_GROUP_PROTOCOL: { number: 23, retriable: false },
  INVALID_GROUP_ID: { number: 24, retriable: false },
  UNKNOWN_MEMBER_ID: { number: 25, retriable: false },
  REBALANCE_IN_PROGRESS: { number: 27, retriable: false },
  TOPIC_AUTHORIZATION_FAILED: { number: 29, retriable: false },
  CLUSTER_AUTHORIZATION_FAILED: { number: 31, retriable: false },
  INVALID_TIMESTAMP: { number: 32, retriable: false },
  UNSUPPORTED_VERSION: { number: 35, retriable: false },
  TOPIC_ALREADY_EXISTS: { number: 36, retriable: false },
  INVALID_PARTITIONS: { number: 37, retriable: false },
  INVALID_CONFIG: { number: 40, retriable: false },
  INVALID_REQUEST: { number: 42, retriable: false },
  POLICY_VIOLATION: { number: 44, retriable: false },
  OUT_OF_ORDER_SEQUENCE_NUMBER: { number: 45, retriable: false },
  DUPLICATE_SEQUENCE_NUMBER: { number: 46, retriable: false },
  INVALID_PRODUCER_EPOCH: { number: 47, retriable: false },
  KAFKA_STORAGE_ERROR: { number: 56, retriable: true },
  SASL_AUTHENTICATION_FAILED: { number: 58, retriable: false },
  NON_EMPTY_GROUP: { number: 68, retriable: false },
  GROUP_ID_NOT_FOUND: { number: 69, retriable: false },
  UNSUPPORTED_COMPRESSION_TYPE: { number: 76, retriable: false },
  FENCED_INSTANCE_ID: { number: 82, retriable: false },
  INVALID_RECORD: { number: 87, retriable: false },
  THROTTLING_QUOTA_EXCEEDED: { number: 89, retriable: true },
  UNKNOWN_TOPIC_ID: { number: 100, retriable: true },
  FENCED_MEMBER_EPOCH: { number: 110, retriable: false },
} as const satisfies Record<string, { number: number; retriable: boolean }>

export type KafkaErrorName = keyof typeof KAFKA_ERRORS

/** Whether what the failed request was to write may be in the log. */
export type Written = 'no' | 'yes' | 'unknown'

/**
 * What went wrong, whether another try can help, and what became of the data.
 * The message says what was wrong and what to do about it, in a sentence or two.
 */
export class TidemarkError extends Error {
  override readonly name = 'TidemarkError'
  readonly kafkaName: KafkaErrorName
  readonly written: Written
  readonly #isRetriable: boolean | undefined

  /** @param options `retriable` where it is another than with most errors of this name: whether another try can help */
  constructor(
    kafkaName: KafkaErrorName,
    message: string,
    written: Written = 'no',
    options?: ErrorOptions & { retriable?: boolean },
  ) {
    super(message, options)
    this.kafkaName = kafkaName
    this.written = written
    this.#isRetriable = options?.retriable
  }

  /** Kafka's number for this error. */
  get kafkaNumber(): number {
    return KAFKA_ERRORS[this.kafkaName].number
  }

  /** Whether the same request can succeed later, without being changed. */
  get retriable(): boolean {
    return this.#isRetriable ?? KAFKA_ERRORS[this.kafkaName].retriable
  }
}

/** Whether `name` is one of the error names that Tidemark uses; for errors read from the wire. */
export function isKafkaErrorName(name: string): name is KafkaErrorName {
  return Object.hasOwn(KAFKA_ERRORS, name)
}

/** The name of Kafka's error with this number; undefined for one that Tidemark does not use. */
export function kafkaErrorNameOf(number: number): KafkaErrorName | undefined {
  return NAMES.get(number)
}

const NAMES = new Map<number, KafkaErrorName>(
  Object.entries(KAFKA_ERRORS).map(([name, { number }]) => [number, name as KafkaErrorName]),
)
