import { randomBytes } from 'node:crypto'
import { createServer, request as forward } from 'node:http'
import { ListMultipartUploadsCommand } from '@aws-sdk/client-s3'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { makeBucketClients } from '../../../src/adapters/aws/objects/aws-bucket.ts'
import { s3ObjectLocator } from '../../../src/adapters/aws/objects/s3-object-locator.ts'
import { S3ObjectStore } from '../../../src/adapters/aws/objects/s3-object-store.ts'
import { UsageMeter } from '../../../src/adapters/aws/usage-meter.ts'
import { fetchLocated } from '../../../src/client/located.ts'
import { LOCATED_URL_LIFETIME_MS, OBJECT_PART_BYTES } from '../../../src/core/limits.ts'
import { toOffset, toPosition } from '../../../src/core/numbers.ts'
import { decodeBatches, encodeBatch } from '../../../src/core/record/index.ts'
import { segmentKey } from '../../../src/core/storage-layout.ts'
import { NotApplied, StoreFailed } from '../../../src/ports/outcome.ts'
import { awsEndpoint, describeAws } from '../../aws/endpoints.ts'
import { createTestBucket } from '../../aws/tables.ts'
import { describeObjectStore } from '../../conformance/object-store.ts'
import { freshId } from '../../conformance/samples.ts'
import { listenLocally } from './local-server.ts'

const MiB = 1024 * 1024

