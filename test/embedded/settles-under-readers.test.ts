/** Consumers of every kind read all the while what they read is rolled, merged, compacted and expired under them. */
import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import { openMemoryStore } from '../../src/adapters/memory/memory-store.ts'
import { LogBroker } from '../../src/broker/log-broker.ts'
import { untilDeadline } from '../../src/broker/settling/budget.ts'
import { maintain } from '../../src/broker/settling/maintain.ts'
import { settlingSettings } from '../../src/broker/settling/settling-settings.ts'
import { RecordReader } from '../../src/broker/triggers/delivering/record-reader.ts'
import { HttpBroker } from '../../src/client/http-broker.ts'
import { fetchLocated } from '../../src/client/located.ts'
import { Tidemark } from '../../src/client/sdk/tidemark.ts'
import type { Broker } from '../../src/contract/broker.ts'
import { createHttpApp } from '../../src/contract/http/app.ts'
import { UrlSigner } from '../../src/contract/http/trust/signed-url.ts'
import { TidemarkError } from '../../src/core/errors.ts'
import { type Offset, toOffset } from '../../src/core/numbers.ts'
import { decodeBatches, encodeBatch } from '../../src/core/record/index.ts'
import { startHttpServer } from '../../src/embedded/http-server.ts'
import { systemClock, systemEntropy } from '../../src/embedded/system.ts'
import type { ObjectLocator } from '../../src/ports/object-locator.ts'

/** Everything is due at once, and what nobody needs goes after a second and a half. */
const EAGER = settlingSettings({
  ...{ rollBytes: 1, rollEntries: 1, rollAgedBytes: 1, rollAgedMs: 0, rollYoungMs: 0 },
  ...{ mergeSegmentsMin: 3, mergeSegmentsMax: 4 },
  ...{ graceMs: 1_500, advanceMs: 300, roundMs: 600, resweepMs: 2_000 },
})
const ROUNDS = 120
const BATCH_RECORDS = 10
const KEYS = 25
const TOPICS = {
  keyed: { 'cleanup.policy': 'compact', 'min.cleanable.dirty.ratio': '0.01', 'segment.bytes': '20000' },
  aged: { 'retention.bytes': '40000', 'segment.bytes': '10000' },
}
type TopicName = keyof typeof TOPICS

interface Seen {
  readonly offset: number
  readonly value: string
}

/** Takes records as they come; tells whether the last one was among them. */
type Take = (records: readonly Seen[]) => boolean

async function open() {
  const ports = { ...openMemoryStore(systemClock), clock: systemClock, entropy: systemEntropy }
  const signer = new UrlSigner({ secret: randomBytes(32) })
  const locator: ObjectLocator = {
    locate: async (key, position, bytes) => signer.sign(key, position, bytes, Date.now()),
  }
  const errors: unknown[] = []
  const settings = {
    lingerMs: 0,
    // What is in memory does not settle.
    hotTailBytes: 0,
    settles: 'elsewhere',
    reportError: (error: unknown) => errors.push(error),
  } as const
  const broker = new LogBroker(ports, settings, locator)
  broker.start()
  const objects = { signer, get: ports.objects.get.bind(ports.objects) }
  const app = createHttpApp({ broker, objects, logger: { error: (_, { error }) => errors.push(error) } })
  const server = await startHttpServer(app, { port: 0, closeTimeoutMs: 2_000 })
  onTestFinished(async () => {
    await server.close()
    await broker.close()
  })
  return { ports, broker, url: server.url, errors }
}

function toSeen({ offset, value }: { offset: number; value: Uint8Array | null }): Seen {
  return { offset, value: Buffer.from(value ?? []).toString() }
}

/** Where to go on after retention has passed a reader; any other failure is one. */
async function nextPlace(broker: Broker, topic: TopicName, error: unknown): Promise<Offset> {
  if (!(error instanceof TidemarkError) || error.kafkaName !== 'OFFSET_OUT_OF_RANGE') throw error
  return (await broker.offsetFor({ topic, partition: 0, at: 'earliest' })).offset!
}

