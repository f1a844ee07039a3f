import { ByteReader, ByteWriter } from '../bytes.ts'
import { advance, type Offset } from '../numbers.ts'
import { decodeEntry, encodeEntry, type IndexEntry, spanOf } from './entry.ts'
import type { LogSummary } from './summary.ts'

/** An immutable index item: entries that left the tail. Small ones may bear their payload still. */
export interface Block {
  readonly baseOffset: Offset
  readonly entries: readonly IndexEntry[]
  /** Over the log from its very beginning to this block's end. */
  readonly summary: LogSummary
}

export function blockEnd(block: Block): Offset {
  return advance(block.baseOffset, spanOf(block.entries))
}

/** The base offset is the item's key and not repeated in the value. */
export function encodeBlock(block: Block): Uint8Array {
  const writer = new ByteWriter()
    .byte(BLOCK_VERSION)
    .number(block.summary.bytes)
    .number(block.summary.maxTimestampMs + 1)
  for (const entry of block.entries) writer.block(encodeEntry(entry))
  return writer.finish()
}

/** @throws RangeError when the bytes are no block of a version that is known */
export function decodeBlock(baseOffset: Offset, bytes: Uint8Array): Block {
  const reader = new ByteReader(bytes)
  const version = reader.byte()
  if (version !== BLOCK_VERSION) throw new RangeError(`a block of version ${version} is not known`)
  const summary = { bytes: reader.number(), maxTimestampMs: reader.number() - 1 }
  const entries: IndexEntry[] = []
  while (!reader.isAtEnd) entries.push(decodeEntry(reader.block()))
  return { baseOffset, entries, summary }
}

const BLOCK_VERSION = 1
