/** What each client wrote, in every codec, is read by all others, over HTTP, by the SDK and by a trigger, and the other way round. */
import { randomUUID } from 'node:crypto'
import { mkdtempSync } from 'node:fs'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Broker, startBroker } from './broker.ts'
import { CLIENTS } from './clients.ts'
import { type EventRecord, fromEvent, overHttp, type ReaderAndWriter, sdk } from './own-clients.ts'
import { found, oddRecords, wanted } from './records.ts'

const RUN = randomUUID()
const NAMES = Object.keys(CLIENTS)
const OWN = ['HTTP', 'SDK']
const TRIGGERED = 'triggered'
const folder = mkdtempSync(join(tmpdir(), 'tidemark-across-'))
const HANDLER = `
  import { appendFileSync } from 'node:fs'
  export const handler = async (event: { records: Record<string, object[]> }) => {
    for (const record of Object.values(event.records).flat()) {
      appendFileSync(${JSON.stringify(join(folder, 'seen'))}, JSON.stringify(record) + '\\n')
    }
  }`
let broker: Broker
const clients = new Map<string, ReaderAndWriter>()
const missing = new Map<string, string>()

beforeAll(async () => {
  await writeFile(join(folder, 'package.json'), '{"type":"module"}')
  await writeFile(join(folder, 'handler.ts'), HANDLER)
  const trigger = ['--on', `${TRIGGERED}=${join(folder, 'handler.ts')}`]
  broker = await startBroker(trigger)
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
  const helper = await CLIENTS.kafkajs!(broker.bootstrap)
  if (broker.url !== undefined) {
    for (const own of [overHttp(broker.url), sdk(broker.url)]) clients.set(own.name, own)
  }
  for (const name of clients.keys()) await helper.admin.createTopic(topicOf(name), 1, {})
  await helper.close()
  await Promise.all(Array.from(clients.values(), client => write(client)))
}, 600_000)
afterAll(async () => {
  await Promise.all(Array.from(clients.values(), client => client.close()))
  await broker?.stop()
  await rm(folder, { recursive: true })
})

function topicOf(name: string): string {
  return `from-${name.replaceAll(/\W/g, '-')}-${RUN}`
}

function sentBy(client: ReaderAndWriter) {
  const records = oddRecords().filter(
    ({ headers }) => client.abilities.has('null-headers') || headers.every(([, value]) => value !== null),
  )
  return client.codecs.flatMap(() => records)
}

async function write(client: ReaderAndWriter): Promise<void> {
  const records = sentBy(client)
  const each = records.length / client.codecs.length
  for (const [index, codec] of client.codecs.entries()) {
    await client.produce(topicOf(client.name), records.slice(index * each, (index + 1) * each), { codec })
  }
}

describe.concurrent.each([...NAMES, ...OWN])('%s', name => {
  test('reads what all others wrote', async ({ expect, skip }) => {
    const reader =
      clients.get(name) ?? skip(`NOT TESTED: ${missing.get(name) ?? 'another broker has it not'}`)
    for (const writer of clients.values()) {
      const sent = sentBy(writer)
      const read = await reader.read(topicOf(writer.name), 0, 'earliest', sent.length)
      expect([writer.name, found(read, writer, reader)]).toEqual([writer.name, wanted(sent, writer, reader)])
    }
  })
})

test('a trigger is given what they write', async ({ skip }) => {
  if (broker.url === undefined) return skip('another broker has no triggers')
  const events = async () => {
    const lines = (await readFile(join(folder, 'seen'), 'utf8').catch(() => '')).split('\n').slice(0, -1)
    return lines.map(line => fromEvent(JSON.parse(line) as EventRecord))
  }
  // One after the other, so that each knows where its records begin.
  let first = 0
  for (const writer of clients.values()) {
    // In an event, a header without a value is one of no bytes.
    const sent = sentBy(writer)
      .slice(0, sentBy(writer).length / writer.codecs.length)
      .filter(({ headers }) => headers.every(([, value]) => value !== null))
    await writer.produce(TRIGGERED, sent, { codec: 'gzip' })
    await expect.poll(async () => (await events()).length, { timeout: 30_000 }).toBe(first + sent.length)
    const given = (await events()).slice(first)
    const event = { abilities: writer.abilities, groupsHeaders: true }
    expect([writer.name, found(given, writer, event)]).toEqual([
      writer.name,
      wanted(sent, writer, event, first),
    ])
    first += sent.length
  }
})

test('all clients are there', () => {
  if (process.env.CI) expect([...clients.keys()]).toEqual(expect.arrayContaining(NAMES))
})
