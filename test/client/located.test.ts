import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { fetchLocated } from '../../src/client/located.ts'
import type { Located, LocatedRange } from '../../src/contract/broker.ts'
import { toOffset, toPosition } from '../../src/core/numbers.ts'
import { decodeBatches, encodeBatch } from '../../src/core/record/index.ts'
import { type Served, serveBroker } from '../contract/http/served-broker.ts'

let served: Served
const sizes = [10, 90_000, 20, 300_000, 5]
beforeAll(async () => {
  served = await serveBroker({ app: { token: 'secret' } })
  await served.client.createTopic({ topic: 't' })
  for (const size of sizes) {
    const record = { value: Buffer.alloc(size, 'x') }
    const batches = Buffer.concat([
      encodeBatch([record, record], { nowMs: 1 }),
      encodeBatch([record], { nowMs: 1 }),
    ])
    await served.client.produce({ topic: 't', partition: 0, batches })
  }
})
afterAll(() => served.close())

const locate = (offset = 0) =>
  served.client.locate({ topic: 't', partition: 0, offset: toOffset(offset), maxBytes: 4_000_000 })
type UrlRange = Extract<LocatedRange, { url: string }>
const urlRanges = ({ ranges }: Located) => ranges.filter((range): range is UrlRange => 'url' in range)

describe('fetchLocated', () => {
  test('reads the same records as a fetch, without a token', async () => {
    const located = await locate()
    // By its size, each batch lies in the index or in an object.
    const places = located.ranges.map(range => ('url' in range ? 'object' : 'index'))
    expect(places).toEqual(['index', 'object', 'index', 'object', 'index'])
    const before = structuredClone(located)
    const fetched = await fetchLocated(located)
    expect(located).toEqual(before)
    const records = fetched.chunks.flatMap(decodeBatches)
    expect(records.map(record => record.offset)).toEqual(Array.from({ length: 15 }, (_, offset) => offset))
    expect(records.map(record => record.value!.length)).toEqual(sizes.flatMap(size => [size, size, size]))
    expect(fetched).toMatchObject({ startOffset: 0, endOffset: 15, nextOffset: 15 })
  })

  test('from any offset on', async () => {
    for (let offset = 0; offset < 15; offset++) {
      const { chunks, nextOffset } = await fetchLocated(await locate(offset))
      const records = chunks.flatMap(decodeBatches)
      expect(records.filter(record => record.offset >= offset).map(record => record.offset)).toEqual(
        Array.from({ length: nextOffset - offset }, (_, n) => offset + n),
      )
    }
  })

  test('notices damage', async () => {
    const located = await locate()
    const [inline] = located.ranges.filter(range => 'inline' in range)
    const changed = Uint8Array.from(inline!.inline)
    changed[changed.length - 1]! ^= 1
    const corrupt = { kafkaName: 'CORRUPT_MESSAGE' }
    await expect(
      fetchLocated({ ...located, ranges: [{ ...inline!, inline: changed }] }),
    ).rejects.toMatchObject(corrupt)
    await expect(fetchLocated({ ...located, ranges: [{ ...inline!, records: 9 }] })).rejects.toMatchObject(
      corrupt,
    )
    await expect(fetchLocated({ ...located, ranges: [{ ...inline!, bytes: 9 }] })).rejects.toMatchObject(
      corrupt,
    )
  })

  test('a URL that works no more is an error that says what to do', async () => {
    const located = await locate()
    const [range] = urlRanges(located)
    const url = range!.url.replace('signature=', 'signature=A')
    await expect(fetchLocated({ ...located, ranges: [{ ...range!, url }] })).rejects.toMatchObject({
      kafkaName: 'TOPIC_AUTHORIZATION_FAILED',
    })
    const nowhere = { ...range!, url: 'http://127.0.0.1:1/' }
    await expect(fetchLocated({ ...located, ranges: [nowhere] })).rejects.toMatchObject({
      kafkaName: 'NETWORK_EXCEPTION',
      written: 'no',
    })
  })
})

