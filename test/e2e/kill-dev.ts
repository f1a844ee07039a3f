/**
 * Kills a broker again and again while producers write, and checks that it kept every promise:
 * `node test/e2e/kill-dev.ts [--rounds 50] [--seed N] [--settles]`. With --settles its log settles all the while: segments are
 * rolled and merged, and what nothing needs any more goes within moments.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { HttpBroker } from '../../src/client/http-broker.ts'
import type { Broker } from '../../src/contract/broker.ts'
import { TidemarkError } from '../../src/core/errors.ts'
import { encodeBatch } from '../../src/core/record/index.ts'
import { ProduceLedger, recordValue, type SentRecord } from '../cli/produce-ledger.ts'
import { seededRandom } from '../cli/seeded-random.ts'
import { type DevProcess, startDev } from '../cli/tidemark-process.ts'
import { startSettlingBroker } from './settling-broker.ts'
import { leftovers, readLog, verifyStore } from './whole-log.ts'

const TOPIC = 'killed'
const SHORT_LIVED = 'short-lived'
const PARTITIONS = 4
const PRODUCERS = 4
const KILL_AFTER_MS_MAX = 400
const SEGMENT_BYTES = '200000'
/** Long enough for a round, a merge and a grace. */
const KILL_SETTLING_AFTER_MS_MAX = 1_500
/** By when all that is left has gone. */
const TIDY_MS_MAX = 60_000
const LOOK_MS = 500
/** Short, so that kills meet flushes by age as well as those by number. */
const FLUSH_MS = 50
const PROBLEMS_SHOWN_MAX = 20

interface Shape {
  records: number
  valueBytes: number
}

/** Inline alone, inline that soon fills a tail, and objects of several sizes. */
const SHAPES: Shape[] = [
  { records: 1, valueBytes: 60 },
  { records: 1, valueBytes: 60 },
  { records: 5, valueBytes: 200 },
  { records: 20, valueBytes: 150 },
  { records: 10, valueBytes: 2_000 },
  { records: 2, valueBytes: 40_000 },
]

export interface KillRun {
  rounds: number
  seed: number
  /** Whether its log settles all the while, and topics come and go. */
  settles?: boolean
  report: (line: string) => void
}

/** Answers what is wrong; nothing, if all is well. */
export async function killRounds({ rounds, seed, settles = false, report }: KillRun): Promise<string[]> {
  const directory = await mkdtemp(join(tmpdir(), 'tidemark-kill-'))
  const start = settles ? startSettlingBroker : startDev
  const killAfterMsMax = settles ? KILL_SETTLING_AFTER_MS_MAX : KILL_AFTER_MS_MAX
  const random = seededRandom(seed)
  const ledger = new ProduceLedger()
  const problems: string[] = []
  report(`seed ${seed}, directory ${directory}`)
  for (let round = 1; round <= rounds && problems.length === 0; round++) {
    const dev = await start(directory)
    try {
      const broker = new HttpBroker({ url: dev.url })
      if (round === 1) await createTopic(broker, settles)
      if (settles) await replaceShortLived(broker)
      const log = await readLog(broker, TOPIC)
      problems.push(...ledger.check(log))
      // Sometimes what the crash left, before anybody repairs it; sometimes beside the broker that has.
      const verifiesCrashed = round % 2 === 0
      if (!verifiesCrashed) problems.push(...(await verifyStore(directory, settles ? ['--deep'] : [])))
      const killAfterMs = Math.round(killAfterMsMax * random())
      // Mostly once the work is under way; sometimes while the broker still finds its feet.
      const waitsForFirst = random() < 0.8
      const calls = await produceUntilKilled({
        broker,
        dev,
        killAfterMs,
        waitsForFirst,
        round,
        random,
        ledger,
      })
      problems.push(...calls.failedAlive)
      if (verifiesCrashed) problems.push(...(await verifyStore(directory, settles ? ['--deep'] : [])))
      report(
        `round ${round}: found ${log.length} records, killed after ${killAfterMs} ms: ` +
          `${calls.acknowledged} calls acknowledged, ${calls.unknown} unknown, ${calls.refused} refused` +
          `${problems.length > 0 ? ', PROBLEMS' : ''}`,
      )
    } finally {
      await dev.end('SIGKILL')
    }
  }
  if (problems.length === 0 && settles) problems.push(...(await tidyUp(directory, report)))
  if (problems.length === 0) problems.push(...(await endCleanly(directory, settles, ledger, report)))
  // Kept otherwise, to be looked at.
  if (problems.length === 0) await rm(directory, { recursive: true })
  return problems
}

async function createTopic(broker: Broker, settles: boolean): Promise<void> {
  const configs = { 'flush.ms': String(FLUSH_MS), ...(settles && { 'segment.bytes': SEGMENT_BYTES }) }
  await broker.createTopic({ topic: TOPIC, partitions: PARTITIONS, configs })
}

