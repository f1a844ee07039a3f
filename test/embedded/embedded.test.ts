import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { MemoryPool } from '../../src/core/lent-memory.ts'
import { MiB } from '../../src/core/limits/units.ts'
import { toOffset } from '../../src/core/numbers.ts'
import { type Embedded, openEmbedded, openInMemory } from '../../src/embedded/embedded.ts'
import { batchOf, joined, readAll } from '../broker/harness.ts'

let directory: string
const opened: Embedded[] = []

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tidemark-embedded-'))
})
afterEach(async () => {
  for (const embedded of opened.splice(0)) await embedded.close().catch(() => {})
  await rm(directory, { recursive: true, force: true })
})

async function open(): Promise<Embedded> {
  const embedded = await openEmbedded({ directory })
  opened.push(embedded)
  return embedded
}
async function close(embedded: Embedded): Promise<void> {
  opened.splice(opened.indexOf(embedded), 1)
  await embedded.close()
}

const valuesOf = async ({ broker }: Embedded, partition = 0) =>
  (await readAll(broker, { topic: 'tides', partition })).map(({ value }) => value)

async function findingsOf(embedded: Embedded): Promise<string[]> {
  const findings: string[] = []
  for await (const { place, problem } of embedded.verify().findings) findings.push(`${place}: ${problem}`)
  return findings
}

describe('an embedded broker', () => {
  test('has all that it acknowledged when it is opened again', async () => {
    const first = await open()
    await first.broker.createTopic({ topic: 'tides', partitions: 2, configs: { 'flush.ms': '1000' } })
    const description = await first.broker.describeTopic('tides')
    await first.broker.produce({ topic: 'tides', partition: 0, batches: batchOf(['small']) })
    await first.broker.produce({
      topic: 'tides',
      partition: 0,
      batches: batchOf(['large'], { padding: 100_000 }),
    })
    await first.broker.produce({ topic: 'tides', partition: 1, batches: batchOf(['other']) })
    await first.broker.deleteRecords({ topic: 'tides', partition: 1, beforeOffset: toOffset(1) })
    await close(first)

    const second = await open()
    const { offsets, ...rest } = await second.broker.describeTopic('tides')
    expect(offsets).toEqual([
      { partition: 0, startOffset: 0, endOffset: 2, bytes: 100_150 },
      // Deleted, and not dropped yet.
      { partition: 1, startOffset: 1, endOffset: 1, bytes: batchOf(['other']).length },
    ])
    const { offsets: _, ...before } = description
    expect(rest).toEqual(before)
    expect(await valuesOf(second)).toEqual(['small', 'large'])
    expect(
      await second.broker.produce({ topic: 'tides', partition: 1, batches: batchOf(['b']) }),
    ).toMatchObject({
      baseOffset: 1,
    })
    expect(await findingsOf(second)).toEqual([])
  })

  test('keeps what it acknowledged though it never was closed', async () => {
    const crashed = await open()
    await crashed.broker.createTopic({ topic: 'tides' })
    await crashed.broker.produce({ topic: 'tides', partition: 0, batches: batchOf(['a']) })
    const next = await open()
    expect(await valuesOf(next)).toEqual(['a'])
  })

  test('shares its store with others in the same process', async () => {
    const left = await open()
    const right = await open()
    await left.broker.createTopic({ topic: 'tides' })
    const waiting = right.broker.fetch({
      topic: 'tides',
      partition: 0,
      offset: toOffset(0),
      maxWaitMs: 20_000,
    })
    await left.broker.produce({ topic: 'tides', partition: 0, batches: batchOf(['a']) })
    expect((await waiting).nextOffset).toBe(1)
    expect(
      await right.broker.produce({ topic: 'tides', partition: 0, batches: batchOf(['b']) }),
    ).toMatchObject({
      baseOffset: 1,
    })
    await close(left)
    expect(await valuesOf(right)).toEqual(['a', 'b'])
  })

  test('that is closed while a fetch waits answers it, and takes no more', async () => {
    const embedded = await open()
    await embedded.broker.createTopic({ topic: 'tides' })
    const waiting = embedded.broker.fetch({
      topic: 'tides',
      partition: 0,
      offset: toOffset(0),
      maxWaitMs: 30_000,
    })
    const producing = embedded.broker.produce({ topic: 'tides', partition: 0, batches: batchOf(['a']) })
    await close(embedded)
    expect(await producing).toMatchObject({ baseOffset: 0 })
    expect((await waiting).nextOffset).toBeLessThanOrEqual(1)
    for (const attempt of [
      () => embedded.broker.listTopics(),
      () => embedded.broker.fetch({ topic: 'tides', partition: 0, offset: toOffset(0) }),
      () => embedded.broker.produce({ topic: 'tides', partition: 0, batches: batchOf(['b']) }),
    ]) {
      await expect(attempt()).rejects.toMatchObject({ kafkaName: 'BROKER_NOT_AVAILABLE' })
    }
    expect(await valuesOf(await open())).toEqual(['a'])
  })

  test('moves every byte out of the index when it is closed', async () => {
    const embedded = await open()
    await embedded.broker.createTopic({ topic: 'tides', partitions: 3 })
    for (const partition of [0, 1, 2]) {
      await embedded.broker.produce({ topic: 'tides', partition, batches: batchOf([`${partition}`]) })
    }
    await close(embedded)
    const next = await open()
    let objects = 0
    for await (const { bytes } of next.objects.list()) if (bytes > 0) objects += 1
    expect(objects).toBe(1)
    for (const partition of [0, 1, 2]) expect(await valuesOf(next, partition)).toEqual([`${partition}`])
  })

  test('takes a thousand calls at once, in order', async () => {
    const { broker } = await open()
    await broker.createTopic({ topic: 'tides', partitions: 4 })
    const produced = await Promise.all(
      Array.from({ length: 1_000 }, (_, number) =>
        broker.produce({ topic: 'tides', partition: number % 4, batches: batchOf([`${number}`]) }),
      ),
    )
    expect(produced.map(({ baseOffset }) => baseOffset)).toEqual(
      Array.from({ length: 1_000 }, (_, number) => Math.floor(number / 4)),
    )
  })
})

