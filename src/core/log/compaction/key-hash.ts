import { randomBytes } from 'node:crypto'

/** Writes four words of a key's hash into `words`. */
export type KeyHash = (key: Uint8Array, words: Uint32Array) => void

/**
 * SipHash-2-4 of 128 bits: with a secret that nobody knows, no two keys can be found that are taken for one, which would cost a
 * record; and by chance none are. In numbers of 32 bits, and without any object: hashes of Node's own are texts or buffers, of which
 * those of millions of keys were most of what V8 had to collect, and what a busy process grew by.
 * @param secret 16 bytes
 */
export function sipHash(secret: Uint8Array): KeyHash {
  const view = new DataView(secret.buffer, secret.byteOffset, secret.byteLength)
  const [k0, k1, k2, k3] = [0, 4, 8, 12].map(at => view.getInt32(at, true)) as [
    number,
    number,
    number,
    number,
  ]
  return (key, words) => {
    let aLow = k0 ^ 0x70736575
    let aHigh = k1 ^ 0x736f6d65
    let bLow = k2 ^ 0x6e646f6d ^ 0xee
    let bHigh = k3 ^ 0x646f7261
    let cLow = k0 ^ 0x6e657261
    let cHigh = k1 ^ 0x6c796765
    let dLow = k2 ^ 0x79746573
    let dHigh = k3 ^ 0x74656462
    const { length } = key
    const whole = length >>> 3
    // All blocks, the rest with the length, and twice the end, each of which gives two words.
    for (let block = 0; block <= whole + 2; block++) {
      let low = 0
      let high = 0
      let rounds = 2
      if (block < whole) {
        const at = block * 8
        low = wordAt(key, at)
        high = wordAt(key, at + 4)
      } else if (block === whole) {
        const at = block * 8
        for (let byte = 0; at + byte < length; byte++) {
          if (byte < 4) low |= key[at + byte]! << (8 * byte)
          else high |= key[at + byte]! << (8 * (byte - 4))
        }
        high |= length << 24
      } else {
        rounds = 4
        if (block === whole + 1) cLow ^= 0xee
        else bLow ^= 0xdd
      }
      dLow ^= low
      dHigh ^= high
      for (; rounds > 0; rounds--) {
        let sum = (aLow >>> 0) + (bLow >>> 0)
        aHigh = (aHigh + bHigh + (sum > 0xffffffff ? 1 : 0)) | 0
        aLow = sum | 0
        let turned = (bLow << 13) | (bHigh >>> 19)
        bHigh = ((bHigh << 13) | (bLow >>> 19)) ^ aHigh
        bLow = turned ^ aLow
        turned = aLow
        aLow = aHigh
        aHigh = turned
        sum = (cLow >>> 0) + (dLow >>> 0)
        cHigh = (cHigh + dHigh + (sum > 0xffffffff ? 1 : 0)) | 0
        cLow = sum | 0
        turned = (dLow << 16) | (dHigh >>> 16)
        dHigh = ((dHigh << 16) | (dLow >>> 16)) ^ cHigh
        dLow = turned ^ cLow
        sum = (aLow >>> 0) + (dLow >>> 0)
        aHigh = (aHigh + dHigh + (sum > 0xffffffff ? 1 : 0)) | 0
        aLow = sum | 0
        turned = (dLow << 21) | (dHigh >>> 11)
        dHigh = ((dHigh << 21) | (dLow >>> 11)) ^ aHigh
        dLow = turned ^ aLow
        sum = (cLow >>> 0) + (bLow >>> 0)
        cHigh = (cHigh + bHigh + (sum > 0xffffffff ? 1 : 0)) | 0
        cLow = sum | 0
        turned = (bLow << 17) | (bHigh >>> 15)
        bHigh = ((bHigh << 17) | (bLow >>> 15)) ^ cHigh
        bLow = turned ^ cLow
        turned = cLow
        cLow = cHigh
        cHigh = turned
      }
      aLow ^= low
      aHigh ^= high
      if (block <= whole) continue
      const at = block === whole + 1 ? 0 : 2
      words[at] = aLow ^ bLow ^ cLow ^ dLow
      words[at + 1] = aHigh ^ bHigh ^ cHigh ^ dHigh
    }
  }
}

/** With a secret of this process: what one knows of hashes does not outlive it. */
export const keyHash: KeyHash = sipHash(randomBytes(16))

function wordAt(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)
}
