import { ByteReader, ByteWriter } from '../bytes.ts'
import { isKafkaErrorName, type KafkaErrorName } from '../errors.ts'

/** What an application has put beside its own writes, and a relay is to move into a log. */
export interface OutboxItem {
  /** Its sort key: see OutboxKeys. */
  readonly key: string
  /** The topic's name when it was written. */
  readonly topic: string
  /** One record batch of no producer. */
  readonly batch: Uint8Array
  /** When it was made, by the application's clock. */
  readonly createdMs: number
}

/** Why an item could not be moved, and never will be. */
export interface Parking {
  readonly error: KafkaErrorName
  /** In words. */
  readonly reason: string
}

/** An item that could not be moved. */
export interface ParkedItem extends OutboxItem, Parking {
  readonly parkedMs: number
}

const VERSION = 1

export function encodeOutboxItem({ topic, batch, createdMs }: OutboxItem): Uint8Array {
  return new ByteWriter().byte(VERSION).number(createdMs).block(Buffer.from(topic)).block(batch).finish()
}

/** @throws RangeError when the bytes are no such item */
export function decodeOutboxItem(key: string, bytes: Uint8Array): OutboxItem {
  return readItem(key, readerOf(bytes))
}

export function encodeParkedItem(item: ParkedItem): Uint8Array {
  return new ByteWriter()
    .raw(encodeOutboxItem(item))
    .number(item.parkedMs)
    .block(Buffer.from(item.error))
    .block(Buffer.from(item.reason))
    .finish()
}

/** @throws RangeError when the bytes are no such item */
export function decodeParkedItem(key: string, bytes: Uint8Array): ParkedItem {
  const reader = readerOf(bytes)
  const item = readItem(key, reader)
  const parkedMs = reader.number()
  const error = readText(reader)
  return { ...item, parkedMs, error: toErrorName(error), reason: readText(reader) }
}

/** @throws RangeError where it is no name of an error */
export function toErrorName(name: string): KafkaErrorName {
  if (!isKafkaErrorName(name)) throw new RangeError(`the error "${name}" is not known`)
  return name
}

function readItem(key: string, reader: ByteReader): OutboxItem {
  const createdMs = reader.number()
  return { key, createdMs, topic: readText(reader), batch: reader.block() }
}

function readerOf(bytes: Uint8Array): ByteReader {
  const reader = new ByteReader(bytes)
  const version = reader.byte()
  if (version !== VERSION) throw new RangeError(`an outbox's item of version ${version} is not known`)
  return reader
}

function readText(reader: ByteReader): string {
  return Buffer.from(reader.block()).toString()
}