test.each(['in a directory', 'in memory'])('a broker %s answers in memory that is lent', async where => {
  const embedded = where === 'in memory' ? openInMemory() : await openEmbedded({ directory })
  opened.push(embedded)
  const { broker } = embedded
  await broker.createTopic({ topic: 'tides' })
  const batches = joined(Array.from({ length: 5 }, (_, index) => batchOf([`${index}`], { padding: 20_000 })))
  await broker.produce({ topic: 'tides', partition: 0, batches })
  const pool = new MemoryPool(MiB)
  const used = new Set<ArrayBufferLike>()
  for (let round = 0; round < 4; round++) {
    const memory = pool.lend()
    const request = { topic: 'tides', partition: 0, offset: toOffset(0), memory }
    const { chunks } = await memory.use(() => broker.fetch(request))
    expect(joined(chunks).length).toBe(batches.length)
    for (const { buffer } of chunks) used.add(buffer)
    memory.leave()
  }
  expect(used.size).toBe(1)
})

describe('a broker in memory', () => {
  test('does the same, until its process ends', async () => {
    const embedded = openInMemory()
    opened.push(embedded)
    await embedded.broker.createTopic({ topic: 'tides' })
    const batches = joined([batchOf(['a']), batchOf(['b'], { padding: 50_000 })])
    expect(await embedded.broker.produce({ topic: 'tides', partition: 0, batches })).toMatchObject({
      records: 2,
    })
    expect(await valuesOf(embedded)).toEqual(['a', 'b'])
    expect(await findingsOf(embedded)).toEqual([])
  })

  test('shares nothing with another', async () => {
    const left = openInMemory()
    const right = openInMemory()
    opened.push(left, right)
    await left.broker.createTopic({ topic: 'tides' })
    expect(await right.broker.listTopics()).toEqual([])
  })
})
