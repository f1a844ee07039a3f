import { describe, expect, test } from 'vitest'
import {
  agreeOnFormat,
  encodeStoreFormat,
  raiseFormat,
  STORE_FORMAT_BYTES_MAX,
  type StoreFormat,
} from '../../src/core/store-format.ts'

const FORMAT: StoreFormat = { version: 5, storeId: '00'.repeat(16), createdMs: 1_700_000_000_000 }
const OTHER: StoreFormat = { ...FORMAT, storeId: '11'.repeat(16) }

const INDEX = 'the table "tides"'
const BUCKET = 'the bucket "tides"'

const agree = (index: Uint8Array | undefined, bucket: Uint8Array | undefined) =>
  agreeOnFormat({ place: INDEX, bytes: index }, [{ place: BUCKET, bytes: bucket }])

/** These bytes stand in users' stores: another form takes another version, and a reader of both. */
test('a statement has these bytes', () => {
  const text = `{"format":"tidemark","version":5,"storeId":"${'00'.repeat(16)}","createdMs":1700000000000}\n`
  expect(new TextDecoder().decode(encodeStoreFormat(FORMAT))).toBe(text)
  expect(agree(new TextEncoder().encode(text), undefined)).toEqual({ format: FORMAT })
  expect(encodeStoreFormat(FORMAT).length).toBeLessThan(STORE_FORMAT_BYTES_MAX)
})

test('parts that say the same agree, and so do those that say nothing yet', () => {
  const bytes = encodeStoreFormat(FORMAT)
  expect(agree(bytes, bytes)).toEqual({ format: FORMAT })
  expect(agree(bytes, undefined)).toEqual({ format: FORMAT })
  expect(agree(undefined, undefined)).toEqual({ format: undefined })
  const old = { ...FORMAT, createdMs: null }
  expect(agree(encodeStoreFormat(old), bytes)).toEqual({ format: old })
})

test('parts of two versions agree, since they are raised one after the other; what is older is raised', () => {
  const old = { ...FORMAT, version: 1 }
  expect(agree(encodeStoreFormat(old), encodeStoreFormat(old))).toEqual({ format: old })
  expect(agree(encodeStoreFormat(FORMAT), encodeStoreFormat(old))).toEqual({ format: FORMAT })
  expect(raiseFormat(old, FORMAT.version)).toEqual(FORMAT)
  expect(raiseFormat(FORMAT, FORMAT.version)).toBeUndefined()
})

describe('refused, with what to do:', () => {
  const text = (value: string) => new TextEncoder().encode(value)
  const stated = encodeStoreFormat(FORMAT)
  test.each<[string, Uint8Array | undefined, Uint8Array | undefined, string[]]>([
    [
      'a newer one',
      encodeStoreFormat({ ...FORMAT, version: 6 }),
      stated,
      [INDEX, 'a newer Tidemark', 'use that version'],
    ],
    ['a newer bucket', stated, encodeStoreFormat({ ...FORMAT, version: 9 }), [BUCKET, 'format 9']],
    [
      'a foreign one',
      text('{"format":"other","version":1}'),
      stated,
      [INDEX, "not of a store of Tidemark's"],
    ],
    ['what is no JSON', stated, text('tides\n'), [BUCKET, "not of a store of Tidemark's"]],
    ['what is no object', stated, text('[1]'), [BUCKET, "not of a store of Tidemark's"]],
    ['nothing at all', stated, text(''), [BUCKET, "not of a store of Tidemark's"]],
    ['half a statement', text('{"format":"tidemark","version":1}'), stated, [INDEX, 'damaged', 'backup']],
    [
      'two stores',
      stated,
      encodeStoreFormat(OTHER),
      ['do not belong together', FORMAT.storeId, OTHER.storeId],
    ],
    ['an index that says nothing', undefined, stated, [BUCKET, INDEX, 'has an index been lost?', 'backup']],
  ])('%s', (_, index, bucket, words) => {
    const agreement = agree(index, bucket)
    for (const word of words) expect(agreement).toMatchObject({ refusal: expect.stringContaining(word) })
  })
})