/** A topic that is made, written to, and deleted by the next round, whatever is left of it. */
async function replaceShortLived(broker: Broker): Promise<void> {
  const topics = await broker.listTopics()
  if (topics.some(({ topic }) => topic === SHORT_LIVED)) await broker.deleteTopic(SHORT_LIVED)
  await broker.createTopic({ topic: SHORT_LIVED, configs: { 'flush.ms': String(FLUSH_MS) } })
  for (let call = 0; call < 20; call++) {
    const batches = encodeBatch([{ value: recordValue(`${call}`, 2_000) }], { nowMs: Date.now() })
    await broker.produce({ topic: SHORT_LIVED, partition: 0, batches })
  }
}

/** Nobody writes any more: after its time whatever nothing needs has gone. */
async function tidyUp(directory: string, report: (line: string) => void): Promise<string[]> {
  const dev = await startSettlingBroker(directory)
  const startMs = performance.now()
  try {
    for (;;) {
      await sleep(LOOK_MS)
      const left = await leftovers(directory)
      const tookMs = Math.round(performance.now() - startMs)
      if (left.length === 0) report(`nothing is left after ${tookMs} ms`)
      if (left.length === 0 || tookMs > TIDY_MS_MAX) return left
    }
  } finally {
    await dev.end('SIGTERM')
  }
}

interface Calls {
  acknowledged: number
  unknown: number
  refused: number
  /** Failures that nothing excuses: the broker was alive. */
  failedAlive: string[]
}

async function produceUntilKilled(run: {
  broker: Broker
  dev: DevProcess
  killAfterMs: number
  /** Whether the time to the kill begins with the first acknowledgement. */
  waitsForFirst: boolean
  round: number
  random: () => number
  ledger: ProduceLedger
}): Promise<Calls> {
  const { broker, dev, killAfterMs, waitsForFirst, round, random, ledger } = run
  const calls: Calls = { acknowledged: 0, unknown: 0, refused: 0, failedAlive: [] }
  let isKilled = false
  let firstDone = () => {}
  const first = new Promise<void>(resolve => {
    firstDone = resolve
  })

  const produceOnce = async (name: string) => {
    const { records, valueBytes } = SHAPES[Math.floor(random() * SHAPES.length)]!
    const partition = Math.floor(random() * PARTITIONS)
    const sent: SentRecord[] = Array.from({ length: records }, (_, index) => ({
      id: `${name}-${index}`,
      partition,
    }))
    const values = sent.map(({ id }) => ({ value: recordValue(id, valueBytes) }))
    try {
      const batches = encodeBatch(values, { nowMs: Date.now() })
      const { baseOffset } = await broker.produce({ topic: TOPIC, partition, batches })
      ledger.acknowledged(sent, baseOffset)
      calls.acknowledged++
    } catch (error) {
      const isRefused = error instanceof TidemarkError && error.written === 'no'
      if (isRefused) ledger.refused(sent)
      else ledger.outcomeUnknown(sent)
      calls[isRefused ? 'refused' : 'unknown']++
      if (!isKilled) calls.failedAlive.push(`round ${round}: a broker that was alive answered ${error}`)
    } finally {
      firstDone()
    }
  }
  const produceOn = async (producer: number) => {
    for (let call = 0; !isKilled; call++) await produceOnce(`${round}-${producer}-${call}`)
  }
  const kill = async () => {
    if (waitsForFirst) await first
    await sleep(killAfterMs)
    isKilled = true
    await dev.end('SIGKILL')
  }
  await Promise.all([kill(), ...Array.from({ length: PRODUCERS }, (_, producer) => produceOn(producer))])
  return calls
}

/** The last kill's recovery, then a stop as users do it. */
async function endCleanly(
  directory: string,
  settles: boolean,
  ledger: ProduceLedger,
  report: (line: string) => void,
): Promise<string[]> {
  const dev = await (settles ? startSettlingBroker : startDev)(directory)
  const log = await readLog(new HttpBroker({ url: dev.url }), TOPIC)
  const problems = ledger.check(log)
  const exitCode = await dev.end('SIGTERM')
  if (exitCode !== 0) problems.push(`dev ended with ${exitCode} after SIGTERM: ${dev.stderr()}`)
  problems.push(...(await verifyStore(directory, settles ? ['--deep'] : [])))
  report(`end: found ${log.length} records, exit code ${exitCode}`)
  return problems
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      rounds: { type: 'string' },
      seed: { type: 'string' },
      settles: { type: 'boolean', default: false },
    },
  })
  const rounds = Number(values.rounds ?? 50)
  const seed = Number(values.seed ?? Date.now() % 1_000_000)
  const startMs = performance.now()
  const problems = await killRounds({ rounds, seed, settles: values.settles, report: console.log })
  for (const problem of problems.slice(0, PROBLEMS_SHOWN_MAX)) console.error(problem)
  if (problems.length > PROBLEMS_SHOWN_MAX)
    console.error(`… and ${problems.length - PROBLEMS_SHOWN_MAX} more`)
  const seconds = ((performance.now() - startMs) / 1000).toFixed(1)
  const verdict =
    problems.length === 0
      ? 'every promise was kept'
      : `FAILED; repeat with --seed ${seed}${values.settles ? ' --settles' : ''}`
  console.log(`${rounds} rounds in ${seconds} s: ${verdict}`)
  process.exitCode = problems.length === 0 ? 0 : 1
}

if (import.meta.main) await main()
