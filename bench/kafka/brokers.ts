import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import kafkajs, { type Admin } from 'kafkajs'
import { KafkaProcess } from '../../test/kafka/kafka-process.ts'

const { Kafka, logLevel } = kafkajs
const LAUNCHER = join(import.meta.dirname, '../../src/cli/tidemark.js')
const START_MS_MAX = 120_000

/** A broker in a process of its own, with a store of its own. */
export interface BenchBroker {
  readonly bootstrap: string
  /** Of HTTP; undefined where it has none. */
  readonly url: string | undefined
  readonly pid: number
  readonly folder: string
  /** From the start of the process until a first record was acknowledged. */
  readonly startMs: number
  createTopic(topic: string, partitions: number): Promise<void>
  stop(): Promise<void>
}

export const BROKERS = {
  kafka: (parent: string) => startKafka(parent, {}),
  'kafka, flush.messages=1': (parent: string) => startKafka(parent, { 'flush.messages': '1' }),
  tidemark: startTidemark,
} as const satisfies Readonly<Record<string, (parent: string) => Promise<BenchBroker>>>
export type BrokerName = keyof typeof BROKERS

async function startKafka(parent: string, configs: Readonly<Record<string, string>>): Promise<BenchBroker> {
  // As Kafka's own start script: with its heap, and its collector's goals.
  const options = { parent, heap: '1g', javaOptions: ['-XX:+UseG1GC', '-XX:MaxGCPauseMillis=20'] }
  const kafka = await KafkaProcess.start({ 'auto.create.topics.enable': 'false' }, options)
  const { bootstrap, child, folder } = kafka
  const stop = () => kafka.stop()
  return await answering({ bootstrap, url: undefined, child, folder, stop }, kafka.startedMs, configs)
}

async function startTidemark(parent: string): Promise<BenchBroker> {
  const folder = await mkdtemp(join(parent, 'tidemark-'))
  const startedMs = performance.now()
  const listen = ['--http', '127.0.0.1:0', '--kafka', '127.0.0.1:0']
  const child = spawn(process.execPath, [LAUNCHER, 'dev', '--dir', folder, ...listen])
  const stop = async () => {
    const hasEnded = once(child, 'exit')
    child.kill('SIGKILL')
    await hasEnded
    await rm(folder, { recursive: true })
  }
  let told = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', chunk => {
      told += chunk
    })
  }
  while (!/Kafka.*?127\.0\.0\.1:\d+/i.test(told)) {
    if (child.exitCode !== null || performance.now() - startedMs > START_MS_MAX) {
      throw new Error(`Tidemark does not start: ${told}`)
    }
    await sleep(5)
  }
  const bootstrap = /Kafka.*?(127\.0\.0\.1:\d+)/i.exec(told)![1]!
  const url = /http:\/\/127\.0\.0\.1:\d+/.exec(told)?.[0]
  return await answering({ bootstrap, url, child, folder, stop }, startedMs, {})
}

type Started = Pick<BenchBroker, 'bootstrap' | 'url' | 'folder' | 'stop'> & { child: ChildProcess }

/** When it has acknowledged a record. */
async function answering(
  started: Started,
  startedMs: number,
  configs: Readonly<Record<string, string>>,
): Promise<BenchBroker> {
  const { bootstrap, url, folder, child, stop } = started
  const retry = { retries: 30, initialRetryTime: 20, maxRetryTime: 50 }
  const kafka = new Kafka({ brokers: [bootstrap], logLevel: logLevel.NOTHING, retry })
  const admin = kafka.admin()
  const producer = kafka.producer({ allowAutoTopicCreation: false })
  const createTopic = (topic: string, partitions: number) => makeTopic(admin, topic, partitions, configs)
  try {
    await admin.connect()
    await createTopic('first', 1)
    await producer.connect()
    await producer.send({ topic: 'first', messages: [{ value: 'first' }] })
    const startMs = performance.now() - startedMs
    await producer.disconnect()
    const stopAll = async () => {
      await admin.disconnect()
      await stop()
    }
    return { bootstrap, url, folder, pid: child.pid!, startMs, createTopic, stop: stopAll }
  } catch (error) {
    await stop()
    throw error
  }
}

async function makeTopic(
  admin: Admin,
  topic: string,
  numPartitions: number,
  configs: Readonly<Record<string, string>>,
): Promise<void> {
  const configEntries = Object.entries(configs).map(([name, value]) => ({ name, value }))
  await admin.createTopics({ topics: [{ topic, numPartitions, replicationFactor: 1, configEntries }] })
}
