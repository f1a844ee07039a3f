import { compressSync, uncompress as uncompressBeside, uncompressSync } from 'snappy'
import { TidemarkError } from '../errors.ts'
import { INFLATED_AT_ONCE_BYTES_MAX } from '../limits.ts'
import { readInt32, writeInt32 } from './batch-layout.ts'

/**
 * Snappy as Kafka's Java clients write it, in the stream format of xerial's snappy-java: a magic, two
 * versions, then blocks that are compressed one by one, each behind its length. Streams may follow each other. Some
 * other clients write one raw block without any of this, so both are read.
 * Source: org.xerial.snappy.SnappyOutputStream and SnappyCodec.
 */
const STREAM_HEADER = Uint8Array.of(0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0, 0, 0, 0, 1, 0, 0, 0, 1)
const MAGIC_BYTES = 8
const BLOCK_BYTES = 32 * 1024
const LENGTH_BYTES = 4

/** Snappy's densest element: a copy of 64 bytes takes 3. So no block can grow more than that. */
const COPY_BYTES_MAX = 64
const COPY_ELEMENT_BYTES = 3

// Memory that belongs to the library takes four times as long to hand over as blocks of this size to copy.
const COPIED = { copyOutputData: true }

/** Compresses into xerial's stream format, in blocks of 32 KiB. */
export function compressSnappy(bytes: Uint8Array): Uint8Array {
  const blocks: Uint8Array[] = []
  let sizeBytes = STREAM_HEADER.length
  for (let start = 0; start < bytes.length; start += BLOCK_BYTES) {
    const block = compressSync(bytes.subarray(start, start + BLOCK_BYTES), COPIED)
    blocks.push(block)
    sizeBytes += LENGTH_BYTES + block.length
  }
  const stream = new Uint8Array(sizeBytes)
  stream.set(STREAM_HEADER)
  let position = STREAM_HEADER.length
  for (const block of blocks) {
    writeInt32(stream, position, block.length)
    stream.set(block, position + LENGTH_BYTES)
    position += LENGTH_BYTES + block.length
  }
  return stream
}

/**
 * @param limitBytes what the result may have
 * @throws TidemarkError MESSAGE_TOO_LARGE above the limit
 * @throws Error that says why it is no snappy
 */
export function decompressSnappy(bytes: Uint8Array, limitBytes: number): Uint8Array {
  const blocks = [...blocksOf(bytes)]
  let totalBytes = 0
  for (const block of blocks) totalBytes += declaredBytes(block)
  // Before anything is decompressed, or made room for.
  checkLimit(totalBytes, limitBytes)
  if (blocks.length === 1) return uncompress(blocks[0]!)
  const whole = new Uint8Array(totalBytes)
  let position = 0
  for (const block of blocks) {
    const part = uncompress(block)
    whole.set(part, position)
    position += part.length
  }
  return whole
}

/**
 * The same block by block, for what is too large to be in memory as a whole. A large block is, since it may refer to
 * any part of itself; it is decompressed by another thread.
 * @throws as decompressSnappy
 */
export async function* snappyPieces(bytes: Uint8Array, limitBytes: number): AsyncGenerator<Uint8Array> {
  let totalBytes = 0
  for (const block of blocksOf(bytes)) {
    const blockBytes = declaredBytes(block)
    totalBytes += blockBytes
    checkLimit(totalBytes, limitBytes)
    if (blockBytes <= INFLATED_AT_ONCE_BYTES_MAX) yield uncompress(block)
    else yield (await uncompressBeside(block)) as Uint8Array
  }
}

/** What the largest block says it will be; 0 where there is no reading it. */
export function largestSnappyBlock(bytes: Uint8Array): number {
  try {
    // One by one: there may be more of them than a call can have arguments.
    let largest = 0
    for (const block of blocksOf(bytes)) largest = Math.max(largest, declaredBytes(block))
    return largest
  } catch {
    return 0
  }
}

/** Whether there are more than so many, each of which takes its time however small it is. */
export function hasMoreSnappyBlocks(bytes: Uint8Array, blocksMax: number): boolean {
  const blocks = blocksOf(bytes)[Symbol.iterator]()
  try {
    for (let count = 0; count <= blocksMax; count++) if (blocks.next().done) return false
    return true
  } catch {
    // What is wrong says whoever decompresses it.
    return false
  }
}

function blocksOf(bytes: Uint8Array): Iterable<Uint8Array> {
  return isStream(bytes) ? splitStream(bytes) : [bytes]
}

function isStream(bytes: Uint8Array, position = 0): boolean {
  if (bytes.length - position < STREAM_HEADER.length) return false
  for (let at = 0; at < MAGIC_BYTES; at++) {
    if (bytes[position + at] !== STREAM_HEADER[at]) return false
  }
  return true
}

function* splitStream(bytes: Uint8Array): Generator<Uint8Array> {
  let position = STREAM_HEADER.length
  while (position < bytes.length) {
    // The magic's first bytes are a length below zero, which no block has.
    if (isStream(bytes, position)) {
      position += STREAM_HEADER.length
      continue
    }
    const start = position + LENGTH_BYTES
    const length = start > bytes.length ? -1 : readInt32(bytes, position)
    if (length < 1 || length > bytes.length - start) {
      throw new Error(`the block at byte ${position} does not end inside the batch`)
    }
    yield bytes.subarray(start, start + length)
    position = start + length
  }
}

/** What a raw block says it will be, which the decompressor makes room for unseen. */
function declaredBytes(block: Uint8Array): number {
  let declared = 0
  let weight = 1
  for (let at = 0; at < 5 && at < block.length; at++, weight *= 128) {
    const byte = block[at]!
    declared += (byte & 0x7f) * weight
    if (byte >= 0x80) continue
    if (declared * COPY_ELEMENT_BYTES > block.length * COPY_BYTES_MAX) {
      throw new Error(`a block of ${block.length} bytes says it holds ${declared}, more than snappy can pack`)
    }
    return declared
  }
  throw new Error('a block does not begin with its length')
}

function uncompress(block: Uint8Array): Uint8Array {
  return uncompressSync(block, COPIED) as Uint8Array
}

function checkLimit(totalBytes: number, limitBytes: number): void {
  if (totalBytes <= limitBytes) return
  throw new TidemarkError(
    'MESSAGE_TOO_LARGE',
    `The batch would have ${totalBytes} bytes when decompressed; ${limitBytes} is the most. Send fewer records in a batch.`,
  )
}
