import type { Assignment } from './types/offsets.ts'

export interface ISerializer<T> {
  encode(value: T): Buffer
  decode(buffer: Buffer): T | null
}

export type MemberMetadata = { version: number; topics: string[]; userData: Buffer }

export type MemberAssignment = { version: number; assignment: Assignment; userData: Buffer }

/** What members of Kafka's groups tell each other, in Kafka's encoding: big-endian, lengths before all that varies. */
export const AssignerProtocol: {
  MemberMetadata: ISerializer<MemberMetadata>
  MemberAssignment: ISerializer<MemberAssignment>
} = {
  MemberMetadata: {
    encode: ({ version, topics, userData = Buffer.alloc(0) }) =>
      Buffer.concat([int16(version), list(topics, text), bytes(userData)]),
    decode(buffer) {
      if (buffer.length < 2) return null
      const reader = new Reader(buffer)
      const version = reader.int16()
      const topics = reader.list(() => reader.text())
      return { version, topics, userData: reader.bytes() }
    },
  },
  MemberAssignment: {
    encode: ({ version, assignment, userData = Buffer.alloc(0) }) => {
      const topics = list(Object.entries(assignment), ([topic, partitions]) =>
        Buffer.concat([text(topic), list(partitions, int32)]),
      )
      return Buffer.concat([int16(version), topics, bytes(userData)])
    },
    decode(buffer) {
      if (buffer.length < 2) return null
      const reader = new Reader(buffer)
      const version = reader.int16()
      const topics = reader.list(() => [reader.text(), reader.list(() => reader.int32())] as const)
      return { version, assignment: Object.fromEntries(topics), userData: reader.bytes() }
    },
  },
}

function int16(value: number): Buffer {
  const buffer = Buffer.alloc(2)
  buffer.writeInt16BE(value)
  return buffer
}

function int32(value: number): Buffer {
  const buffer = Buffer.alloc(4)
  buffer.writeInt32BE(value)
  return buffer
}

function text(value: string): Buffer {
  const utf8 = Buffer.from(value)
  return Buffer.concat([int16(utf8.length), utf8])
}

function bytes(value: Buffer): Buffer {
  return Buffer.concat([int32(value.length), value])
}

function list<T>(values: readonly T[], encode: (value: T) => Buffer): Buffer {
  return Buffer.concat([int32(values.length), ...values.map(encode)])
}

class Reader {
  readonly #buffer: Buffer
  #position = 0

  constructor(buffer: Buffer) {
    this.#buffer = buffer
  }

  int16(): number {
    return this.#take(2).readInt16BE()
  }

  int32(): number {
    return this.#take(4).readInt32BE()
  }

  text(): string {
    return this.#take(this.int16()).toString()
  }

  /** A length of -1 is Kafka's null. */
  bytes(): Buffer {
    return this.#take(Math.max(0, this.int32()))
  }

  list<T>(read: () => T): T[] {
    return Array.from({ length: Math.max(0, this.int32()) }, read)
  }

  #take(length: number): Buffer {
    const end = this.#position + length
    const taken = this.#buffer.subarray(this.#position, end)
    this.#position = end
    return taken
  }
}
