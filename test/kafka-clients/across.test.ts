/** What each client wrote, in every codec, is read by all others. */
import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Broker, startBroker } from './broker.ts'
import type { KafkaClient } from './client.ts'
import { CLIENTS } from './clients.ts'
import { found, oddRecords, wanted } from './records.ts'

const RUN = randomUUID()
const NAMES = Object.keys(CLIENTS)
let broker: Broker
const clients = new Map<string, KafkaClient>()
const missing = new Map<string, string>()

beforeAll(async () => {
  broker = await startBroker()
  const started = NAMES.map(async name => {
    try {
      clients.set(name, await CLIENTS[name]!(broker.bootstrap))
    } catch (error) {
      if (process.env.CI) throw error
      missing.set(name, (error as Error).message)
      console.error(`\n!!!!! KAFKA'S CLIENT ${name} IS SKIPPED, NOT TESTED: ${(error as Error).message}\n`)
    }
  })
  await Promise.all(started)
  const helper = clients.get('kafkajs')!
  for (const name of clients.keys()) await helper.admin.createTopic(topicOf(name), 1, {})
  await Promise.all(Array.from(clients.values(), client => write(client)))
}, 600_000)
afterAll(async () => {
  await Promise.all(Array.from(clients.values(), client => client.close()))
  await broker?.stop()
})

function topicOf(name: string): string {
  return `from-${name.replaceAll(/\W/g, '-')}-${RUN}`
}

function sentBy(client: KafkaClient) {
  const records = oddRecords().filter(
    ({ headers }) => client.abilities.has('null-headers') || headers.every(([, value]) => value !== null),
  )
  return client.codecs.flatMap(() => records)
}

async function write(client: KafkaClient): Promise<void> {
  const records = sentBy(client)
  const each = records.length / client.codecs.length
  for (const [index, codec] of client.codecs.entries()) {
    await client.produce(topicOf(client.name), records.slice(index * each, (index + 1) * each), { codec })
  }
}

describe.concurrent.each(NAMES)('%s', name => {
  test('reads what all others wrote', async ({ expect, skip }) => {
    const reader = clients.get(name) ?? skip(`NOT TESTED: ${missing.get(name)}`)
    for (const writer of clients.values()) {
      const sent = sentBy(writer)
      const read = await reader.read(topicOf(writer.name), 0, 'earliest', sent.length)
      expect([writer.name, found(read, writer, reader)]).toEqual([writer.name, wanted(sent, writer, reader)])
    }
  })
})

test('all clients are there', () => {
  if (process.env.CI) expect([...clients.keys()].toSorted()).toEqual(NAMES.toSorted())
})
