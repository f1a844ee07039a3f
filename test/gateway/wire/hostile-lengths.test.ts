/** Lengths that no bytes stand behind. */
import { expect, test } from 'vitest'
import { WIRE_ELEMENTS_MAX } from '../../../src/core/limits.ts'
import { decodeRequestHeader } from '../../../src/gateway/wire/header.ts'
import { Fetch } from '../../../src/gateway/wire/messages/fetch.ts'
import { JoinGroup } from '../../../src/gateway/wire/messages/join-group.ts'
import { ListGroups } from '../../../src/gateway/wire/messages/list-groups.ts'
import { Metadata } from '../../../src/gateway/wire/messages/metadata.ts'
import { Produce } from '../../../src/gateway/wire/messages/produce.ts'
import { SaslAuthenticate } from '../../../src/gateway/wire/messages/sasl-authenticate.ts'
import { WireError } from '../../../src/gateway/wire/reader.ts'
import { ConsumerProtocolSubscription } from './consumer-protocol.ts'

const LARGEST = [0x7f, 0xff, 0xff, 0xff]
const LARGEST_VARINT = [0xff, 0xff, 0xff, 0xff, 0x0f]
const NO_TEXT = [0xff, 0xff]

test.each([
  {
    about: 'an array',
    decode: () => Metadata.decodeRequest(1, Uint8Array.from(LARGEST)),
    message: 'topics, at byte 4: 2147483647 elements, for which 0 bytes are too few',
  },
  {
    about: 'an array of a few too many',
    decode: () => Metadata.decodeRequest(1, Uint8Array.from([0, 0, 0, 2, 0, 0, 0])),
    message: 'topics, at byte 4: 2 elements, for which 3 bytes are too few',
  },
  {
    about: 'a compact array',
    decode: () => Metadata.decodeRequest(9, Uint8Array.from([...LARGEST_VARINT, 0, 0, 0])),
    message: 'topics, at byte 5: 4294967294 elements, for which 3 bytes are too few',
  },
  {
    about: 'a negative array',
    decode: () => Metadata.decodeRequest(1, Uint8Array.from([0xff, 0xff, 0xff, 0xfe])),
    message: 'topics, at byte 4: a length of -2',
  },
  {
    about: 'a null where none may be',
    decode: () => ListGroups.decodeRequest(4, Uint8Array.from([0, 0])),
    message: 'statesFilter, at byte 1: null, where none may be',
  },
  {
    about: 'a string',
    decode: () => Metadata.decodeRequest(1, Uint8Array.from([0, 0, 0, 1, 0x7f, 0xff, 65])),
    message: 'topics.name, at byte 6: 32767 bytes are needed, and 1 are left',
  },
  {
    about: 'bytes',
    decode: () => SaslAuthenticate.decodeRequest(0, Uint8Array.from([...LARGEST, 1, 2])),
    message: 'authBytes, at byte 4: 2147483647 bytes are needed, and 2 are left',
  },
  {
    about: 'record batches',
    decode: () =>
      Produce.decodeRequest(
        3,
        Uint8Array.from([
          ...NO_TEXT,
          ...[0, 1],
          ...[0, 0, 0, 1],
          ...[0, 0, 0, 1],
          ...[0, 1, 65],
          ...[0, 0, 0, 1],
          ...[0, 0, 0, 0],
          ...LARGEST,
        ]),
      ),
    message: 'topicData.partitionData.records, at byte 27: 2147483647 bytes are needed, and 0 are left',
  },
  {
    about: 'a varint of six bytes',
    decode: () => ListGroups.decodeRequest(4, Uint8Array.from([0x80, 0x80, 0x80, 0x80, 0x80, 0x01])),
    message: 'statesFilter, at byte 5: a number is longer than 32 bits',
  },
  {
    about: 'a varint of 33 bits',
    decode: () => ListGroups.decodeRequest(4, Uint8Array.from([0xff, 0xff, 0xff, 0xff, 0x1f])),
    message: 'statesFilter, at byte 5: a number is longer than 32 bits',
  },
  {
    about: 'a count of tagged fields',
    decode: () => ListGroups.decodeRequest(4, Uint8Array.from([1, ...LARGEST_VARINT])),
    message: 'the message, at byte 6: 1 bytes are needed, and 0 are left',
  },
  {
    about: 'an unknown tagged field',
    decode: () => ListGroups.decodeRequest(4, Uint8Array.from([1, 1, 9, ...LARGEST_VARINT])),
    message: 'the message, at byte 8: a tagged field of 4294967295 bytes, and 0 are left',
  },
  {
    about: 'a known tagged field that is shorter than it says',
    decode: () => Fetch.decodeRequest(12, fetchWithTag([0, 5, 1, 0, 0, 0, 0])),
    message: /^clusterId, at byte \d+: the tagged field's length is wrong by -4$/,
  },
  {
    about: 'a header',
    decode: () => decodeRequestHeader(Uint8Array.from([0, 3, 0, 1, 0]), () => Metadata),
    message: 'header, at byte 4: 4 bytes are needed, and 1 are left',
  },
  {
    about: 'a client id',
    decode: () => decodeRequestHeader(Uint8Array.from([0, 3, 0, 1, 0, 0, 0, 1, 0xff, 0xfe]), () => Metadata),
    message: 'header.clientId, at byte 10: a length of -2',
  },
  {
    about: 'a subscription without a version',
    decode: () => ConsumerProtocolSubscription.decode(Uint8Array.from([0xff, 0xff])),
    message: 'version, at byte 2: version -1 is none',
  },
])('$about', ({ decode, message }) => {
  expect(decode).toThrow(WireError)
  expect(decode).toThrow(message)
})

test('no more elements in a message than some, however small they are', () => {
  const topics = { name: '', metadata: new Uint8Array(0) }
  const body = (count: number) => ({
    groupId: 'g',
    sessionTimeoutMs: 0,
    memberId: '',
    protocolType: '',
    protocols: Array<typeof topics>(count).fill(topics),
  })
  const bytes = (count: number) => Buffer.concat(JoinGroup.encodeRequest(6, body(count)))
  expect(JoinGroup.decodeRequest(6, bytes(WIRE_ELEMENTS_MAX)).protocols).toHaveLength(WIRE_ELEMENTS_MAX)
  expect(() => JoinGroup.decodeRequest(6, bytes(WIRE_ELEMENTS_MAX + 1))).toThrow(
    /^protocols, at byte \d+: more than 262144 elements in all$/,
  )
})

/** The smallest fetch, with one tagged field behind it. */
function fetchWithTag(tag: readonly number[]): Uint8Array {
  const [bytes] = Fetch.encodeRequest(12, { maxWaitMs: 0, minBytes: 0, topics: [] })
  return Uint8Array.from([...bytes!.subarray(0, -1), 1, ...tag])
}
