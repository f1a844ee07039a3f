import { createServer, type ServerResponse } from 'node:http'
import { afterEach, describe, expect, test } from 'vitest'
import { makeBucketClients } from '../../../src/adapters/aws/objects/aws-bucket.ts'
import type { StartTimer } from '../../../src/adapters/aws/objects/bucket-calls.ts'
import {
  S3ObjectStore,
  type S3ObjectStoreSettings,
} from '../../../src/adapters/aws/objects/s3-object-store.ts'
import { AWS_ATTEMPTS_MAX, OBJECT_PART_BYTES } from '../../../src/core/limits.ts'
import { toPosition } from '../../../src/core/numbers.ts'
import { NotApplied, OutcomeUnknown, StoreFailed } from '../../../src/ports/outcome.ts'
import { listenLocally } from './local-server.ts'

const BODY = Buffer.from('0123456789')

/** @param expire ends the time of each try that is under way. None ends by itself, however busy a machine is. */
type Answer = (response: ServerResponse, expire: () => void) => void

const whole: Answer = response => {
  response.writeHead(206, { 'content-length': BODY.length }).end(BODY)
}
const silent: Answer = () => {}
const stalled: Answer = (_, expire) => expire()
const cutShort: Answer = response => {
  response.writeHead(206, { 'content-length': BODY.length }).write(BODY.subarray(0, 4))
  response.destroy()
}
const stalledAfterHead: Answer = (response, expire) => {
  response.writeHead(206, { 'content-length': BODY.length }).write(BODY.subarray(0, 4))
  // Once the head has arrived, most often; on a busy machine before that, and it is tried again all the same.
  setTimeout(expire, 50)
}
const reset: Answer = response => {
  response.destroy()
}

function refused(status: number, code: string): Answer {
  return response => {
    response
      .writeHead(status, { 'content-type': 'application/xml' })
      .end(`<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code><Message>no</Message></Error>`)
  }
}

const closers: (() => Promise<void> | void)[] = []

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

/** A store on a server that gives these answers one after the other, the last one for ever. */
async function storeOn(answers: readonly Answer[], settings: S3ObjectStoreSettings = {}) {
  const requests: {
    method: string
    url: string
    headers: Record<string, unknown>
    isAborted: () => boolean
  }[] = []
  const timers = new Set<() => void>()
  const expire = () => {
    for (const expired of timers) expired()
  }
  const startTimer: StartTimer = (_, expired) => {
    timers.add(expired)
    return () => timers.delete(expired)
  }
  const server = createServer((incoming, response) => {
    const answer = answers[Math.min(requests.length, answers.length - 1)]!
    let isAborted = false
    response.on('close', () => {
      isAborted = !response.writableFinished
    })
    requests.push({
      method: incoming.method!,
      url: incoming.url!,
      headers: incoming.headers,
      isAborted: () => isAborted,
    })
    incoming.resume().on('end', () => answer(response, expire))
  })
  const { url, close } = await listenLocally(server)
  const clients: ReturnType<typeof makeBucketClients> = makeBucketClients({
    endpoint: url,
    region: 'us-east-1',
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
  })
  closers.push(close, () => clients.close())
  const objects = new S3ObjectStore(clients, 'tides', {
    ...{ hedgeMs: 60_000, fraction: () => 0, startTimer },
    ...settings,
  })
  return { objects, requests, read: () => objects.get('key', toPosition(0), BODY.length) }
}