async function readBatches(broker: Broker, topic: TopicName, take: Take): Promise<void> {
  for (let offset = toOffset(0); ; await sleep(2)) {
    try {
      const request = { topic, partition: 0, offset, maxBytes: 6_000, maxWaitMs: 100 }
      const { chunks, nextOffset } = await broker.fetch(request)
      const records = chunks.flatMap(chunk => decodeBatches(chunk)).filter(each => each.offset >= offset)
      if (take(records.map(toSeen))) return
      offset = nextOffset
    } catch (error) {
      offset = await nextPlace(broker, topic, error)
    }
  }
}

async function readJson(url: string, broker: Broker, topic: TopicName, take: Take): Promise<void> {
  for (let offset = 0; ; await sleep(3)) {
    const path = `/topics/${topic}/partitions/0/records?offset=${offset}&maxBytes=3000&maxWaitMs=100`
    const answer = await fetch(`${url}${path}`)
    if (answer.status === 416) {
      offset = (await broker.offsetFor({ topic, partition: 0, at: 'earliest' })).offset!
      continue
    }
    expect(answer.status).toBe(200)
    const { records, nextOffset } = (await answer.json()) as { records: Seen[]; nextOffset: number }
    if (take(records)) return
    offset = nextOffset
  }
}

async function readAsTrigger(broker: Broker, topic: TopicName, take: Take): Promise<void> {
  for (let from = toOffset(0); ; ) {
    const reader = new RecordReader(broker, { topic, partition: 0 }, () => true, from)
    try {
      for (;;) {
        const isMore = await reader.readOn()
        if (take(reader.upcoming.map(({ record }) => toSeen(record)))) return
        reader.skipTo(reader.readTo)
        if (!isMore) reader.lookAgain()
        await sleep(2)
      }
    } catch (error) {
      from = await nextPlace(broker, topic, error)
    }
  }
}

async function readInGroup(
  url: string,
  topic: TopicName,
  located: boolean,
  take: Take,
  name = 'early',
): Promise<void> {
  const tidemark = new Tidemark({ broker: new HttpBroker({ url }) })
  const consumer = tidemark.consumer({
    groupId: `${topic} ${located} ${name}`,
    located,
    maxBytesPerPartition: 5_000,
    maxRecords: 50,
  })
  onTestFinished(() => consumer.disconnect())
  await consumer.connect()
  await consumer.subscribe({ topic, fromBeginning: true })
  await new Promise<void>((resolve, reject) => {
    consumer.on(consumer.events.CRASH, ({ payload }) => reject(payload.error))
    void consumer.run({
      eachMessage: async ({ message }) => {
        if (take([toSeen({ offset: Number(message.offset), value: message.value })])) resolve()
        if (Number(message.offset) % 20 === 0) await sleep(5)
      },
    })
  })
  await consumer.disconnect()
}

