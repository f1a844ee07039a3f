import { APIS } from '../../../src/gateway/wire/apis.ts'
import type { Chance } from '../fuzz/chance.ts'
import type { ClientRequest } from './requests.ts'

/** What goes over the wire. */
export interface Mutation {
  /** With the four bytes of its length before it. */
  readonly bytes: Buffer
  /** Its length is that of what follows. */
  readonly isWhole: boolean
}

/** A client's request, damaged in one of the ways in which frames lie. */
export function mutatedFrame(chance: Chance, requests: readonly ClientRequest[]): Mutation {
  const request = chance.oneOf(requests)
  const kind = chance.below(100)
  if (kind < 5) return whole(headed(chance, request, request.body))
  if (kind < 35) return whole(headed(chance, request, chance.damaged(request.body)))
  if (kind < 60) return whole(headed(chance, request, withExtreme(chance, request.body)))
  if (kind < 70) {
    const { body } = request
    return whole(headed(chance, request, body.subarray(0, chance.below(body.length + 1))))
  }
  if (kind < 78) {
    const other = chance.oneOf(requests).body
    const start = request.body.subarray(0, chance.below(request.body.length + 1))
    return whole(
      headed(chance, request, Buffer.concat([start, other.subarray(chance.below(other.length + 1))])),
    )
  }
  if (kind < 86) {
    // Another message's bytes under this name.
    const { api, version } = chance.oneOf(requests)
    return whole(headed(chance, { ...request, api, version }, request.body))
  }
  if (kind < 92) return whole(chance.damaged(headed(chance, request, request.body)))
  if (kind < 96) return whole(withOddHeader(chance, request))
  return withWrongLength(chance, headed(chance, request, request.body))
}

function headed(chance: Chance, { api, version }: ClientRequest, body: Uint8Array): Buffer {
  const clientId = chance.oneOf([null, '', 'rdkafka', 'a'.repeat(300)])
  const text = Buffer.from(clientId ?? '')
  const head = Buffer.alloc(10)
  head.writeInt16BE(api.key, 0)
  head.writeInt16BE(version, 2)
  head.writeInt32BE(chance.below(1_000_000), 4)
  head.writeInt16BE(clientId === null ? -1 : text.length, 8)
  return Buffer.concat([head, text, Buffer.alloc(api.isFlexible(version) ? 1 : 0), body])
}

const NUMBERS = [0x7fff_ffff, -1, -2, -0x8000_0000, 0x00ff_ffff, 0x0100_0000, 1_000_000, 0x7fff]
const VARINTS = [
  [0xff, 0xff, 0xff, 0xff, 0x0f],
  [0xff, 0xff, 0xff, 0xff, 0x7f],
  [0x80, 0x80, 0x80, 0x80, 0x80, 0x80],
  [0xff, 0xff, 0x03],
]

/** A length, a count or a number somewhere becomes one that nobody means. */
function withExtreme(chance: Chance, body: Uint8Array): Buffer {
  const result = Buffer.from(body)
  if (result.length === 0) return chance.bytes(chance.below(20))
  const at = chance.below(result.length)
  if (chance.is(0.4)) {
    const varint = Buffer.from(chance.oneOf(VARINTS))
    return Buffer.concat([result.subarray(0, at), varint, result.subarray(at + (chance.is(0.5) ? 1 : 0))])
  }
  const number = Buffer.alloc(4)
  number.writeInt32BE(chance.oneOf(NUMBERS))
  number.copy(result, at)
  return result
}

function withOddHeader(chance: Chance, request: ClientRequest): Buffer {
  const frame = headed(chance, request, request.body)
  if (chance.is(0.5)) frame.writeInt16BE(chance.oneOf([-1, 4, 7, 27, 71, 999, 32_767, ...APIS.keys()]), 0)
  else frame.writeInt16BE(chance.oneOf([-1, 14, 99, 32_767]), 2)
  return frame
}

function whole(frame: Uint8Array): Mutation {
  const length = Buffer.alloc(4)
  length.writeInt32BE(frame.length)
  return { bytes: Buffer.concat([length, frame]), isWhole: true }
}

function withWrongLength(chance: Chance, frame: Buffer): Mutation {
  const length = Buffer.alloc(4)
  const wrong = [frame.length + 1 + chance.below(1_000), chance.below(frame.length), 0, ...NUMBERS]
  length.writeInt32BE(chance.oneOf(wrong))
  return { bytes: Buffer.concat([length, frame]), isWhole: false }
}
