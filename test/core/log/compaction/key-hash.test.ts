import fc from 'fast-check'
import { expect, test } from 'vitest'
import { keyHash, sipHash } from '../../../../src/core/log/compaction/key-hash.ts'

/** Of the bytes 0, 1, 2, … as far as so many go, under the secret of the bytes 0 to 15: as its authors have published them. */
const PUBLISHED: readonly [length: number, hash: string][] = [
  [0, 'a3817f04ba25a8e66df67214c7550293'],
  [1, 'da87c1d86b99af44347659119b22fc45'],
  [2, '8177228da4a45dc7fca38bdef60affe4'],
  [3, '9c70b60c5267a94e5f33b6b02985ed51'],
]

const hashOf = (hash: typeof keyHash, key: Uint8Array) => {
  const words = new Uint32Array(4)
  hash(key, words)
  return Buffer.from(words.buffer).toString('hex')
}

test.each(PUBLISHED)('of %i bytes it is what its authors have published', (length, hash) => {
  const secret = Uint8Array.from({ length: 16 }, (_, byte) => byte)
  const key = Uint8Array.from({ length }, (_, byte) => byte)
  expect(hashOf(sipHash(secret), key)).toBe(hash)
})

/** The same by numbers of 64 bits, word by word as it is described. */
function described(secret: Uint8Array, key: Uint8Array): string {
  const word = (bytes: Uint8Array, at: number) => Buffer.from(bytes).readBigUInt64LE(at)
  const mask = 2n ** 64n - 1n
  const turn = (value: bigint, by: bigint) => ((value << by) | (value >> (64n - by))) & mask
  const [k0, k1] = [word(secret, 0), word(secret, 8)]
  let a = k0 ^ 0x736f6d6570736575n
  let b = k1 ^ 0x646f72616e646f6dn ^ 0xeen
  let c = k0 ^ 0x6c7967656e657261n
  let d = k1 ^ 0x7465646279746573n
  const round = () => {
    a = (a + b) & mask
    b = turn(b, 13n) ^ a
    a = turn(a, 32n)
    c = (c + d) & mask
    d = turn(d, 16n) ^ c
    a = (a + d) & mask
    d = turn(d, 21n) ^ a
    c = (c + b) & mask
    b = turn(b, 17n) ^ c
    c = turn(c, 32n)
  }
  const padded = Buffer.alloc((Math.floor(key.length / 8) + 1) * 8)
  padded.set(key)
  padded[padded.length - 1] = key.length & 0xff
  for (let at = 0; at < padded.length; at += 8) {
    d ^= word(padded, at)
    round()
    round()
    a ^= word(padded, at)
  }
  const end = Buffer.alloc(16)
  c ^= 0xeen
  for (let rounds = 0; rounds < 4; rounds++) round()
  end.writeBigUInt64LE(a ^ b ^ c ^ d, 0)
  b ^= 0xddn
  for (let rounds = 0; rounds < 4; rounds++) round()
  end.writeBigUInt64LE(a ^ b ^ c ^ d, 8)
  return end.toString('hex')
}

test('of any bytes under any secret it is what is described', () => {
  const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length })
  fc.assert(
    fc.property(bytes(16), fc.uint8Array({ maxLength: 300 }), (secret, key) => {
      expect(hashOf(sipHash(secret), key)).toBe(described(secret, key))
    }),
  )
})

test('it makes nothing that V8 has to collect', () => {
  const words = new Uint32Array(4)
  const key = Buffer.from('a key among many')
  const heapUsed = () => process.memoryUsage().heapUsed
  const bytesOf = (calls: number) => {
    const before = heapUsed()
    for (let call = 0; call < calls; call++) keyHash(key, words)
    return heapUsed() - before
  }
  bytesOf(100_000)
  // A text for each would be 50 MB.
  expect(bytesOf(1_000_000)).toBeLessThan(5_000_000)
})
