import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { encodeBatch } from '../../../src/core/record/index.ts'
import { serveBroker } from './served-broker.ts'

test('a client that goes away while its records become JSON is no trouble of the server', async () => {
  await using served = await serveBroker()
  await served.client.createTopic({ topic: 't' })
  const records = Array.from({ length: 100_000 }, () => ({ value: new Uint8Array(100) }))
  const batches = encodeBatch(records, { nowMs: 1, compression: 'zstd' })
  await served.broker.produce({ topic: 't', partition: 0, batches })
  for (let ms = 1; ms < 40; ms += 3) {
    const url = `${served.url}/topics/t/partitions/0/records?offset=99990&maxBytes=16000000`
    await fetch(url, { signal: AbortSignal.timeout(ms) }).catch(() => {})
  }
  await sleep(500)
  expect(served.logged).toEqual([])
})