describe('a signed URL', () => {
  const get = (url: string, range?: string) => fetch(url, range === undefined ? {} : { headers: { range } })

  test('gives exactly its range', async () => {
    const [range] = urlRanges(await locate())
    const { url, position, bytes, expiresMs } = range!
    expect(url.startsWith(`${served.url}/objects/`)).toBe(true)
    expect(expiresMs).toBeGreaterThan(Date.now())
    const whole = await get(url)
    expect(whole.status).toBe(200)
    expect((await whole.arrayBuffer()).byteLength).toBe(bytes)
    const last = position + bytes - 1
    const partial = await get(url, `bytes=${position}-${last}`)
    expect(partial.status).toBe(206)
    expect(partial.headers.get('content-range')).toBe(`bytes ${position}-${last}/*`)
    for (const other of [
      `bytes=${position}-${last + 1}`,
      `bytes=${position}-`,
      `bytes=-5`,
      'bytes=0-0,2-2',
      'lines=1-2',
    ]) {
      const answer = await get(url, other)
      expect(answer.status).toBe(416)
      expect(await answer.json()).toMatchObject({ kafkaError: 'OFFSET_OUT_OF_RANGE' })
    }
  })

  test.each([
    ['position', '1'],
    ['bytes', '1'],
    ['expires', '9999999999999'],
    ['signature', 'AAAA'],
  ])('permits nothing with another %s', async (name, value) => {
    const url = new URL(urlRanges(await locate())[0]!.url)
    url.searchParams.set(name, value)
    const answer = await get(url.href)
    expect(answer.status).toBe(403)
    expect(answer.headers.get('content-type')).toBe('application/problem+json')
    expect(await answer.json()).toMatchObject({ kafkaError: 'TOPIC_AUTHORIZATION_FAILED' })
  })

  test('permits nothing for another object, with more parameters, or with fewer', async () => {
    const { url } = urlRanges(await locate())[0]!
    expect((await get(url.replace('/objects/', '/objects/x'))).status).toBe(403)
    expect((await get(`${url}&bytes=1`)).status).toBe(400)
    expect((await get(url.replace(/&signature.*/, ''))).status).toBe(400)
    expect((await get(url.replace('/objects/', '/objects/../objects/'))).status).toBe(200) // the same URL
  })

  test('expires', async () => {
    let nowMs = Date.now()
    await using short = await serveBroker({ ports: { nowMs: () => nowMs } })
    await short.client.createTopic({ topic: 't' })
    await short.client.produce({
      topic: 't',
      partition: 0,
      batches: encodeBatch([{ value: Buffer.alloc(9_000) }], { nowMs: 1 }),
    })
    const [range] = urlRanges(await short.client.locate({ topic: 't', partition: 0, offset: toOffset(0) }))
    expect((await get(range!.url)).status).toBe(200)
    nowMs = range!.expiresMs
    const answer = await get(range!.url)
    expect(answer.status).toBe(403)
    expect(await answer.json()).toMatchObject({ detail: expect.stringMatching(/expired/) })
  })

  test('to an object that is gone is 404, and to one that is too short 500', async () => {
    let bytes: Uint8Array | undefined
    const { UrlSigner } = await import('../../src/contract/http/trust/signed-url.ts')
    const signer = new UrlSigner({ secret: Buffer.alloc(32, 1) })
    await using odd = await serveBroker({ ports: { objects: { signer, get: async () => bytes } } })
    const { url } = signer.sign('a/b', toPosition(0), 10, Date.now())
    expect((await odd.get(url)).status).toBe(404)
    bytes = new Uint8Array(9)
    expect((await odd.get(url)).status).toBe(500)
    bytes = new Uint8Array(10)
    expect((await odd.get(url)).status).toBe(200)
  })
})
