import { expect, test } from 'vitest'
import { toMessage, toRecord } from '../../../src/client/sdk/messages.ts'
import { decodeBatch, encodeBatch } from '../../../src/core/record/index.ts'

test('a header without a value comes back as null, and an empty one as empty', () => {
  const headers = { none: null, empty: '', both: [null, ''], twice: [null, null], __proto__: null }
  const sent = toRecord({ value: 'x', headers }, 0)
  const { records } = decodeBatch(encodeBatch([sent]))
  expect(toMessage(records[0]!).headers).toEqual({
    none: null,
    empty: Buffer.alloc(0),
    both: [null, Buffer.alloc(0)],
    twice: [null, null],
  })
})
