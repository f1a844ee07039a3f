import { crc32c } from '@node-rs/crc32'
import { ByteReader, ByteWriter } from '../bytes.ts'
import {
  decodeFlushedProducers,
  encodeFlushedProducers,
  type FlushedProducer,
} from '../log/producers/flushed-producer.ts'
import type { Level, Segment } from '../log/settled/segment.ts'
import { type Offset, toOffset } from '../numbers.ts'
import { SparseIndex } from './sparse-index.ts'

/**
 * What stands behind the batches of a segment's object: where to begin a read in it, and all that it takes to make the
 * index anew from such objects alone.
 */
export interface Footer {
  /** As it was when the segment was written. */
  readonly topic: FooterTopic
  readonly partition: number
  readonly level: Level
  /** Up to here the log was compacted when this was written. */
  readonly cleanTo: Offset
  /** Of a segment that a pass of the cleaner made: where the pass ends; else 0. */
  readonly passEnd: Offset
  /** As its item has it. */
  readonly segment: Segment
  /** Idempotent producers at its end, those of before included: the latest of them. */
  readonly producers: ReadonlyMap<bigint, FlushedProducer>
  readonly marks: SparseIndex
}

export interface FooterTopic {
  readonly topicId: string
  readonly name: string
  readonly partitions: number
  /** What is set, and no defaults. */
  readonly configs: Readonly<Record<string, string>>
  readonly createdMs: number
  /** Whether what its configs say of deleting holds: of a topic that is older than that, all is kept until somebody sets it. */
  readonly expires?: boolean | undefined
}

/** With its trailer: its length, its CRC, and what a segment's object ends with. */
export function encodeFooter({ topic, segment, ...footer }: Footer): Uint8Array {
  const isRolled = footer.level === 'rolled'
  const { lost = 0 } = segment
  const writer = new ByteWriter()
    .byte(lost > 0 ? FOOTER_VERSION : VERSION_WITHOUT_LOST)
    .block(Buffer.from(topic.topicId))
    .block(Buffer.from(topic.name))
    .number(topic.partitions)
    .block(Buffer.from(JSON.stringify(topic.configs)))
    .number(topic.createdMs)
    .byte(topic.expires ? 1 : 0)
    .number(footer.partition)
    .byte(isRolled ? ROLLED : MERGED)
    .number(footer.level === 'rolled' ? 0 : footer.level)
    .number(segment.baseOffset)
    .number(segment.end)
    .number(segment.startOffset)
    .number(footer.cleanTo)
    .number(footer.passEnd)
    .id(segment.id)
    .number(segment.bytes)
    .number(segment.records)
    .number(segment.writes)
    .number(segment.loggedBytes)
    .number(segment.maxTimestampMs + 1)
    .number(segment.firstTimestampMs + 1)
    .number(segment.createdMs)
    .number(segment.tombstonesMs)
    .block(encodeFlushedProducers(footer.producers))
    .block(footer.marks.encode())
  const body = (lost > 0 ? writer.number(lost) : writer).finish()
  const trailer = Buffer.alloc(TRAILER_BYTES)
  trailer.writeUInt32BE(body.length, 0)
  trailer.writeUInt32BE(crc32c(body), CRC_AT)
  trailer.write(MAGIC, MAGIC_AT, 'latin1')
  return Buffer.concat([body, trailer])
}

/**
 * @param bytes of the footer and its trailer, no more
 * @throws RangeError when they are damaged, or of a version that is not known
 */
export function decodeFooter(bytes: Uint8Array): Footer {
  const trailer = trailerOf(bytes)
  if (trailer?.footerBytes !== bytes.length) throw new RangeError('a footer does not end as one')
  const body = bytes.subarray(0, bytes.length - TRAILER_BYTES)
  if (crc32c(body) !== trailer.crc) throw new RangeError('a footer has another CRC-32C than its trailer says')
  return readBody(body, bytes.length)
}

function readBody(body: Uint8Array, footerBytes: number): Footer {
  const reader = new ByteReader(body)
  const version = reader.byte()
  if (version !== FOOTER_VERSION && version !== VERSION_WITHOUT_LOST)
    throw new RangeError(`a footer of version ${version} is not known`)
  const topic = {
    topicId: text(reader.block()),
    name: text(reader.block()),
    partitions: reader.number(),
    configs: parseConfigs(text(reader.block())),
    createdMs: reader.number(),
    expires: reader.byte() === 1,
  }
  const partition = reader.number()
  const level = readLevel(reader)
  const baseOffset = toOffset(reader.number())
  const end = toOffset(reader.number())
  const startOffset = toOffset(reader.number())
  const cleanTo = toOffset(reader.number())
  const passEnd = toOffset(reader.number())
  const written: Segment = {
    baseOffset,
    end,
    id: reader.id(),
    bytes: reader.number(),
    footerBytes,
    records: reader.number(),
    writes: reader.number(),
    loggedBytes: reader.number(),
    maxTimestampMs: reader.number() - 1,
    firstTimestampMs: reader.number() - 1,
    createdMs: reader.number(),
    startOffset,
    tombstonesMs: reader.number(),
  }
  if (end <= baseOffset) throw new RangeError(`a segment from ${baseOffset} ends at ${end}`)
  const producers = decodeFlushedProducers(reader.block())
  for (const { runs } of producers.values()) {
    if (runs.length === 0) throw new RangeError('a producer has no runs')
  }
  const marks = SparseIndex.decode(reader.block(), { span: end - baseOffset, bytes: written.bytes })
  const segment = version === FOOTER_VERSION ? { ...written, lost: reader.number() } : written
  if (!reader.isAtEnd) throw new RangeError('a footer has more than it should')
  return { topic, partition, level, cleanTo, passEnd, segment, producers, marks }
}

/**
 * How long the footer is that an object ends with, its trailer included; undefined where it ends with none.
 * @param bytes TRAILER_BYTES of them at least, up to the object's end
 */
export function trailerOf(bytes: Uint8Array): { footerBytes: number; crc: number } | undefined {
  if (bytes.length < TRAILER_BYTES) return undefined
  const trailer = Buffer.from(bytes.buffer, bytes.byteOffset + bytes.length - TRAILER_BYTES, TRAILER_BYTES)
  if (trailer.toString('latin1', MAGIC_AT) !== MAGIC) return undefined
  return { footerBytes: trailer.readUInt32BE(0) + TRAILER_BYTES, crc: trailer.readUInt32BE(CRC_AT) }
}

/** What it takes of an object's end to know how long its footer is. */
export const TRAILER_BYTES = 12
const CRC_AT = 4
const MAGIC_AT = 8
const MAGIC = 'TMS1'
const FOOTER_VERSION = 2
/** Also of whatever has lost nothing: so it stays readable to what is older. */
const VERSION_WITHOUT_LOST = 1
const ROLLED = 1
const MERGED = 2

function readLevel(reader: ByteReader): Level {
  const level = reader.byte()
  const generation = reader.number()
  if (level === ROLLED) return 'rolled'
  if (level === MERGED) return generation
  throw new RangeError(`a segment of level ${level} is not known`)
}

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString()
}

function parseConfigs(json: string): Record<string, string> {
  let configs: unknown
  try {
    configs = JSON.parse(json)
  } catch (error) {
    throw new RangeError("a footer's configs are no JSON", { cause: error })
  }
  const isObject = typeof configs === 'object' && configs !== null && !Array.isArray(configs)
  if (isObject && Object.values(configs!).every(value => typeof value === 'string')) {
    return configs as Record<string, string>
  }
  throw new RangeError("a footer's configs are no texts by name")
}
