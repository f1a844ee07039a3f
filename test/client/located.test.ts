import http from 'node:http'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { HttpBroker } from '../../src/client/http-broker.ts'
import { HttpTransport } from '../../src/client/http-transport.ts'
import { fetchLocated } from '../../src/client/located.ts'
import type { Located, LocatedRange } from '../../src/contract/broker.ts'
import { toOffset, toPosition } from '../../src/core/numbers.ts'
import { decodeBatches, encodeBatch } from '../../src/core/record/index.ts'
import { type Served, serveBroker } from '../contract/http/served-broker.ts'
import { startProxy } from './proxy.ts'

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

describe('a URL of the broker itself', () => {
  const path = '/topics/t/partitions/0/records?offset=0&maxBytes=4000000&locate=true'
  const urlOf = (json: { ranges: { url?: string }[] }) =>
    json.ranges.find(({ url }) => url !== undefined)?.url

  test('is a path, whatever the headers say', async () => {
    const { port } = served
    for (const headers of [
      { host: `localhost:${port}` },
      { host: `127.0.0.1:${port}`, 'x-forwarded-host': 'evil.example', 'x-forwarded-proto': 'https' },
      {
        host: 'localhost',
        'x-forwarded-prefix': '//evil.example',
        forwarded: 'host=evil.example;proto=https',
      },
    ]) {
      const answer = await rawGet(port, path, { ...headers, authorization: 'Bearer secret' })
      expect(urlOf(answer)).toMatch(/^\/objects\/segments\/[^/]/)
    }
    await using anyHost = await serveBroker({ app: { allowedHosts: 'any' } })
    await anyHost.client.createTopic({ topic: 't' })
    const batches = encodeBatch([{ value: Buffer.alloc(9_000) }], { nowMs: 1 })
    await anyHost.client.produce({ topic: 't', partition: 0, batches })
    const answer = await rawGet(anyHost.port, path, { host: 'evil.example' })
    expect(urlOf(answer)).toMatch(/^\/objects\/segments\/[^/]/)
  })

  test('is completed by the address that the client uses, with its prefix', async () => {
    await using proxy = await startProxy('/events', served.port)
    const behind = new HttpBroker({ url: `${proxy.url}/events/`, token: 'secret' })
    const located = await behind.locate({
      topic: 't',
      partition: 0,
      offset: toOffset(0),
      maxBytes: 4_000_000,
    })
    for (const { url } of urlRanges(located))
      expect(url.startsWith(`${proxy.url}/events/objects/`)).toBe(true)
    const { chunks } = await fetchLocated(located)
    expect(chunks.flatMap(decodeBatches)).toHaveLength(15)
  })

  test('never leaves the address of the broker', () => {
    const transport = new HttpTransport({ url: 'https://broker.example/events' })
    expect(transport.completeUrl('//evil.example/objects/a')).toBe(
      'https://broker.example/events//evil.example/objects/a',
    )
    expect(transport.completeUrl('https://bucket.example/a')).toBe('https://bucket.example/a')
  })

  test('that nobody completed is told, and no URL is told with it', async () => {
    const [range] = urlRanges(await locate())
    const { pathname, search } = new URL(range!.url)
    const failed = fetchLocated({ ...(await locate()), ranges: [{ ...range!, url: `${pathname}${search}` }] })
    await expect(failed).rejects.toThrow('before which the address of the broker belongs')
    await expect(failed).rejects.not.toThrow('signature')
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

/** With the Host that is given, which fetch does not let one choose. */
function rawGet(
  port: number,
  path: string,
  headers: Record<string, string>,
): Promise<{ ranges: { url?: string }[] }> {
  return new Promise((resolve, reject) => {
    const request = http.get({ host: '127.0.0.1', port, path, headers }, async response => {
      const chunks: Buffer[] = []
      for await (const chunk of response) chunks.push(chunk)
      resolve(JSON.parse(Buffer.concat(chunks).toString()))
    })
    request.on('error', reject)
  })
}
