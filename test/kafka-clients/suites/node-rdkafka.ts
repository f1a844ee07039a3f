/**
 * node-rdkafka's own end-to-end suite, from its package: `node test/kafka-clients/suites/node-rdkafka.ts`, by hand. It is compiled with
 * Debian's librdkafka (apt-get install librdkafka-dev g++ make) for the `node` that NODE names, or the system's.
 * KAFKA_BROKER=apache runs it against Apache Kafka.
 */
import { execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import kafkajs from 'kafkajs'
import { EMULATORS } from '../../../localstack/running.ts'
import { type Known, type Outcome, report } from './suite.ts'
import { startSuiteBroker } from './suite-broker.ts'

const VERSION = '3.6.1'
const FILES = ['admin', 'both', 'consumer', 'groups', 'producer']
const NODE = process.env.NODE ?? '/usr/bin/node'
/** Takes the topics that it has made for it to have one partition: it reads them in the order in which it has written. */
const IN_ORDER = 'producer-transaction'
const FILE_MS_MAX = 300_000

const EMPTY_AS_NULL = 'it sends what is empty as null itself: so with Apache Kafka, too'
const KNOWN: Known = {
  'Consumer/Producer should be able to produce and consume messages: empty buffer key and empty value':
    EMPTY_AS_NULL,
  'Consumer/Producer should be able to produce and consume messages: empty key and empty value':
    EMPTY_AS_NULL,
  'Producer with_dr_msg_cb should produce a message with an empty payload and empty key (https://github.com/Blizzard/node-rdkafka/issues/117)':
    EMPTY_AS_NULL,
  'Transactional Producer abort transaction should consume committed and uncommitted for read_uncommitted':
    'what was aborted is in no log',
}

const folder = join(EMULATORS, `node-rdkafka-${VERSION}`)
install()
const broker = await startSuiteBroker()
const inOrder = await startSuiteBroker(1)
const outcomes: Outcome[] = []
try {
  const admin = new kafkajs.Kafka({ brokers: [broker.bootstrap] }).admin()
  await admin.connect()
  const names = ['test', 'test2', 'test3', 'test4', 'test5', 'test6']
  await admin.createTopics({ topics: names.map(topic => ({ topic, numPartitions: 1 })) })
  await admin.disconnect()
  for (const file of FILES) outcomes.push(...(await run(file, broker.bootstrap)))
  outcomes.push(...(await run(IN_ORDER, inOrder.bootstrap)))
} finally {
  await broker.stop()
  await inOrder.stop()
}
process.exitCode = report(outcomes, KNOWN) ? 0 : 1

function install(): void {
  if (existsSync(join(folder, 'node_modules/node-rdkafka/build/Release/node-librdkafka.node'))) return
  mkdirSync(folder, { recursive: true })
  const manifest = { private: true, allowScripts: { 'node-rdkafka': true } }
  writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest))
  const path = `${join(NODE, '..')}:${process.env.PATH}`
  const env = { ...process.env, BUILD_LIBRDKAFKA: '0', PATH: path }
  const options = ['install', '--no-audit', '--no-fund', `node-rdkafka@${VERSION}`, 'mocha@11.7.5']
  execFileSync('npm', options, { cwd: folder, env, stdio: 'inherit' })
}

/** In a process of its own: one that ends badly takes no others along. */
async function run(file: string, bootstrap: string): Promise<Outcome[]> {
  const results = join(folder, `${file}.json`)
  writeFileSync(results, '')
  const mocha = join(folder, 'node_modules/mocha/bin/mocha.js')
  const reporter = ['--reporter', 'json', '--reporter-option', `output=${results}`]
  const args = [mocha, '--exit', '--timeout', '20000', ...reporter, `e2e/${file}.spec.js`]
  const cwd = join(folder, 'node_modules/node-rdkafka')
  const env = { ...process.env, KAFKA_HOST: bootstrap }
  // The broker is in this process: it has to go on meanwhile.
  const child = spawn(NODE, args, { cwd, env, timeout: FILE_MS_MAX, stdio: 'ignore' })
  const status = await new Promise(resolve => child.once('exit', (code, signal) => resolve(signal ?? code)))
  const text = readFileSync(results, 'utf8')
  if (text === '') return [{ name: file, state: 'failed', why: `ended with ${status}` }]
  interface Case {
    fullTitle: string
    err: { message?: string }
  }
  const { passes, failures, pending } = JSON.parse(text) as Record<string, Case[]>
  return [
    ...passes!.map(({ fullTitle }) => ({ name: fullTitle, state: 'passed' as const })),
    ...failures!.map(({ fullTitle, err }) => ({
      name: fullTitle,
      state: 'failed' as const,
      why: err.message ?? '',
    })),
    ...pending!.map(({ fullTitle }) => ({ name: fullTitle, state: 'skipped' as const })),
  ]
}
