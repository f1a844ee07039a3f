import { describe, expect, test } from 'vitest'
import type { ConsumerRun } from '../../../../src/client/sdk/consuming/consumer-options.ts'
import { crc32c } from '../../../../src/core/record/crc32c.ts'
import { type AnyBroker, bent, openTides, until, writeNumbers } from './group-of-consumers.ts'

const textOf = ({ value }: { value: Uint8Array | null }) => Buffer.from(value ?? []).toString()

/** Each way of delivering, as what it delivers. */
const WAYS: [string, (got: string[]) => ConsumerRun][] = [
  ['eachMessage', got => ({ eachMessage: async ({ message }) => void got.push(textOf(message)) })],
  ['eachBatch', got => ({ eachBatch: async ({ batch }) => void got.push(...batch.messages.map(textOf)) })],
  ['eachRecords', got => ({ eachRecords: async ({ records }) => void got.push(...records.map(textOf)) })],
]

/** A broker whose answers arrive with the batch at offset 1 as `damage` leaves it. */
function damagedOnItsWay(damage: (chunks: Buffer[]) => Uint8Array[]) {
  return (broker: AnyBroker) =>
    bent(broker, ({ fetch }) => ({
      fetch: async request => {
        const fetched = await fetch.call(broker, request)
        return { ...fetched, chunks: damage(fetched.chunks.map(chunk => Buffer.from(chunk))) }
      },
    }))
}

/** Where the batch with this value begins, in bytes that have it; -1: they have not. */
function findBatch(chunk: Buffer, value: string): number {
  for (let position = 0; position < chunk.length; ) {
    const size = chunk.readInt32BE(position + 8) + 12
    if (chunk.subarray(position, position + size).includes(value)) return position
    position += size
  }
  return -1
}

/** Three records, each a batch: 0-0, 0-1, 0-2. */
async function writeThree(tidemark: Parameters<typeof writeNumbers>[0]): Promise<void> {
  for (let index = 0; index < 3; index++) await writeNumbers(tidemark, 1, 1, index)
}

describe.each(WAYS)('to %s', (_, run) => {
  test.each([
    ['a byte of a record', 70],
    ['its length', 11],
    ['its offset', 7],
    ['its magic byte', 16],
  ])('a batch that is damaged in %s on its way comes when it is fetched again', async (_, at) => {
    let damages = 0
    const { broker, tidemark, consumer } = await openTides(
      1,
      damagedOnItsWay(chunks => {
        for (const chunk of chunks) {
          const position = findBatch(chunk, '0-1')
          if (position < 0 || damages >= 2) continue
          damages++
          chunk[position + at]! ^= 1
        }
        return chunks
      }),
    )
    await writeThree(tidemark)
    const reader = consumer()
    const outages: unknown[] = []
    reader.on(reader.events.OUTAGE, ({ payload }) => outages.push(payload))
    const got: string[] = []
    await reader.subscribe({ topic: 'tides', fromBeginning: true })
    await reader.run(run(got))
    await until(() => got.length === 3)
    await reader.disconnect()
    expect(got).toEqual(['0-0', '0-1', '0-2'])
    expect(damages).toBe(2)
    expect(outages).toMatchObject([{ during: 'fetch', topic: 'tides', partition: 0 }])
    expect(String((outages[0] as { error: Error }).error)).toMatch(/partition 0 of tides at offset [01]/)
    expect(await broker.fetchOffsets({ groupId: 'gauges' })).toMatchObject([{ offset: 3 }])
  })

  test('what comes before damage that stays is delivered and committed, and nothing behind it', async () => {
    const { broker, tidemark, consumer } = await openTides(
      1,
      damagedOnItsWay(chunks => {
        for (const chunk of chunks) {
          const position = findBatch(chunk, '0-1')
          if (position >= 0) chunk[position + 70]! ^= 1
        }
        return chunks
      }),
    )
    await writeThree(tidemark)
    const reader = consumer()
    const got: string[] = []
    await reader.subscribe({ topic: 'tides', fromBeginning: true })
    await reader.run({ ...run(got), autoCommitInterval: 5 })
    await until(async () => (await broker.fetchOffsets({ groupId: 'gauges' }))[0]?.offset === 1)
    await reader.disconnect()
    expect(got).toEqual(['0-0'])
    expect(await broker.fetchOffsets({ groupId: 'gauges' })).toMatchObject([{ offset: 1 }])
  })

  test('what was written so that it cannot be read ends the consumer in front of it', async () => {
    const { broker, tidemark, consumer } = await openTides(
      1,
      damagedOnItsWay(chunks => {
        for (const chunk of chunks) {
          const position = findBatch(chunk, '0-1')
          if (position < 0) continue
          // As zstd, which it is not; with the checksum that goes with it.
          chunk[position + 22] = 4
          const size = chunk.readInt32BE(position + 8) + 12
          chunk.writeUInt32BE(crc32c(chunk.subarray(position + 21, position + size)), position + 17)
        }
        return chunks
      }),
    )
    await writeThree(tidemark)
    const reader = consumer()
    const crashes: unknown[] = []
    reader.on(reader.events.CRASH, ({ payload }) => crashes.push([payload.during, String(payload.error)]))
    const got: string[] = []
    await reader.subscribe({ topic: 'tides', fromBeginning: true })
    await reader.run(run(got))
    await expect(reader.finished()).rejects.toThrow(/partition 0 of tides at offset 1/)
    expect(got).toEqual(['0-0'])
    expect(crashes).toEqual([['deliver', expect.stringMatching(/offset 1/)]])
    expect(await broker.fetchOffsets({ groupId: 'gauges' })).toMatchObject([{ offset: 1 }])
  })
})

test('an answer that says to go on elsewhere than its batches end is not believed', async () => {
  let isFirst = true
  const { broker, tidemark, consumer } = await openTides(1, broker =>
    bent(broker, ({ fetch }) => ({
      fetch: async request => {
        const fetched = await fetch.call(broker, request)
        if (!isFirst || fetched.chunks.length === 0) return fetched
        isFirst = false
        return { ...fetched, nextOffset: request.offset }
      },
    })),
  )
  await writeThree(tidemark)
  const reader = consumer()
  const got: string[] = []
  await reader.subscribe({ topic: 'tides', fromBeginning: true })
  await reader.run({ eachMessage: async ({ message }) => void got.push(textOf(message)) })
  await until(() => got.length === 3)
  await reader.disconnect()
  expect(got).toEqual(['0-0', '0-1', '0-2'])
  expect(await broker.fetchOffsets({ groupId: 'gauges' })).toMatchObject([{ offset: 3 }])
})
