import { crc32c } from '@node-rs/crc32'
import { expect, test } from 'vitest'
import { batchChecksum } from '../../../src/core/record/checksum.ts'

// RFC 3720, appendix B.4, and the check value of the CRC catalogue.
const VECTORS: [string, Uint8Array, number][] = [
  ['nothing', new Uint8Array(0), 0],
  ['"123456789"', new TextEncoder().encode('123456789'), 0xe306_9283],
  ['32 zeros', new Uint8Array(32), 0x8a91_36aa],
  ['32 ones', new Uint8Array(32).fill(0xff), 0x62a8_ab43],
  ['32 ascending', Uint8Array.from({ length: 32 }, (_, at) => at), 0x46dd_794e],
  ['32 descending', Uint8Array.from({ length: 32 }, (_, at) => 31 - at), 0x113f_db5c],
]

test.each(VECTORS)('the CRC-32C of %s', (_, bytes, crc) => {
  expect(crc32c(bytes)).toBe(crc)
  const around = Buffer.concat([new Uint8Array(3), new Uint8Array(21), bytes, Uint8Array.of(1, 2, 3)])
  expect(batchChecksum(around, 3, 21 + bytes.length)).toBe(crc)
})
