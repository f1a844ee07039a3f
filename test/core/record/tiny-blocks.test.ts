import { compressSync as compressLz4Block } from 'lz4-napi'
import { compressSync } from 'snappy'
import { describe, expect, test } from 'vitest'
import { BatchRecords } from '../../../src/core/record/batch-records.ts'
import { checkBatch } from '../../../src/core/record/index.ts'
import { forgeCompressed, snappyStream, varint } from './forge.ts'

const MiB = 1024 * 1024
const TINY = Buffer.alloc(1)
/** A record that all the blocks are taken for, in vain. */
const LARGE_RECORD = Buffer.from(varint(100 * MiB))

/** One frame of blocks that may refer to those before; what is no block yet is stored as it is. */
function lz4Frame(blocks: readonly { bytes: Buffer; isStored: boolean }[]): Buffer {
  const frame = blocks.flatMap(({ bytes, isStored }) => {
    const word = Buffer.alloc(4)
    word.writeUInt32LE((isStored ? 0x8000_0000 : 0) + bytes.length)
    return [word, bytes]
  })
  return Buffer.concat([Buffer.from([0x04, 0x22, 0x4d, 0x18, 0x40, 0x70, 0xdf]), ...frame, Buffer.alloc(4)])
}

test('many tiny blocks of snappy hide no large one', () => {
  const blocks = [...Array(200_000).fill(compressSync(TINY)), compressSync(Buffer.alloc(16 * MiB))]
  const batch = forgeCompressed('snappy', snappyStream(blocks))
  const reading = new BatchRecords(checkBatch(batch), batch, 0)
  expect(reading.whole).toBeUndefined()
  expect(reading.heldBytes).toBe(16 * MiB)
})

describe('a batch of nothing but tiny blocks lets others have their turn', () => {
  const stored = (bytes: Buffer) => ({ bytes, isStored: true })
  // The library has the size in front.
  const large = { bytes: compressLz4Block(Buffer.alloc(4 * MiB)).subarray(4), isStored: false }
  const tinies = <T>(block: T) => Array<T>(20_000).fill(block)
  const payloads = {
    snappy: snappyStream([compressSync(LARGE_RECORD), ...tinies(compressSync(TINY))]),
    'large snappy': snappyStream(
      [LARGE_RECORD, Buffer.alloc(5 * MiB), ...tinies(TINY)].map(b => compressSync(b)),
    ),
    lz4: lz4Frame([stored(LARGE_RECORD), large, large, ...tinies(stored(TINY))]),
    'empty lz4': lz4Frame([stored(LARGE_RECORD), large, large, ...tinies(stored(Buffer.alloc(0)))]),
  }

  test.each(Object.entries(payloads))('in %s', async (name, payload) => {
    const batch = forgeCompressed(name.includes('snappy') ? 'snappy' : 'lz4', payload)
    let turns = 0
    let isReading = true
    const count = () => {
      turns++
      if (isReading) setImmediate(count)
    }
    setImmediate(count)
    const reading = new BatchRecords(checkBatch(batch), batch, 0)
    const read = Promise.resolve(reading.next({ records: 1, bytes: 100 * MiB }))
    await expect(read).rejects.toThrow('A record says it has')
    isReading = false
    expect(turns).toBeGreaterThan(15)
  })
})
