import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Tidemark } from '../../src/client/sdk/tidemark.ts'
import { toOffset } from '../../src/core/numbers.ts'
import { decodeBatches } from '../../src/core/record/index.ts'
import { type Embedded, openEmbedded, openInMemory } from '../../src/embedded/embedded.ts'
import { runOutboxes } from '../../src/embedded/outbox/run-outboxes.ts'

describe.each(['a directory', 'memory'])('outboxes of a broker on %s', where => {
  let directory: string
  let embedded: Embedded

  const open = () => (where === 'memory' ? openInMemory() : openEmbedded({ directory }))
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'tidemark-outboxes-'))
    embedded = await open()
    await embedded.broker.createTopic({ topic: 'orders', partitions: 2 })
  })
  afterEach(async () => {
    await embedded.close()
    await rm(directory, { recursive: true })
  })

  const boxOf = () => new Tidemark({ broker: embedded.broker }).outbox({ table: 't', topics: ['orders'] })

  async function valuesIn(partition: number): Promise<string[]> {
    const { chunks } = await embedded.broker.fetch({ topic: 'orders', partition, offset: toOffset(0) })
    return chunks.flatMap(chunk => decodeBatches(chunk)).map(({ value }) => Buffer.from(value!).toString())
  }

  test('are moved once their transaction is committed, in either form', async () => {
    const box = await boxOf()
    const outboxes = runOutboxes(embedded)
    const orders = new Map<string, number>()
    for (let number = 0; number < 20; number += 1) {
      const event = { topic: 'orders', messages: [{ value: `${number}`, partition: number % 2 }] }
      const elements = number % 3 === 0 ? box.item(event) : box.documentItem(event)
      await outboxes.commit(elements, () => void orders.set(`${number}`, number))
    }
    await outboxes.settled()
    expect(orders.size).toBe(20)
    expect(await valuesIn(0)).toEqual(['0', '2', '4', '6', '8', '10', '12', '14', '16', '18'])
    expect(await valuesIn(1)).toEqual(['1', '3', '5', '7', '9', '11', '13', '15', '17', '19'])
  })

  test('hold nothing of a transaction that is cancelled', async () => {
    const box = await boxOf()
    const outboxes = runOutboxes(embedded)
    const event = { topic: 'orders', messages: [{ value: 'no', partition: 0 }] }
    const cancelled = outboxes.commit(box.item(event), () => {
      throw new Error('there is such an order')
    })
    await expect(cancelled).rejects.toThrow(/^there is such an order$/)
    await outboxes.settled()
    expect(await valuesIn(0)).toEqual([])
  })

  test('take elements once while they wait, and no others', async () => {
    const box = await boxOf()
    const outboxes = runOutboxes(embedded)
    const elements = box.item({ topic: 'orders', messages: [{ value: 'a', partition: 0 }] })
    const both = await Promise.allSettled([outboxes.commit(elements), outboxes.commit(elements)])
    expect(both[0]!.status).toBe('fulfilled')
    expect(both[1]).toMatchObject({ reason: { kafkaName: 'DUPLICATE_RESOURCE', written: 'no' } })
    const other = outboxes.commit([{ Put: { Item: { pk: { S: 'log#a#0' }, sk: { S: 'head' } } } }])
    await expect(other).rejects.toMatchObject({ kafkaName: 'INVALID_REQUEST' })
    await outboxes.settled()
    expect(await valuesIn(0)).toEqual(['a'])
  })

  test('tell what is put aside', async () => {
    const box = await boxOf()
    await embedded.broker.deleteTopic('orders')
    const parked: string[] = []
    const outboxes = runOutboxes(embedded, { onParked: (_, __, { error }) => parked.push(error) })
    await outboxes.commit(box.item({ topic: 'orders', messages: [{ value: 'a', partition: 0 }] }))
    await expect.poll(() => parked).toEqual(['UNKNOWN_TOPIC_OR_PARTITION'])
  })

  test('end with the broker, and what waits then is moved by who comes next', async () => {
    if (where === 'memory') return expect(embedded.health).toBeUndefined()
    const box = await boxOf()
    const outboxes = runOutboxes(embedded)
    await outboxes.stop()
    await outboxes.commit(box.item({ topic: 'orders', messages: [{ value: 'a', partition: 1 }] }))
    expect(await valuesIn(1)).toEqual([])
    await embedded.close()
    embedded = await open()
    await runOutboxes(embedded).settled()
    expect(await valuesIn(1)).toEqual(['a'])
  })
})
