/**
 * What members of the protocol type `consumer` bring and are assigned, as Kafka's clients write it (ConsumerProtocolSubscription and
 * ConsumerProtocolAssignment). Nothing that is decided goes by it: it is shown to people, and says whose topics a group's are.
 */
export const CONSUMER_PROTOCOL_TYPE = 'consumer'

/** The topics that a member subscribes to; undefined: the bytes say something else. */
export function subscribedTopicsIn(metadata: Uint8Array): string[] | undefined {
  return reading(metadata, reader => reader.many(() => reader.text()))
}

/** The partitions that a member is assigned, by topic; undefined: the bytes say something else. */
export function assignedPartitionsIn(
  assignment: Uint8Array,
): { topic: string; partitions: number[] }[] | undefined {
  return reading(assignment, reader =>
    reader.many(() => ({ topic: reader.text(), partitions: reader.many(() => reader.int32()) })),
  )
}

/** Of any version: later ones have only more to say behind. */
function reading<T>(bytes: Uint8Array, read: (reader: Reader) => T): T | undefined {
  try {
    const reader = new Reader(bytes)
    reader.int16()
    return read(reader)
  } catch (error) {
    if (error instanceof RangeError) return undefined
    throw error
  }
}

class Reader {
  readonly #bytes: Buffer
  #position = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  int16(): number {
    this.#position += 2
    return this.#bytes.readInt16BE(this.#position - 2)
  }

  int32(): number {
    this.#position += 4
    return this.#bytes.readInt32BE(this.#position - 4)
  }

  text(): string {
    const length = this.int16()
    const end = this.#position + length
    if (length < 0 || end > this.#bytes.length) throw new RangeError('a text ends too early')
    const text = this.#bytes.toString('utf8', this.#position, end)
    this.#position = end
    return text
  }

  many<T>(read: () => T): T[] {
    const count = this.int32()
    // Each has two bytes at least.
    if (count * 2 > this.#bytes.length) throw new RangeError('a list ends too early')
    return Array.from({ length: Math.max(0, count) }, read)
  }
}