describe('a read', () => {
  test('that gets its answer asks once', async () => {
    const { read, requests } = await storeOn([whole], { hedgeMs: 5_000 })
    expect(Buffer.from((await read())!)).toEqual(BODY)
    expect(requests).toHaveLength(1)
    expect(requests[0]!.headers.range).toBe('bytes=0-9')
  })

  test('that waits too long for its first byte asks once more, and lets the slow one go', async () => {
    const { read, requests } = await storeOn([silent, whole], { hedgeMs: 20 })
    expect(Buffer.from((await read())!)).toEqual(BODY)
    expect(requests).toHaveLength(2)
    await expect.poll(() => requests[0]!.isAborted()).toBe(true)
    expect(requests[1]!.isAborted()).toBe(false)
  })

  test('takes the slow answer when the second request fails', async () => {
    let slow: ServerResponse | undefined
    const answerSlow: Answer = (response, expire) => {
      refused(500, 'InternalError')(response, expire)
      // Once the failure has arrived, and a little later.
      response.on('finish', () => setTimeout(() => whole(slow!, expire), 50))
    }
    const { read, requests } = await storeOn(
      [
        response => {
          slow = response
        },
        answerSlow,
      ],
      { hedgeMs: 20 },
    )
    expect(Buffer.from((await read())!)).toEqual(BODY)
    expect(requests).toHaveLength(2)
  })

  test.each<[string, Answer]>([
    ['a 500', refused(500, 'InternalError')],
    ['a 503', refused(503, 'SlowDown')],
    ['a connection that is reset', reset],
    ['an answer that ends too early', cutShort],
  ])('goes on after %s', async (_name, answer) => {
    const { read, requests } = await storeOn([answer, answer, whole])
    expect(Buffer.from((await read())!)).toEqual(BODY)
    expect(requests).toHaveLength(3)
  })

  test('whose answer stops in the middle is tried again', async () => {
    const { read, requests } = await storeOn([stalledAfterHead, whole])
    expect(Buffer.from((await read())!)).toEqual(BODY)
    expect(requests).toHaveLength(2)
  })

  test('is given up after a few tries', async () => {
    const { read, requests } = await storeOn([refused(500, 'InternalError')])
    await expect(read()).rejects.toThrow(NotApplied)
    expect(requests).toHaveLength(4)
  })

  test('that is forbidden is not repeated, and tells what is missing', async () => {
    const { read, requests } = await storeOn([refused(403, 'AccessDenied')])
    const failure = read()
    await expect(failure).rejects.toThrow(StoreFailed)
    await expect(failure).rejects.toThrow(/s3:GetObject and s3:ListBucket on the bucket "tides"/)
    expect(requests).toHaveLength(1)
  })

  test('of an object that is not there is answered at once', async () => {
    const { read, requests } = await storeOn([refused(404, 'NoSuchKey')])
    expect(await read()).toBeUndefined()
    expect(requests).toHaveLength(1)
  })

  test('of an object that ends before is empty', async () => {
    const { read } = await storeOn([refused(416, 'InvalidRange')])
    expect(await read()).toEqual(new Uint8Array(0))
  })

  test('that is answered with more than was asked for is an error', async () => {
    const { objects } = await storeOn([whole])
    await expect(objects.get('key', toPosition(0), 5)).rejects.toThrow('of 5 bytes S3 sends 10')
  })
})

describe('a put', () => {
  test('is one request with the checksum of all chunks, and its bytes unhashed', async () => {
    const { objects, requests } = await storeOn([response => response.end()])
    await objects.put('key', [Buffer.from('1234'), Buffer.from('56789')])
    expect(requests).toHaveLength(1)
    const { headers } = requests[0]!
    // CRC-32's check value, 0xCBF43926, is that of these nine digits.
    expect(headers['x-amz-checksum-crc32']).toBe(Buffer.from('cbf43926', 'hex').toString('base64'))
    expect(headers['x-amz-content-sha256']).toBe('UNSIGNED-PAYLOAD')
    expect(headers['content-length']).toBe('9')
  })

  test('of a large object does not ask first whether it is welcome', async () => {
    const { objects, requests } = await storeOn([response => response.end()])
    await objects.put('key', [Buffer.alloc(3_000_000)])
    expect(requests[0]!.headers.expect).toBeUndefined()
  })

  test.each<[string, Answer]>([
    ['a 500', refused(500, 'InternalError')],
    ['a lost answer', reset],
    ['no answer in time', stalled],
  ])('with %s may have happened, and is not repeated here', async (_name, answer) => {
    const { objects, requests } = await storeOn([answer])
    await expect(objects.put('key', [BODY])).rejects.toThrow(OutcomeUnknown)
    expect(requests).toHaveLength(1)
  })

  test.each([
    ['throttled', 503, 'SlowDown'],
    ['damaged on its way', 400, 'BadDigest'],
  ])('that was %s has not happened', async (_name, status, code) => {
    const { objects, requests } = await storeOn([refused(status, code)])
    await expect(objects.put('key', [BODY])).rejects.toThrow(NotApplied)
    expect(requests).toHaveLength(1)
  })

  test('whose connection is refused has not happened', async () => {
    const { objects } = await storeOn([whole])
    await closers[0]!()
    closers.shift()
    await expect(objects.put('key', [BODY])).rejects.toThrow(NotApplied)
  })
})