test('no reader misses a record or meets one twice', { timeout: 60_000 }, async () => {
  const { ports, broker, url, errors } = await open()
  const http = new HttpBroker({ url })
  const written: Record<TopicName, { key: string; value: string }[]> = { keyed: [], aged: [] }
  const topics = Object.keys(TOPICS) as TopicName[]
  for (const topic of topics) {
    await broker.createTopic({ topic, configs: { ...TOPICS[topic], 'flush.ms': '100' } })
  }
  const seen = new Map<string, Seen[]>()
  const readers = topics.flatMap(topic => {
    const takes = (kind: string): Take => {
      const own: Seen[] = []
      seen.set(`${topic}, ${kind}`, own)
      return records => {
        own.push(...records)
        return records.some(({ value }) => value === 'last')
      }
    }
    // Some come when much has settled already.
    const later = sleep(1_500)
    return [
      readBatches(http, topic, takes('HTTP')),
      readBatches(broker, topic, takes('embedded')),
      readJson(url, broker, topic, takes('JSON')),
      readAsTrigger(broker, topic, takes('trigger')),
      readInGroup(url, topic, false, takes('group')),
      readInGroup(url, topic, true, takes('located')),
      later.then(() => readBatches(http, topic, takes('HTTP, late'))),
      later.then(() => readJson(url, broker, topic, takes('JSON, late'))),
      later.then(() => readAsTrigger(broker, topic, takes('trigger, late'))),
      later.then(() => readInGroup(url, topic, true, takes('located, late'), 'late')),
    ]
  })
  let isOver = false
  const all = Promise.all(readers).finally(() => {
    isOver = true
  })
  const settling = (async () => {
    let deletedObjects = 0
    for (; !isOver; await sleep(20)) {
      const budget = untilDeadline(systemClock.monotonicMs() + 10_000)
      deletedObjects += (await maintain(ports, EAGER, { upkeep: true, isForced: true }, budget))
        .deletedObjects
    }
    return deletedObjects
  })()
  const append = async (topic: TopicName, records: { key: string; value: string }[]) => {
    const batches = encodeBatch(
      records.map(({ key, value }) => ({ key: Buffer.from(key), value: Buffer.from(value) })),
      { nowMs: Date.now() },
    )
    await broker.produce({ topic, partition: 0, batches: new Uint8Array(batches) })
    written[topic].push(...records)
  }
  for (let round = 0; round <= ROUNDS; round++) {
    for (const topic of topics) {
      const records = Array.from({ length: BATCH_RECORDS }, (_, index) => {
        const number = round * BATCH_RECORDS + index
        return { key: `key ${(number * 7) % KEYS}`, value: `${number} ${'x'.repeat(number % 90)}` }
      })
      await append(topic, round < ROUNDS ? records : [{ key: 'end', value: 'last' }])
    }
    await sleep(25)
  }
  await all
  const deletedObjects = await settling
  expect(errors).toEqual([])
  for (const topic of topics) {
    const head = (await ports.index.readHead({
      topicId: (await broker.describeTopic(topic)).topicId,
      partition: 0,
    }))!
    const log = written[topic]
    const hasLater = (offset: number) =>
      log.some(({ key }, other) => other > offset && key === log[offset]!.key)
    for (const [reader, records] of seen) {
      if (!reader.startsWith(topic)) continue
      const offsets = records.map(({ offset }) => offset)
      expect([reader, offsets]).toEqual([reader, [...new Set(offsets)].toSorted((a, b) => a - b)])
      for (const { offset, value } of records)
        expect([reader, offset, value]).toEqual([reader, offset, log[offset]!.value])
      const met = new Set(offsets)
      const missed = [...log.keys()].filter(offset => !met.has(offset))
      const lost = missed.filter(offset =>
        topic === 'keyed' ? !hasLater(offset) : offset >= head.startOffset,
      )
      expect([reader, lost]).toEqual([reader, []])
    }
    // What has settled is read from where it lies, too.
    const located = await http.locate({ topic, partition: 0, offset: head.startOffset, maxBytes: 1_000_000 })
    expect(located.ranges.filter(({ offsets }) => offsets === 'final').length).toBeGreaterThan(0)
    const { chunks } = await fetchLocated(located, { from: head.startOffset })
    const direct = chunks.flatMap(chunk => decodeBatches(chunk)).map(toSeen)
    expect(direct.filter(({ offset, value }) => log[offset]?.value !== value)).toEqual([])
    expect(direct.at(-1)!.value).toBe('last')
    // So it was no empty promise.
    if (topic === 'keyed') expect(head.settled.generation).toBeGreaterThan(1)
    else expect(head.startOffset).toBeGreaterThan(0)
    expect(head.settled.settledOffset).toBeGreaterThan(0)
  }
  expect(deletedObjects).toBeGreaterThan(0)
})
