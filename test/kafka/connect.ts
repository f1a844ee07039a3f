/**
 * Kafka Connect, distributed, by hand: `node test/kafka/connect.ts` against `tidemark dev`, KAFKA_BROKER=apache against Apache Kafka
 * (Java 17, Maven). Its file source copies a file into a topic, its file sink the topic into another file; the worker is killed and
 * comes back, with its connectors and their places out of its own three topics.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { appendFileSync, createWriteStream, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import kafkajs from 'kafkajs'
import { startBroker } from '../kafka-clients/broker.ts'
import { jars } from './jars.ts'

const LINES = 5_000
const WAIT_MS_MAX = 120_000

const broker = await startBroker()
const folder = mkdtempSync(join(tmpdir(), 'tidemark-connect-'))
const [from, to, log] = ['from.txt', 'to.txt', 'worker.log'].map(name => join(folder, name)) as [
  string,
  string,
  string,
]
const port = await freePort()
const url = `http://127.0.0.1:${port}`
await createTopic()
let worker = start()
try {
  const file = 'org.apache.kafka.connect.file'
  write('first')
  await until('the worker answers', async () => (await fetch(`${url}/connectors`)).ok)
  await create('source', {
    'connector.class': `${file}.FileStreamSourceConnector`,
    file: from,
    topic: 'copied',
  })
  await create('sink', { 'connector.class': `${file}.FileStreamSinkConnector`, file: to, topics: 'copied' })
  await until('both files are the same', isCopied)

  worker.kill('SIGKILL')
  await once(worker, 'exit')
  write('while it is away')
  worker = start()
  await until('and again, after the worker was killed', isCopiedAtLeastOnce)

  await expectStatus('DELETE', '/connectors/source', 204)
  await expectStatus('DELETE', '/connectors/sink', 204)
  console.log('Connect works')
} catch (error) {
  console.error(readFileSync(log, 'utf8').split('\n').slice(-60).join('\n'))
  throw error
} finally {
  worker.kill('SIGKILL')
  await broker.stop()
  rmSync(folder, { recursive: true, force: true })
}

async function createTopic(): Promise<void> {
  const admin = new kafkajs.Kafka({ brokers: [broker.bootstrap] }).admin()
  await admin.connect()
  await admin.createTopics({ topics: [{ topic: 'copied', numPartitions: 1 }] })
  await admin.disconnect()
}

function start(): ChildProcess {
  const properties = join(folder, 'worker.properties')
  const settings = {
    'bootstrap.servers': broker.bootstrap,
    'group.id': 'connect',
    'key.converter': 'org.apache.kafka.connect.storage.StringConverter',
    'value.converter': 'org.apache.kafka.connect.storage.StringConverter',
    'config.storage.topic': 'connect-configs',
    'offset.storage.topic': 'connect-offsets',
    'status.storage.topic': 'connect-status',
    'config.storage.replication.factor': 1,
    'offset.storage.replication.factor': 1,
    'status.storage.replication.factor': 1,
    'offset.storage.partitions': 5,
    'status.storage.partitions': 3,
    'offset.flush.interval.ms': 1_000,
    'session.timeout.ms': 6_000,
    'heartbeat.interval.ms': 1_000,
    listeners: url,
    'plugin.discovery': 'service_load',
  }
  writeFileSync(
    properties,
    Object.entries(settings)
      .map(([name, value]) => `${name}=${value}\n`)
      .join(''),
  )
  const classes = ['-cp', join(jars('connect'), '*'), 'org.apache.kafka.connect.cli.ConnectDistributed']
  const child = spawn('java', ['-Xmx512m', ...classes, properties], { stdio: ['ignore', 'pipe', 'pipe'] })
  for (const stream of [child.stdout, child.stderr]) stream.pipe(createWriteStream(log, { flags: 'a' }))
  return child
}

function write(name: string): void {
  appendFileSync(from, Array.from({ length: LINES }, (_, index) => `${name} ${index}\n`).join(''))
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

async function isCopied(): Promise<boolean> {
  return read(from) === read(to)
}

async function isCopiedAtLeastOnce(): Promise<boolean> {
  const copied = new Set(read(to).split('\n'))
  return read(from)
    .split('\n')
    .every(line => copied.has(line))
}

async function create(name: string, config: Record<string, string>): Promise<void> {
  const body = JSON.stringify({ name, config: { ...config, 'tasks.max': '1' } })
  await expectStatus('POST', '/connectors', 201, body)
}

async function expectStatus(method: string, path: string, status: number, body?: string): Promise<void> {
  const headers = { 'content-type': 'application/json' }
  const answer = await fetch(`${url}${path}`, { method, headers, ...(body === undefined ? {} : { body }) })
  if (answer.status !== status) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`)
}

async function until(what: string, isSo: () => Promise<boolean>): Promise<void> {
  const startedMs = performance.now()
  while (!(await isSo().catch(() => false))) {
    if (performance.now() - startedMs > WAIT_MS_MAX) throw new Error(`not so: ${what}`)
    await sleep(200)
  }
  console.log(`${what}, after ${Math.round(performance.now() - startedMs)} ms`)
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  await new Promise(resolve => server.close(resolve))
  return port
}