describe('an upload in parts', () => {
  const xml = (text: string) => (response: ServerResponse) =>
    void response.writeHead(200, { 'content-type': 'application/xml' }).end(text)
  const begun = xml('<InitiateMultipartUploadResult><UploadId>up</UploadId></InitiateMultipartUploadResult>')
  const taken: Answer = response => void response.writeHead(200, { etag: '"tag"' }).end()
  const completed = xml('<CompleteMultipartUploadResult><ETag>"whole"</ETag></CompleteMultipartUploadResult>')
  const aborted: Answer = response => void response.writeHead(204).end()

  /** Two parts; the second one has a byte. */
  async function* twoParts() {
    yield Buffer.alloc(OBJECT_PART_BYTES)
    yield Buffer.alloc(1)
  }

  /** The requests by method, and by what S3 is asked to do with the upload. */
  const sent = (requests: readonly { method: string; url: string }[]) =>
    requests.map(({ method, url }) => {
      const part = /partNumber=(\d+)/.exec(url)
      if (part) return `${method} part ${part[1]}`
      return `${method} ${url.includes('uploadId=') ? 'upload' : url.includes('uploads') ? 'uploads' : 'object'}`
    })

  test('is begun, sends each part with its checksum, and is completed', async () => {
    const { objects, requests } = await storeOn([begun, taken, taken, completed])
    expect(await objects.putLarge('key', twoParts())).toBe(OBJECT_PART_BYTES + 1)
    expect(sent(requests)).toEqual(['POST uploads', 'PUT part 1', 'PUT part 2', 'POST upload'])
    expect(requests[0]!.headers['x-amz-checksum-algorithm']).toBe('CRC32')
    // The CRC-32 of a byte of zero.
    expect(requests[2]!.headers['x-amz-checksum-crc32']).toBe(
      Buffer.from('d202ef8d', 'hex').toString('base64'),
    )
    expect(requests[2]!.headers['x-amz-content-sha256']).toBe('UNSIGNED-PAYLOAD')
  })

  test('of one part is a put', async () => {
    const { objects, requests } = await storeOn([response => response.end()])
    await objects.putLarge(
      'key',
      (async function* () {
        yield BODY
      })(),
    )
    expect(sent(requests)).toEqual(['PUT object'])
    expect(requests[0]!.headers['content-length']).toBe('10')
  })

  test('repeats a part that was refused, or swallowed', async () => {
    const answers = [begun, refused(500, 'InternalError'), taken, taken, completed]
    const { objects, requests } = await storeOn(answers)
    await objects.putLarge('key', twoParts())
    expect(requests.filter(({ url }) => url.includes('partNumber'))).toHaveLength(3)
    let swallowed = 0
    const swallowing: Answer = (response, expire) => {
      const { method, url = '' } = response.req
      if (method === 'POST') return (url.includes('uploadId=') ? completed : begun)(response)
      if (!url.includes('partNumber=2') || swallowed === 1) return taken(response, expire)
      swallowed += 1
      expire()
    }
    const lossy = await storeOn([swallowing])
    await lossy.objects.putLarge('key', twoParts())
    expect(lossy.requests.filter(({ url }) => url.includes('partNumber=2'))).toHaveLength(2)
  })

  test('that fails with a part has not happened, and gives its parts back', async () => {
    const { objects, requests } = await storeOn([
      begun,
      ...Array<Answer>(2 * AWS_ATTEMPTS_MAX).fill(refused(500, 'InternalError')),
      aborted,
    ])
    await expect(objects.putLarge('key', twoParts())).rejects.toThrow(NotApplied)
    expect(sent(requests).at(-1)).toBe('DELETE upload')
    expect(sent(requests)).not.toContain('POST upload')
  })

  test('whose source fails gives its parts back, and throws what the source threw', async () => {
    const failure = new Error('the source failed')
    const { objects, requests } = await storeOn([begun, taken, aborted])
    const broken = async function* () {
      yield* twoParts()
      throw failure
    }
    await expect(objects.putLarge('key', broken())).rejects.toBe(failure)
    expect(sent(requests)).toEqual(['POST uploads', 'PUT part 1', 'DELETE upload'])
  })

  test('that cannot even begin has not happened', async () => {
    const { objects, requests } = await storeOn([refused(500, 'InternalError')])
    await expect(objects.putLarge('key', twoParts())).rejects.toThrow(NotApplied)
    expect(sent(requests)).toEqual(Array(AWS_ATTEMPTS_MAX).fill('POST uploads'))
  })

  test('whose end may have happened is unknown', async () => {
    const { objects, requests } = await storeOn([
      begun,
      taken,
      taken,
      ...Array<Answer>(AWS_ATTEMPTS_MAX).fill(refused(500, 'InternalError')),
      aborted,
    ])
    await expect(objects.putLarge('key', twoParts())).rejects.toThrow(OutcomeUnknown)
    expect(sent(requests).at(-1)).toBe('DELETE upload')
  })

  test.each<[string, Answer, string[]]>([
    ['has happened where the object is there', response => response.writeHead(200).end(), []],
    ['has not happened where it is not', response => response.writeHead(404).end(), ['DELETE upload']],
  ])('whose end was lost, and that is gone when it is asked for again, %s', async (_, look, after) => {
    const answers = [begun, taken, taken, reset, refused(404, 'NoSuchUpload'), look, aborted]
    const { objects, requests } = await storeOn(answers)
    const put = objects.putLarge('key', twoParts())
    if (after.length > 0) await expect(put).rejects.toThrow(NotApplied)
    else expect(await put).toBe(OBJECT_PART_BYTES + 1)
    expect(sent(requests).slice(3)).toEqual(['POST upload', 'POST upload', 'HEAD object', ...after])
  })

  test('answered with a failure in the midst of a success has not happened', async () => {
    const late = xml('<Error><Code>InternalError</Code><Message>no</Message></Error>')
    const { objects } = await storeOn([begun, taken, taken, late])
    await expect(objects.putLarge('key', twoParts())).rejects.toThrow(OutcomeUnknown)
  })
})

