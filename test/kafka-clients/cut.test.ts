/**
 * An idempotent producer whose connections are cut all the time, often between what was done and its answer: what it
 * sends again is known by its sequence numbers, so that nothing is missing, doubled, or out of order.
 */
import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect, createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { SeededEntropy } from '../../src/adapters/memory/seeded-entropy.ts'
import { openEmbedded } from '../../src/embedded/embedded.ts'
import { startGateway } from '../../src/embedded/gateway.ts'
import { KafkaProcess } from '../kafka/kafka-process.ts'
import type { SentRecord } from './client.ts'
import { CLIENTS } from './clients.ts'

const PRODUCERS = ['confluent-kafka', 'kafka-python', 'java', 'franz-go']
const RECORDS = 1_500
const VALUE_BYTES = 2_000
/** Answers of so many bytes go through at most, before a connection is cut. */
const ANSWERED_BYTES_MAX = 6_000
const RUN_MS_MAX = 120_000

let bootstrap: string
let stop: () => Promise<void>
/** Only while records are written: readers are not tested here. */
let isCutting = false
let cuts = 0
const proxy = createServer()

beforeAll(async () => {
  await new Promise<void>(resolve => proxy.listen(0, '127.0.0.1', resolve))
  const { port } = proxy.address() as { port: number }
  bootstrap = `127.0.0.1:${port}`
  const target = await startBehind(port)
  cutConnectionsTo(target, proxy)
}, 180_000)
afterAll(async () => {
  proxy.close()
  await stop?.()
})

/** A broker that tells its clients the proxy's port. Answers its own. */
async function startBehind(port: number): Promise<number> {
  if (process.env.KAFKA_BROKER !== undefined) {
    const kafka = await KafkaProcess.start({ 'advertised.listeners': `PLAINTEXT://127.0.0.1:${port}` })
    stop = () => kafka.stop()
    return Number(kafka.bootstrap.split(':')[1])
  }
  const directory = await mkdtemp(join(tmpdir(), 'tidemark-cut-'))
  const embedded = await openEmbedded({ directory })
  const gateway = await startGateway(embedded, { port: 0, advertised: { host: '127.0.0.1', port } })
  stop = async () => {
    await gateway.close()
    await embedded.close()
    await rm(directory, { recursive: true })
  }
  return gateway.port
}

function cutConnectionsTo(target: number, server: Server): void {
  const entropy = new SeededEntropy(1)
  server.on('connection', client => {
    const broker = connect(target, '127.0.0.1')
    // What clients ask at first takes about a thousand bytes: they get at least to their records.
    let left = entropy.integer(1_500, ANSWERED_BYTES_MAX)
    const end = () => {
      client.destroy()
      broker.destroy()
    }
    client.on('data', chunk => broker.write(chunk))
    broker.on('data', chunk => {
      left -= chunk.length
      if (left >= 0 || !isCutting) {
        client.write(chunk)
        return
      }
      cuts += 1
      end()
    })
    for (const socket of [client, broker]) {
      socket.on('error', end)
      socket.on('close', end)
    }
  })
}

describe.each(PRODUCERS)('%s', name => {
  test('writes each record once, in order', { timeout: RUN_MS_MAX }, async ({ skip }) => {
    const make = CLIENTS[name]!
    const client = await make(bootstrap).catch(error => {
      if (process.env.CI) throw error
      return skip(`NOT TESTED: ${error.message}`)
    })
    const reader = await CLIENTS.kcat!(bootstrap)
    const admin = await CLIENTS.kafkajs!(bootstrap)
    try {
      const topic = `cut-${randomUUID()}`
      await admin.admin.createTopic(topic, 1, {})
      const before = cuts
      isCutting = true
      await client.produce(topic, records(), { idempotent: true }).finally(() => {
        isCutting = false
      })
      expect(cuts - before).toBeGreaterThan(2)
      const read = await reader.read(topic, 0, 'earliest', RECORDS)
      expect(read.map(({ key }) => Number(key!.toString()))).toEqual(
        Array.from({ length: RECORDS }, (_, n) => n),
      )
      expect(await reader.offsetAt(topic, 0, 'latest')).toBe(RECORDS)
    } finally {
      await Promise.all([client.close(), admin.close()])
    }
  })
})

function records(): SentRecord[] {
  const value = Buffer.alloc(VALUE_BYTES, 'tide')
  return Array.from({ length: RECORDS }, (_, index) => ({
    partition: 0,
    key: Buffer.from(String(index)),
    value,
    headers: [],
    timestampMs: Date.UTC(2026, 0, 1) + index,
  }))
}
