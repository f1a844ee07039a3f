import { describe, expect, test } from 'vitest'
import { openBucketOnDemand } from '../../functions/runtime/bucket-on-demand.ts'
import { openAwsBucket } from '../../src/adapters/aws/objects/aws-bucket.ts'
import { toPosition } from '../../src/core/numbers.ts'

const OPTIONS = {
  bucket: 'tides',
  region: 'us-east-1',
  // Where nobody listens.
  endpoint: 'http://127.0.0.1:1',
  credentials: { accessKeyId: 'id', secretAccessKey: 'secret' },
}

describe('a bucket on demand', () => {
  test('locates what the bucket itself does', async () => {
    const { locator } = openBucketOnDemand(OPTIONS)
    const located = await locator.locate('a/b', toPosition(3), 4)
    const { url } = await openAwsBucket(OPTIONS).locator.locate('a/b', toPosition(3), 4)
    expect(new URL(located.url).pathname).toBe(new URL(url).pathname)
    expect(located.expiresMs).toBeGreaterThan(Date.now())
  })

  test.each([
    ['put', (bucket: typeof openAwsBucket) => bucket(OPTIONS).objects.put('a', [Buffer.from('b')])],
    ['get', (bucket: typeof openAwsBucket) => bucket(OPTIONS).objects.get('a', toPosition(0), 1)],
    ['remove', (bucket: typeof openAwsBucket) => bucket(OPTIONS).objects.remove('a')],
    ['list', (bucket: typeof openAwsBucket) => bucket(OPTIONS).objects.list()[Symbol.asyncIterator]().next()],
  ])('fails to %s as the bucket itself does', async (_, use) => {
    const kindOf = async (called: Promise<unknown>) => {
      const [{ status, reason }] = (await Promise.allSettled([called])) as [PromiseRejectedResult]
      return [status, reason?.constructor.name]
    }
    const expected = await kindOf(use(openAwsBucket))
    expect(expected[0]).toBe('rejected')
    expect(await kindOf(use(openBucketOnDemand))).toEqual(expected)
  })
})
