import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type SignedRange, UrlSigner } from '../../../../src/contract/http/trust/signed-url.ts'
import { type Position, toPosition } from '../../../../src/core/numbers.ts'

const signer = new UrlSigner({ secret: randomBytes(32), baseUrl: 'http://127.0.0.1:1/', lifetimeMs: 1_000 })

function parse(url: string): SignedRange {
  const { pathname, searchParams } = new URL(url)
  const number = (name: string) => Number(searchParams.get(name))
  return {
    key: decodeURIComponent(pathname.slice('/objects/'.length)),
    position: number('position') as Position,
    bytes: number('bytes'),
    expiresMs: number('expires'),
    signature: searchParams.get('signature')!,
  }
}
const refused = expect.objectContaining({ kafkaName: 'TOPIC_AUTHORIZATION_FAILED', written: 'no' })

describe('a signed URL', () => {
  const segment = fc.string({ minLength: 1, unit: 'grapheme' }).filter(text => !/^\.\.?$|\//.test(text))
  const key = fc.array(segment, { minLength: 1, maxLength: 4 }).map(segments => segments.join('/'))

  test('permits what was signed until it expires, for any key', () => {
    fc.assert(
      fc.property(key, fc.maxSafeNat(), fc.maxSafeNat(), (key, position, bytes) => {
        const { url, expiresMs } = signer.sign(key, toPosition(position), bytes, 5_000)
        expect(expiresMs).toBe(6_000)
        const range = parse(url)
        expect(range).toMatchObject({ key, position, bytes, expiresMs })
        signer.check(range, 5_999)
        expect(() => signer.check(range, 6_000)).toThrow(refused)
      }),
    )
  })

  test('permits nothing when anything of it was changed', () => {
    const range = parse(signer.sign('a/b', toPosition(10), 20, 0).url)
    const changes: Partial<SignedRange>[] = [
      { key: 'a/c' },
      { key: 'a' },
      { position: toPosition(9) },
      { bytes: 21 },
      { expiresMs: range.expiresMs + 1 },
      { signature: '' },
      { signature: range.signature.slice(1) },
      { signature: `${range.signature}AA` },
      { signature: Buffer.from(randomBytes(32)).toString('base64url') },
    ]
    signer.check(range, 0)
    for (const change of changes)
      expect(() => signer.check({ ...range, ...change }, 0), JSON.stringify(change)).toThrow(refused)
  })

  test('of another secret permits nothing', () => {
    const other = new UrlSigner({ secret: randomBytes(32) })
    const range = parse(`http://x${other.sign('a', toPosition(0), 1, 0).url}`)
    other.check(range, 0)
    expect(() => signer.check(range, 0)).toThrow(refused)
  })
})

test('keys that a URL parser would change cannot be signed', () => {
  for (const key of ['', 'a//b', '../a', 'a/./b', 'a/..', '/a']) {
    expect(() => signer.sign(key, toPosition(0), 1, 0), key).toThrow(RangeError)
  }
})

test('a short secret is refused', () => {
  expect(() => new UrlSigner({ secret: randomBytes(31) })).toThrow(RangeError)
})
