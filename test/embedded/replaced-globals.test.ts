import { expect, test } from 'vitest'
import { toOffset } from '../../src/core/numbers.ts'
import { decodeBatches, encodeBatch } from '../../src/core/record/index.ts'
import { serveBroker } from '../contract/http/served-broker.ts'

// In a file of its own, which runs in a process of its own: the globals do not come back.
test('a server that replaces the globals answers the same', async () => {
  await using served = await serveBroker({
    server: { replaceGlobals: true },
    app: { bodyBytesMax: 1_000_000 },
  })
  await served.client.createTopic({ topic: 't' })
  const sizes = [1, 90_000, 2, 200_000]
  for (const size of sizes) {
    const batches = encodeBatch([{ value: Buffer.alloc(size, 'x') }], { nowMs: 1 })
    await served.client.produce({ topic: 't', partition: 0, batches })
  }
  const { chunks } = await served.client.fetch({ topic: 't', partition: 0, offset: toOffset(0) })
  expect(chunks.flatMap(decodeBatches).map(record => record.value!.length)).toEqual(sizes)
  const { json } = await served.get('/topics/t/partitions/0/records?offset=0')
  expect(json.records).toHaveLength(4)
  expect((await served.send('POST', '/topics', ' '.repeat(1_000_001))).status).toBe(413)
  expect((await served.send('PUT', '/topics')).headers.get('content-type')).toBe('application/problem+json')
  const poll = served.get('/topics/t/partitions/0/records?offset=4&maxWaitMs=20000')
  await served.client.produce({
    topic: 't',
    partition: 0,
    batches: encodeBatch([{ value: null }], { nowMs: 1 }),
  })
  expect((await poll).json.records).toHaveLength(1)
})
