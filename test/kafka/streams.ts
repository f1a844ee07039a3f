/**
 * Kafka Streams counts words, by hand: `node test/kafka/streams.ts` against `tidemark dev`, KAFKA_BROKER=apache against Apache Kafka
 * (Java 17, Maven). Two processes share the work; one ends and comes back; one is killed. Without a kill the counts are right, and
 * after one they are at least what they should be, which is what it promises.
 */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import kafkajs from 'kafkajs'
import { startBroker } from '../kafka-clients/broker.ts'
import { jars } from './jars.ts'

const { Kafka, logLevel } = kafkajs
const WORDS = ['tide', 'ebb', 'flood', 'moon', 'sea', 'shore', 'sand', 'wave']
const LINES = 2_000
const WAIT_MS_MAX = 120_000

const broker = await startBroker()
const folder = mkdtempSync(join(tmpdir(), 'tidemark-streams-'))
const kafka = new Kafka({ brokers: [broker.bootstrap], logLevel: logLevel.NOTHING, retry: { retries: 20 } })
const admin = kafka.admin()
const producer = kafka.producer({ allowAutoTopicCreation: false })
const consumer = kafka.consumer({ groupId: 'reads-counts' })
const expected = new Map<string, number>()
const counted = new Map<string, number>()
const apps = new Set<ChildProcessWithoutNullStreams>()
try {
  await admin.connect()
  await producer.connect()
  for (const topic of ['lines', 'counted'])
    await admin.createTopics({ topics: [{ topic, numPartitions: 4 }] })
  await consumer.connect()
  await consumer.subscribe({ topic: 'counted', fromBeginning: true })
  await consumer.run({
    eachMessage: async ({ message }) => {
      counted.set(message.key!.toString(), Number(message.value!.toString()))
    },
  })
  const first = start('first')
  let second = start('second')
  await write()
  await until('two processes have counted', areRight)

  await end(second)
  await write()
  await until('one has counted alone', areRight)

  second = start('second')
  await write()
  await until('two have, of which one came back', areRight)

  second.kill('SIGKILL')
  apps.delete(second)
  await write()
  await until('one has, after the other was killed', areEnough)
  await end(first)

  const topics = (await admin.listTopics()).filter(topic => topic.startsWith('word-count')).toSorted()
  console.log(`topics of its own: ${topics.join(', ')}`)
  const excess = WORDS.reduce((sum, word) => sum + counted.get(word)! - expected.get(word)!, 0)
  console.log(`counted right; ${excess} words were counted again after the kill`)
} finally {
  for (const app of apps) app.kill('SIGKILL')
  await Promise.allSettled([consumer.disconnect(), producer.disconnect(), admin.disconnect()])
  await broker.stop()
  rmSync(folder, { recursive: true, force: true })
}

function start(name: string): ChildProcessWithoutNullStreams {
  const options = ['-Xmx256m', '-cp', join(jars('streams'), '*'), join(import.meta.dirname, 'WordCount.java')]
  const app = spawn('java', [...options, broker.bootstrap, 'word-count', join(folder, name)])
  apps.add(app)
  for (const stream of [app.stdout, app.stderr]) {
    stream.on('data', (chunk: Buffer) => process.stdout.write(`  ${name}: ${chunk.toString().trimEnd()}\n`))
  }
  return app
}

async function end(app: ChildProcessWithoutNullStreams): Promise<void> {
  app.stdin.end()
  await once(app, 'exit')
  apps.delete(app)
}

/** Each word once a line, in another order each time. */
async function write(): Promise<void> {
  const messages = Array.from({ length: LINES }, (_, index) => {
    const turned = index % WORDS.length
    return { key: String(index), value: [...WORDS.slice(turned), ...WORDS.slice(0, turned)].join(' ') }
  })
  await producer.send({ topic: 'lines', messages })
  for (const word of WORDS) expected.set(word, (expected.get(word) ?? 0) + LINES)
}

function areRight(): boolean {
  return WORDS.every(word => counted.get(word) === expected.get(word))
}

function areEnough(): boolean {
  return WORDS.every(word => (counted.get(word) ?? 0) >= expected.get(word)!)
}

async function until(what: string, isSo: () => boolean): Promise<void> {
  const startedMs = performance.now()
  while (!isSo()) {
    if (performance.now() - startedMs > WAIT_MS_MAX) {
      throw new Error(`not so: ${what}. Expected ${[...expected]}, counted ${[...counted]}`)
    }
    await sleep(100)
  }
  console.log(`${what}, after ${Math.round(performance.now() - startedMs)} ms`)
}
