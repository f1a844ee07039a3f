/**
 * librdkafka's own tests, as far as they are about a broker, from @confluentinc/kafka-javascript's package, by hand:
 * `node test/kafka-clients/suites/librdkafka.ts [--tests 0011,0030]`. Needs what librdkafka is compiled with (apt-get install g++ make
 * libcurl4-openssl-dev libssl-dev libsasl2-dev zlib1g-dev libzstd-dev liblz4-dev); the first time it compiles for some minutes.
 * KAFKA_BROKER=apache runs it against Apache Kafka.
 */
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  cpSync,
  createWriteStream,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs, stripVTControlCharacters } from 'node:util'
import { EMULATORS } from '../../../localstack/running.ts'
import { type Known, type Outcome, report } from './suite.ts'
import { startSuiteBroker } from './suite-broker.ts'

const VERSION = '1.10.0'
const RUN_MS_MAX = 1_500_000

const SOURCE = "asks for the scripts of a checkout of Kafka's (KAFKA_PATH)"
const KNOWN: Known = {
  '0052_msg_timestamps': SOURCE,
  '0077_compaction': SOURCE,
  '0081_admin': 'after its topics it makes access control lists, of which there are none',
  '0103_transactions':
    'at last it asks how far an open transaction has written, of which nothing is in a log',
  '0109_auto_create_topics': SOURCE,
  '0115_producer_auth': SOURCE,
  '0119_consumer_auth': SOURCE,
  '<MAIN>': 'counts the threads of the tests that failed',
}

const { values } = parseArgs({ options: { tests: { type: 'string' } } })
const folder = join(EMULATORS, `kafka-javascript-${VERSION}`)
const library = join(folder, 'node_modules/@confluentinc/kafka-javascript/deps/librdkafka')
build()
const work = mkdtempSync(join(tmpdir(), 'librdkafka-tests-'))
const broker = await startSuiteBroker()
const outcomes: Outcome[] = []
try {
  cpSync(join(library, 'tests/scenarios'), join(work, 'scenarios'), { recursive: true })
  const settings = [
    `bootstrap.servers=${broker.bootstrap}`,
    'test.topic.random=true',
    'test.timeout.multiplier=2',
  ]
  writeFileSync(join(work, 'test.conf'), `${settings.join('\n')}\n`)
  for (const tests of values.tests?.split(',') ?? ['']) outcomes.push(...outcomesOf(await run(tests)))
} finally {
  await broker.stop()
}
console.log(`What they said: ${work}`)
process.exitCode = report(outcomes, KNOWN) ? 0 : 1

function build(): void {
  if (existsSync(join(library, 'tests/test-runner'))) return
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ private: true }))
  // Its sources alone: the binding to Node is not what is tested.
  const options = [
    'install',
    '--ignore-scripts',
    '--no-audit',
    '--no-fund',
    `@confluentinc/kafka-javascript@${VERSION}`,
  ]
  execFileSync('npm', options, { cwd: folder, stdio: 'inherit' })
  execFileSync(join(library, 'configure'), { cwd: library, stdio: 'inherit' })
  execFileSync('make', ['-j2', 'libs'], { cwd: library, stdio: 'inherit' })
  execFileSync('make', ['-j2', '-C', 'tests', 'test-runner'], { cwd: library, stdio: 'inherit' })
}

/** Broker's tests, quick, without those that are known to fail and those that disturb sockets. Answers what it printed. */
async function run(tests: string): Promise<string> {
  const env = {
    ...process.env,
    LD_LIBRARY_PATH: `${join(library, 'src')}:${join(library, 'src-cpp')}`,
    TEST_KAFKA_VERSION: '4.0.0',
    ...(tests === '' ? {} : { TESTS: tests }),
  }
  const child = spawn(join(library, 'tests/test-runner'), ['-p6', '-L', '-K', '-Q', '-E'], {
    cwd: work,
    env,
    timeout: RUN_MS_MAX,
  })
  const file = join(work, `output-${tests}.txt`)
  const log = createWriteStream(file)
  child.stdout.pipe(log, { end: false })
  child.stderr.pipe(log, { end: false })
  await once(child, 'close')
  log.end()
  await once(log, 'finish')
  return readFileSync(file, 'utf8')
}

/** The last state of each test: a failure is told where it happens, and once more at the end. */
function outcomesOf(text: string): Outcome[] {
  const found = new Map<string, Outcome>()
  const lines = stripVTControlCharacters(text).split('\n')
  lines.forEach((line, index) => {
    const passed = /= Test (\S+) PASSED =/.exec(line)
    const skipped = /\[(\S+) .*SKIPPING TEST: (.*)/.exec(line)
    const failed = /### Test "(\S+)(?: .*)?" failed at (.*) at /.exec(line)
    if (passed) found.set(passed[1]!, { name: passed[1]!, state: 'passed' })
    else if (skipped) found.set(skipped[1]!, { name: skipped[1]!, state: 'skipped', why: skipped[2]! })
    else if (failed && !found.has(failed[1]!)) {
      found.set(failed[1]!, {
        name: failed[1]!,
        state: 'failed',
        why: `${failed[2]}: ${lines[index + 1] ?? ''}`,
      })
    }
  })
  return [...found.values()]
}