describe('a removal of many', () => {
  const told = (...errors: [code: string, key: string][]) => {
    const inner = errors.map(
      ([code, key]) => `<Error><Key>${key}</Key><Code>${code}</Code><Message>no</Message></Error>`,
    )
    return (response: ServerResponse) =>
      void response
        .writeHead(200, { 'content-type': 'application/xml' })
        .end(`<DeleteResult>${inner.join('')}</DeleteResult>`)
  }

  test('is one request for a thousand', async () => {
    const { objects, requests } = await storeOn([told()])
    await objects.removeAll([])
    await objects.removeAll(Array.from({ length: 2_001 }, (_, number) => `log/a/0/${number}`))
    expect(requests.map(({ method, url }) => [method, url.includes('delete')])).toEqual(
      Array(3).fill(['POST', true]),
    )
  })

  test.each<[string, typeof NotApplied | typeof OutcomeUnknown | typeof StoreFailed]>([
    ['SlowDown', NotApplied],
    ['InternalError', OutcomeUnknown],
    ['ServiceUnavailable', OutcomeUnknown],
    ['AccessDenied', StoreFailed],
  ])('of which one is told %s has failed', async (code, expected) => {
    const { objects } = await storeOn([told([code, 'log/a/0/7'])])
    const failure = await objects.removeAll(['log/a/0/1', 'log/a/0/7']).catch(error => error)
    expect(failure).toBeInstanceOf(expected)
    expect(failure.message).toContain('log/a/0/7')
  })
})

test('removing is repeated after a failure', async () => {
  const { objects, requests } = await storeOn([
    refused(500, 'InternalError'),
    response => response.writeHead(204).end(),
  ])
  await objects.remove('key')
  expect(requests).toHaveLength(2)
})

test('removing is repeated after a request that a network swallowed', async () => {
  const { objects, requests } = await storeOn([stalled, response => response.writeHead(204).end()])
  await objects.remove('key')
  expect(requests).toHaveLength(2)
})

describe('a bucket that does not answer', () => {
  const calls: [
    string,
    (objects: S3ObjectStore) => Promise<unknown>,
    typeof NotApplied | typeof OutcomeUnknown,
    string,
  ][] = [
    ['a listing', objects => objects.list()[Symbol.asyncIterator]().next(), NotApplied, 'GET'],
    ['a removal of many', objects => objects.removeAll(['segments/a']), OutcomeUnknown, 'POST'],
    ['a removal', objects => objects.remove('segments/a'), OutcomeUnknown, 'DELETE'],
    ['a look for an object', objects => objects.get('segments/a', toPosition(0), 0), NotApplied, 'HEAD'],
  ]

  test.each(calls)('keeps %s waiting for a while only', async (_, call, expected, method) => {
    const { objects, requests } = await storeOn([stalled])
    await expect(call(objects)).rejects.toBeInstanceOf(expected)
    expect(requests.map(request => request.method)).toEqual(Array(AWS_ATTEMPTS_MAX).fill(method))
  })
})