describeAws('S3', () => {
  describeObjectStore('S3', async () => {
    const { bucket, remove } = await createTestBucket(awsEndpoint())
    const clients = makeBucketClients({ endpoint: awsEndpoint() })
    return {
      objects: new S3ObjectStore(clients, bucket),
      async close() {
        clients.close()
        await remove()
      },
    }
  })

  describe('with a bucket', () => {
    const meter = new UsageMeter()
    let testBucket: Awaited<ReturnType<typeof createTestBucket>>
    let clients: ReturnType<typeof makeBucketClients>
    let objects: S3ObjectStore

    beforeAll(async () => {
      testBucket = await createTestBucket(awsEndpoint())
      clients = makeBucketClients({ endpoint: awsEndpoint(), meter })
      objects = new S3ObjectStore(clients, testBucket.bucket)
    })
    afterAll(async () => {
      clients.close()
      await testBucket.remove()
    })

    test('one put is one request, and so is one read', async () => {
      const key = segmentKey(freshId())
      meter.reset()
      await objects.put(key, [randomBytes(3_000_000), randomBytes(10)])
      await objects.get(key, toPosition(1_000_000), 500)
      expect(meter.usage()).toMatchObject({
        PutObject: { requests: 1, bytesSent: 3_000_010 },
        GetObject: { requests: 1, bytesReceived: 500 },
      })
      expect(Object.keys(meter.usage())).toHaveLength(2)
    })

    test('lists more objects than one page holds', async () => {
      const many = await createTestBucket(awsEndpoint())
      const store = new S3ObjectStore(clients, many.bucket)
      const keys = Array.from({ length: 1_100 }, () => segmentKey(freshId()))
      for (let start = 0; start < keys.length; start += 50) {
        await Promise.all(keys.slice(start, start + 50).map(key => store.put(key, [])))
      }
      const found: string[] = []
      for await (const { key } of store.list()) found.push(key)
      expect(found.sort()).toEqual(keys.sort())
      await many.remove()
    })

    test('300 MiB take hardly any memory, and are sent once', async () => {
      const key = `log/${freshId()}/0/large`
      const chunk = Buffer.alloc(MiB, 'tide')
      const before = process.memoryUsage().arrayBuffers
      let most = 0
      async function* chunks() {
        for (let number = 0; number < 300; number += 1) {
          most = Math.max(most, process.memoryUsage().arrayBuffers - before)
          yield chunk
        }
      }
      meter.reset()
      expect(await objects.putLarge(key, chunks())).toBe(300 * MiB)
      expect(most).toBeLessThan(24 * MiB)
      expect(meter.usage()).toMatchObject({
        CreateMultipartUpload: { requests: 1 },
        UploadPart: { requests: Math.ceil((300 * MiB) / OBJECT_PART_BYTES), bytesSent: 300 * MiB },
        CompleteMultipartUpload: { requests: 1 },
      })
      expect(Buffer.from((await objects.get(key, toPosition(300 * MiB - 4), 10))!).toString()).toBe('tide')
      await objects.remove(key)
    })

    test('an upload that breaks off leaves no parts', async () => {
      const failure = new Error('the source failed')
      async function* broken() {
        for (let number = 0; number < 20; number += 1) yield Buffer.alloc(MiB)
        throw failure
      }
      await expect(objects.putLarge(`log/${freshId()}/0/broken`, broken())).rejects.toBe(failure)
      const uploads = await clients.once.send(new ListMultipartUploadsCommand({ Bucket: testBucket.bucket }))
      expect(uploads.Uploads ?? []).toEqual([])
    })

    test('parts that are damaged on their way are refused, and so is the whole', async () => {
      const proxy = await damagingProxy(awsEndpoint())
      const damaged = makeBucketClients({ endpoint: proxy.url })
      const key = `log/${freshId()}/0/damaged`
      const store = new S3ObjectStore(damaged, testBucket.bucket)
      async function* chunks() {
        yield Buffer.alloc(OBJECT_PART_BYTES)
        yield Buffer.alloc(OBJECT_PART_BYTES)
      }
      await expect(store.putLarge(key, chunks())).rejects.toThrow(NotApplied)
      expect(await objects.get(key, toPosition(0), 100)).toBeUndefined()
      damaged.close()
      await proxy.close()
    })

    test('thousands are removed a thousand at a time', async () => {
      const keys = Array.from({ length: 2_300 }, (_, number) => `log/${number}`)
      meter.reset()
      await objects.removeAll(keys)
      expect(meter.usage()).toMatchObject({ DeleteObjects: { requests: 3 } })
    })

    test('a read of no bytes tells whether there is the object', async () => {
      const key = segmentKey(freshId())
      expect(await objects.get(key, toPosition(0), 0)).toBeUndefined()
      await objects.put(key, [randomBytes(10)])
      expect(await objects.get(key, toPosition(5), 0)).toEqual(new Uint8Array(0))
    })

    test('bytes that are damaged on their way are refused', async () => {
      const proxy = await damagingProxy(awsEndpoint())
      const damaged = makeBucketClients({ endpoint: proxy.url })
      const key = segmentKey(freshId())
      const store = new S3ObjectStore(damaged, testBucket.bucket)
      await expect(store.put(key, [Buffer.from('a whole object')])).rejects.toThrow(NotApplied)
      expect(proxy.passed()).toBe(1)
      expect(await objects.get(key, toPosition(0), 100)).toBeUndefined()
      damaged.close()
      await proxy.close()
    })

    test('a missing bucket is told as such', async () => {
      const store = new S3ObjectStore(clients, 'tidemark-test-that-is-not-there')
      await expect(store.put('a', [])).rejects.toThrow(StoreFailed)
      await expect(store.get('a', toPosition(0), 1)).rejects.toThrow(/there is no bucket/)
    })

    test('what a client reads from a located range is what was put', async () => {
      const batch = encodeBatch([{ value: randomBytes(5_000) }, { value: randomBytes(7) }], { nowMs: 1 })
      const key = segmentKey(freshId())
      await objects.put(key, [randomBytes(333), batch, randomBytes(99)])
      const position = toPosition(333)
      const locator = s3ObjectLocator(clients, testBucket.bucket)
      const place = { position, ...(await locator.locate(key, position, batch.length)) }
      const baseOffset = toOffset(40)
      const { chunks } = await fetchLocated({
        startOffset: toOffset(0),
        endOffset: toOffset(42),
        nextOffset: toOffset(42),
        ranges: [{ baseOffset, span: 2, records: 2, bytes: batch.length, ...place }],
      })
      expect(chunks.flatMap(decodeBatches).map(({ offset, value }) => [offset, value?.length])).toEqual([
        [40, 5_000],
        [41, 7],
      ])
    })

    describe('a located range', () => {
      const bytes = randomBytes(1_000)
      const key = segmentKey(freshId())
      let url: string

      beforeAll(async () => {
        await objects.put(key, [bytes])
        const located = await s3ObjectLocator(clients, testBucket.bucket).locate(key, toPosition(100), 50)
        url = located.url
        expect(Math.abs(located.expiresMs - Date.now() - LOCATED_URL_LIFETIME_MS)).toBeLessThan(60_000)
      })

      test('is what its URL gives', async () => {
        const response = await fetch(url, { headers: { range: 'bytes=100-149' } })
        expect(response.status).toBe(206)
        expect(Buffer.from(await response.arrayBuffer()).equals(bytes.subarray(100, 150))).toBe(true)
      })

      test('is in the URL, signed', () => {
        const parameters = new URL(url).searchParams
        expect(parameters.get('X-Amz-SignedHeaders')).toBe('host;range')
        expect(parameters.get('X-Amz-Expires')).toBe(`${LOCATED_URL_LIFETIME_MS / 1_000}`)
      })

      test.each([{ range: 'bytes=100-150' }, { range: 'bytes=0-49' }, {}])(
        'is all that its URL gives: %j is refused',
        async headers => {
          const response = await fetch(url, { headers })
          await response.arrayBuffer()
          expect(response.status).toBe(403)
        },
      )
    })
  })
})

/** Passes requests on with one byte of each body changed. */
async function damagingProxy(target: string) {
  let requests = 0
  const { hostname, port } = new URL(target)
  const server = createServer(async (incoming, answer) => {
    requests += 1
    const parts: Buffer[] = []
    for await (const part of incoming) parts.push(part)
    const body = Buffer.concat(parts)
    if (body.length > 0) body[0]! ^= 1
    const { method, url: path, headers } = incoming
    const passed = forward({ hostname, port, method, path, headers }, response => {
      answer.writeHead(response.statusCode!, response.headers)
      response.pipe(answer)
    })
    passed.end(body)
  })
  return { ...(await listenLocally(server)), passed: () => requests }
}
