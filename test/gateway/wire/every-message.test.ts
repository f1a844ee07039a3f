/** What holds of every API in every version, by values drawn from its table. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { WireError } from '../../../src/gateway/wire/reader.ts'
import { messages, readBack, VERSIONS } from './messages.ts'

const FULL = { elements: 2, isFull: true }

test.each(VERSIONS)('$name: what is written is read, and written again is the same', ({ api, version }) => {
  fc.assert(
    fc.property(messages(api.fields.request, version), message => {
      const bytes = Buffer.concat(api.encodeRequest(version, message))
      const read = api.decodeRequest(version, bytes)
      expect(read).toEqual(readBack(api.fields.request, version, message))
      expect(Buffer.concat(api.encodeRequest(version, read))).toEqual(bytes)
    }),
    { numRuns: 20 },
  )
  fc.assert(
    fc.property(messages(api.fields.response, version), message => {
      const bytes = Buffer.concat(api.encodeResponse(version, message))
      const read = api.decodeResponse(version, bytes)
      expect(read).toEqual(readBack(api.fields.response, version, message))
      expect(Buffer.concat(api.encodeResponse(version, read))).toEqual(bytes)
    }),
    { numRuns: 20 },
  )
})

test.each(VERSIONS)('$name: a request that ends too early is none', ({ api, version }) => {
  for (const message of fc.sample(messages(api.fields.request, version, FULL), { numRuns: 2, seed: 14 })) {
    const bytes = Buffer.concat(api.encodeRequest(version, message))
    for (let length = 0; length < bytes.length; length++) {
      expect(() => api.decodeRequest(version, bytes.subarray(0, length))).toThrow(WireError)
    }
  }
})

test.each(VERSIONS)('$name: what follows a request is left alone', ({ api, version }) => {
  for (const message of fc.sample(messages(api.fields.request, version), { numRuns: 5, seed: 14 })) {
    const bytes = Buffer.concat(api.encodeRequest(version, message))
    const longer = Buffer.concat([bytes, Buffer.alloc(3)])
    expect(api.decodeRequest(version, longer)).toEqual(api.decodeRequest(version, bytes))
  }
})
