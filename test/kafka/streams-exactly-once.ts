/**
 * Kafka Streams counts words exactly once, by hand: `node test/kafka/streams-exactly-once.ts [--records 100000]` against `tidemark dev`,
 * KAFKA_BROKER=apache against Apache Kafka (Java 17, Maven). It is killed and started again twice in the middle; at last each count is
 * right. Tells what that costs: records of which its stores are restored at each start, warnings, requests while there is nothing to do.
 */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import kafkajs from 'kafkajs'
import { startBroker } from '../kafka-clients/broker.ts'
import { jars } from './jars.ts'

const { Kafka, logLevel } = kafkajs
const WORDS = ['tide', 'ebb', 'flood', 'moon', 'sea', 'shore', 'sand', 'wave']
const PARTITIONS = 4
const SENT_AT_A_TIME = 5_000
const WAIT_MS_MAX = 300_000
const MEASURED_MS = 20_000
const TRICKLE = 20

const { values } = parseArgs({ options: { records: { type: 'string', default: '100000' } } })
const records = Number(values.records)
const broker = await startBroker()
const folder = mkdtempSync(join(tmpdir(), 'tidemark-streams-'))
const kafka = new Kafka({ brokers: [broker.bootstrap], logLevel: logLevel.NOTHING, retry: { retries: 20 } })
const admin = kafka.admin()
const producer = kafka.producer({ allowAutoTopicCreation: false })
const consumer = kafka.consumer({ groupId: 'reads-counts' })
const expected = new Map<string, number>()
const counted = new Map<string, number>()
const total = () => [...counted.values()].reduce((sum, count) => sum + count, 0)

interface App {
  readonly process: ChildProcessWithoutNullStreams
  readonly startedMs: number
  restored: number
  warnings: number
  requests: readonly [producers: number, consumers: number]
  isRunning: boolean
}
let app: App | undefined
try {
  await admin.connect()
  await producer.connect()
  for (const topic of ['lines', 'counted'])
    await admin.createTopics({ topics: [{ topic, numPartitions: PARTITIONS }] })
  await consumer.connect()
  await consumer.subscribe({ topic: 'counted', fromBeginning: true })
  await consumer.run({
    eachMessage: async ({ message }) => {
      counted.set(message.key!.toString(), Number(message.value!.toString()))
    },
  })
  const startedMs = performance.now()
  app = start()
  const writing = write()
  for (const share of [0.25, 0.6]) {
    await until(`${share * 100} % is counted`, () => total() >= records * share)
    const hasEnded = once(app.process, 'exit')
    app.process.kill('SIGKILL')
    await hasEnded
    tell('killed', app)
    app = start()
  }
  await writing
  await until('everything is counted', () => WORDS.every(word => counted.get(word) === expected.get(word)))
  const seconds = (performance.now() - startedMs) / 1_000
  tell('at the end', app)
  console.log(`with nothing to do, requests a second: ${await requestsOf(app, () => sleep(MEASURED_MS))}`)
  console.log(`with ${TRICKLE} records a second: ${await requestsOf(app, trickle)}`)
  await until('the last ones are', () => WORDS.every(word => counted.get(word) === expected.get(word)))
  if (!WORDS.every(word => counted.get(word) === expected.get(word))) throw new Error('counted more since')
  app.process.stdin.end()
  await once(app.process, 'exit')
  app = start()
  await until('it runs again, after it has ended in peace', () => app!.isRunning)
  tell('in peace', app)
  app.process.stdin.end()
  await once(app.process, 'exit')
  console.log(`${records} records are counted once each, in ${Math.round(seconds)} s, over two kills`)
} finally {
  app?.process.kill('SIGKILL')
  await Promise.allSettled([consumer.disconnect(), producer.disconnect(), admin.disconnect()])
  await broker.stop()
  rmSync(folder, { recursive: true, force: true })
}

function start(): App {
  const [streams, connect] = [jars('streams'), jars('connect')]
  // The first one that is found: what it warns of is counted.
  const logger = readdirSync(connect).find(name => name.startsWith('slf4j-simple'))!
  const libraries = [join(connect, logger), join(streams, '*')].join(':')
  const program = join(import.meta.dirname, 'WordCount.java')
  const options = ['-Xmx256m', '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn', '-cp', libraries, program]
  const child = spawn('java', [
    ...options,
    broker.bootstrap,
    'word-count',
    join(folder, 'store'),
    'exactly_once_v2',
  ])
  const app: App = {
    process: child,
    startedMs: performance.now(),
    restored: 0,
    warnings: 0,
    requests: [0, 0],
    isRunning: false,
  }
  child.stdout.on('data', (chunk: Buffer) => {
    for (const line of chunk.toString().split('\n')) {
      const restored = /^restored (\d+)/.exec(line)
      if (restored) app.restored = Number(restored[1])
      const requests = /^requests (\d+) (\d+)/.exec(line)
      if (requests) app.requests = [Number(requests[1]), Number(requests[2])]
      if (line === 'RUNNING') app.isRunning = true
      if (line.startsWith('failed')) console.log(line)
    }
  })
  child.stderr.on('data', (chunk: Buffer) => {
    app.warnings += chunk.toString().split('RecordCollectorImpl').length - 1
  })
  return app
}

function tell(what: string, { restored, warnings, requests, startedMs }: App): void {
  const seconds = Math.round((performance.now() - startedMs) / 1_000)
  console.log(
    `${what} after ${seconds} s: its stores were restored of ${restored} records, ${warnings} warnings of offsets that are not told, ` +
      `${requests[0]} requests of producers, ${requests[1]} of consumers; ${total()} counted`,
  )
}

/** What its clients ask a second meanwhile: counted by themselves, each second. */
async function requestsOf(app: App, work: () => Promise<unknown>): Promise<string> {
  const [before, startedMs] = [app.requests, performance.now()]
  await work()
  const seconds = (performance.now() - startedMs) / 1_000
  const [producers, consumers] = app.requests.map((count, index) => (count - before[index]!) / seconds)
  return `${producers!.toFixed(1)} of producers, ${consumers!.toFixed(1)} of consumers`
}

async function trickle(): Promise<void> {
  for (const untilMs = performance.now() + MEASURED_MS; performance.now() < untilMs; ) {
    await send(0, 1)
    await sleep(1_000 / TRICKLE)
  }
}

async function write(): Promise<void> {
  for (let first = 0; first < records; first += SENT_AT_A_TIME) {
    await send(first, Math.min(SENT_AT_A_TIME, records - first))
  }
}

async function send(first: number, count: number): Promise<void> {
  const messages = Array.from({ length: count }, (_, index) => ({
    key: String(first + index),
    value: WORDS[(first + index) % WORDS.length]!,
  }))
  await producer.send({ topic: 'lines', messages })
  for (const { value } of messages) expected.set(value, (expected.get(value) ?? 0) + 1)
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
