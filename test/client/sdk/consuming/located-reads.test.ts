import { once } from 'node:events'
import http from 'node:http'
import net, { type AddressInfo } from 'node:net'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { LocatedReads } from '../../../../src/client/sdk/consuming/located-reads.ts'
import { Outages } from '../../../../src/client/sdk/outages.ts'
import type { Broker, Fetched, Located } from '../../../../src/contract/broker.ts'
import { TidemarkError } from '../../../../src/core/errors.ts'
import { toOffset, toPosition } from '../../../../src/core/numbers.ts'
import { decodeBatches, encodeBatch } from '../../../../src/core/record/index.ts'

const bytes = encodeBatch([{ value: Buffer.from('x') }], { nowMs: 1 })
const offsets = { startOffset: toOffset(0), endOffset: toOffset(1), nextOffset: toOffset(1) }

let server: http.Server
let answer: (response: http.ServerResponse) => void
let base: string
beforeEach(async () => {
  answer = response => response.end(bytes)
  server = http.createServer((_, response) => answer(response))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterEach(async () => {
  vi.useRealTimers()
  server.closeAllConnections()
  await new Promise(resolve => server.close(resolve))
})

function open(methods: Partial<Broker> = {}, url = () => `${base}/segment?signature=secret`) {
  const counts = { fetch: 0, locate: 0 }
  const told: string[] = []
  const range = () => ({
    baseOffset: toOffset(0),
    span: 1,
    records: 1,
    bytes: bytes.length,
    position: toPosition(0),
    expiresMs: Date.now() + 1_000,
    url: url(),
  })
  const broker = {
    fetch: async (): Promise<Fetched> => ({ ...offsets, chunks: [Uint8Array.from(bytes)] }),
    locate: async (): Promise<Located> => ({ ...offsets, ranges: [range()] }),
    ...methods,
  }
  const which = { topic: 't', topicId: undefined, partition: 0 }
  const counted = {
    fetchMany: async (request: never) => {
      counts.fetch++
      return { partitions: [{ ...which, ...(await broker.fetch(request)) }] }
    },
    locateMany: async (request: never) => {
      counts.locate++
      return { partitions: [{ ...which, ...(await broker.locate(request)) }] }
    },
  } as unknown as Broker
  const outages = new Outages<'locate'>(
    { giveUpAfterMs: Number.POSITIVE_INFINITY, lastsAfterMs: () => Number.POSITIVE_INFINITY },
    { began: ({ message }) => void told.push(message), over: () => void told.push('over') },
  )
  const reads = new LocatedReads(outages as never)
  const read = async (signal = new AbortController().signal) => {
    const request = { partitions: [{ topic: 't', partition: 0, offset: toOffset(0) }], signal }
    const { partitions } = await reads.fetch(request, counted)
    const [first] = partitions
    if (!first || 'error' in first) throw first?.error
    return first
  }
  return { read, counts, told }
}

test('bytes are read past the broker', async () => {
  const { read, counts, told } = open()
  const { chunks } = await read()
  expect(chunks.flatMap(decodeBatches).map(({ value }) => Buffer.from(value ?? []).toString())).toEqual(['x'])
  expect(counts).toEqual({ fetch: 0, locate: 1 })
  expect(told).toEqual([])
})

const closed = async () => {
  const listening = net.createServer().listen(0, '127.0.0.1')
  await once(listening, 'listening')
  const { port } = listening.address() as AddressInfo
  await new Promise(resolve => listening.close(resolve))
  return port
}

describe('wherever a URL cannot be read, the broker is asked instead, and that is told once', () => {
  test.each<[string, (response: http.ServerResponse) => void]>([
    [
      '403, expired or by a wrong clock',
      response => response.writeHead(403).end('<Error>Request has expired</Error>'),
    ],
    ['404', response => response.writeHead(404).end('no such application')],
    ['a page where bytes should be', response => response.end('<html>Sign in</html>')],
    ['as many bytes, but others', response => response.end(Buffer.alloc(bytes.length))],
    [
      'problem+json that is none',
      response => response.writeHead(500, { 'content-type': 'application/json' }).end('{'),
    ],
    ['a redirect to nowhere', response => response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end()],
    ['a connection that breaks', response => response.destroy()],
  ])('%s', async (_, bad) => {
    answer = bad
    const { read, counts, told } = open()
    for (let round = 0; round < 3; round++) expect((await read()).chunks).toEqual([bytes])
    expect(counts).toEqual({ fetch: 3, locate: 1 })
    expect(told).toHaveLength(1)
    expect(told[0]).toMatch(/^Bytes cannot be read where they lie, so they are read through the broker\./)
    expect(told[0]).not.toContain('signature')
  })

  test.each<[string, () => Promise<string>]>([
    ['nobody there', async () => `http://127.0.0.1:${await closed()}/segment`],
    ['no such host', async () => 'http://no.such.host.invalid/segment'],
    ['TLS against plain HTTP', async () => base.replace('http:', 'https:')],
    ['no route for the protocol', async () => 'ftp://127.0.0.1/segment'],
    ['a path that nobody completed', async () => '/objects/segment'],
  ])('%s', async (_, make) => {
    const url = await make()
    const { read, told } = open({}, () => url)
    expect((await read()).chunks).toEqual([bytes])
    expect(told).toHaveLength(1)
  })
})

test('one partition tries again after a rest, and that they can be read again is told', async () => {
  vi.useFakeTimers({ toFake: ['performance'] })
  const good = answer
  answer = response => response.writeHead(403).end()
  const { read, counts, told } = open()
  await Promise.all([read(), read(), read()])
  expect(counts).toEqual({ fetch: 3, locate: 3 })
  vi.advanceTimersByTime(29_999)
  await read()
  expect(counts.locate).toBe(3)
  vi.advanceTimersByTime(1)
  await Promise.all([read(), read()])
  expect(counts.locate).toBe(4)
  // The rest is longer each time.
  answer = good
  vi.advanceTimersByTime(59_999)
  await read()
  expect(counts.locate).toBe(4)
  vi.advanceTimersByTime(1)
  await read()
  expect(told).toHaveLength(2)
  expect(told[1]).toBe('over')
  await Promise.all([read(), read()])
  expect(counts.locate).toBe(7)
})

test("a broker's own failure is the broker's, and no trouble of the URLs", async () => {
  const failing = async () => {
    throw new TidemarkError('NETWORK_EXCEPTION', 'Nobody there.')
  }
  const away = open({ locate: failing })
  await expect(away.read()).rejects.toThrow('Nobody there.')
  expect(away.counts.fetch).toBe(0)
  answer = response => response.writeHead(403).end()
  const both = open({ fetch: failing })
  await expect(both.read()).rejects.toThrow('Nobody there.')
  expect(both.told).toEqual([])
})

test('a read that is not wanted any more is no trouble', async () => {
  const controller = new AbortController()
  answer = () => controller.abort()
  const { read, counts, told } = open()
  await expect(read(controller.signal)).rejects.toThrow('could not be read')
  expect([counts.fetch, told]).toEqual([0, []])
})

test('a broker without URLs to give stays one', async () => {
  const { read, counts } = open({
    locate: async () => {
      throw new TidemarkError('INVALID_REQUEST', 'This broker has no URLs.')
    },
  })
  await read()
  await read()
  expect(counts).toEqual({ fetch: 2, locate: 1 })
})
