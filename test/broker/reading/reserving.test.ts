import { beforeEach, expect, test } from 'vitest'
import type { LogBroker } from '../../../src/broker/log-broker.ts'
import { toOffset } from '../../../src/core/numbers.ts'
import { encodeBatch } from '../../../src/core/record/index.ts'
import { Harness } from '../harness.ts'

let harness: Harness
let broker: LogBroker

beforeEach(async () => {
  harness = new Harness()
  broker = harness.open()
  await harness.run(broker.createTopic({ topic: 'tides' }))
  for (const bytes of [200_000, 900_000, 10]) {
    const batches = encodeBatch([{ value: new Uint8Array(bytes) }], { nowMs: 1 })
    await harness.run(broker.produce({ topic: 'tides', partition: 0, batches }))
  }
})

test.each([1, 30, 100_000, 250_000, 1_000_000])(
  'a read of %d bytes reserves all that it brings',
  async maxBytes => {
    for (let offset = 0; offset < 3; ) {
      let reserved = 0
      const reserve = async (bytes: number) => {
        reserved += bytes
      }
      const request = { topic: 'tides', partition: 0, offset: toOffset(offset), maxBytes, reserve }
      const { chunks, nextOffset } = await harness.run(broker.fetch(request))
      const brought = chunks.reduce((sum, { length }) => sum + length, 0)
      expect(brought).toBeGreaterThan(0)
      expect(reserved).toBeGreaterThanOrEqual(brought)
      offset = nextOffset
    }
  },
)
