import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire, stripTypeScriptTypes } from 'node:module'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { BatchProcessor, EventType, processPartialResponse } from '@aws-lambda-powertools/batch'
import { kafkaConsumer, SchemaType } from '@aws-lambda-powertools/kafka'
import type { MSKEvent } from '@aws-lambda-powertools/kafka/types'
import type { Context } from 'aws-lambda'
import { afterAll, afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { toOffset } from '../../../src/core/numbers.ts'
import { readFailures } from '../../../src/core/trigger/batch-item-failures.ts'
import { buildEvent, encodeRecord } from '../../../src/core/trigger/event.ts'
import type { TriggerRecord } from '../../../src/core/trigger/trigger.ts'
import { record } from './records.ts'

const CONTEXT = { functionName: 'orders', awsRequestId: 'request' } as Context

/** What a function gets: Powertools' types are of MSK's event, which has an ARN more. */
function eventOf(...records: TriggerRecord[]): MSKEvent {
  const encoded = records.map(each => encodeRecord('orders', 0, each))
  return JSON.parse(buildEvent('orders', 0, encoded, 'https://broker.example')) as MSKEvent
}

const packageFolder = dirname(dirname(createRequire(import.meta.url).resolve('@aws-lambda-powertools/kafka')))

describe("Powertools' own examples of handlers", () => {
  // Beside the packages that they import.
  const folder = mkdtempSync(join(process.cwd(), 'node_modules', '.powertools-examples-'))
  const readme = readFileSync(join(packageFolder, '..', 'README.md'), 'utf8')
  afterAll(() => rmSync(folder, { recursive: true }))
  beforeEach(() => vi.stubEnv('POWERTOOLS_DEV', 'true'))
  afterEach(() => vi.unstubAllEnvs())

  /** The example under a heading, as the package's page prints it, less its types. */
  async function example(heading: string): Promise<(event: MSKEvent, context: Context) => Promise<unknown>> {
    const code = readme.split(`#### ${heading}\n`)[1]?.split('```ts\n')[1]?.split('```')[0]
    if (code === undefined) throw new Error(`the page has no example under ${heading}`)
    const file = join(folder, `${heading.replaceAll(' ', '-')}.mjs`)
    writeFileSync(file, stripTypeScriptTypes(code))
    return (await import(pathToFileURL(file).href)).handler
  }

  test('JSON Schema', async () => {
    const logged = vi.spyOn(console, 'info').mockImplementation(() => undefined)
    const handler = await example('JSON Schema')
    await handler(eventOf(record({ value: '{"id":1}' }), record({ offset: 1, value: '{"id":2}' })), CONTEXT)
    const lines = logged.mock.calls.map(([line]) => JSON.parse(line as string))
    expect(lines.map(({ message, value }) => [message, value])).toEqual([
      ['received value', { id: 1 }],
      ['received value', { id: 2 }],
    ])
  })

  test('Zod', async () => {
    const order = {
      id: 'o-1',
      customerId: 'c-1',
      items: [{ productId: 'p-1', quantity: 1, price: 2.5 }],
      createdAt: '2026-11-22T00:00:00Z',
      totalAmount: 2.5,
    }
    const handler = await example('Zod')
    await expect(handler(eventOf(record({ value: JSON.stringify(order) })), CONTEXT)).resolves.toBeUndefined()
    const wrong = eventOf(record({ value: JSON.stringify({ ...order, items: [] }) }))
    await expect(handler(wrong, CONTEXT)).rejects.toThrow('Schema validation failed')
  })
})

describe("Powertools' Kafka consumer", () => {
  test('reads keys, values, headers and places as they were produced', async () => {
    const seen: unknown[] = []
    const handler = kafkaConsumer<string, { id: number }>(
      async event => {
        for (const {
          key,
          value,
          headers,
          topic,
          partition,
          offset,
          timestamp,
          timestampType,
        } of event.records) {
          seen.push({ key, value, headers, topic, partition, offset, timestamp, timestampType })
        }
      },
      { value: { type: SchemaType.JSON } },
    )
    const headers = [
      ['café', 'größe'],
      ['none', null],
    ] as const
    await handler(
      eventOf(
        record({ offset: 7, timestampMs: 5, key: 'κλειδί', value: '{"id":1}', headers }),
        record({ offset: 8, timestampMs: 6, value: null }),
      ),
      CONTEXT,
    )
    const place = { topic: 'orders', partition: 0, timestampType: 'CREATE_TIME' }
    expect(seen).toEqual([
      {
        ...place,
        offset: 7,
        timestamp: 5,
        key: 'κλειδί',
        value: { id: 1 },
        headers: [{ café: 'größe' }, { none: '' }],
      },
      { ...place, offset: 8, timestamp: 6, key: undefined, value: undefined, headers: [] },
    ])
  })
})

describe("Powertools' partial answers", () => {
  test('of the batch utility are understood: it knows no Kafka, and takes offsets for ids', async () => {
    const records = [5, 6, 7].map(offset => record({ offset, value: `${offset}` }))
    const taken = eventOf(...records).records['orders-0']!
    const messages = taken.map(each => ({ ...each, messageId: `${each.offset}` }))
    const answer = await processPartialResponse(
      { Records: messages },
      async ({ value }: { value: string }) => {
        if (Buffer.from(value, 'base64').toString() !== '5') throw new Error('not this one')
      },
      new BatchProcessor(EventType.SQS),
    )
    expect(answer.batchItemFailures).toHaveLength(2)
    // As it reaches a caller.
    const read = JSON.parse(JSON.stringify(answer))
    expect(readFailures(read, 'orders', 0, toOffset(5), toOffset(7))).toEqual({ kind: 'from', offset: 6 })
  })

  test('of the Python utility, which knows Kafka, are understood', () => {
    // https://docs.aws.amazon.com/powertools/python/latest/utilities/batch/, the section on Kafka
    const answer = { batchItemFailures: [{ itemIdentifier: { partition: 'orders-0', offset: 6 } }] }
    expect(readFailures(answer, 'orders', 0, toOffset(5), toOffset(7))).toEqual({ kind: 'from', offset: 6 })
  })
})
