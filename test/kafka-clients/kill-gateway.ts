/**
 * Kills gateways again and again under an idempotent producer of librdkafka's, and checks that every record is there once and in order:
 * `node test/kafka-clients/kill-gateway.ts [--rounds 30] [--seed N] [--gateways 2] [--aws --outputs FILE]`. With one, it is started
 * again on the same port and directory, as `tidemark gateway` or as `tidemark dev`; with two on one store, the other one goes on
 * meanwhile. With --aws the store is that of a deployed stack.
 */
import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { seededRandom } from '../cli/seeded-random.ts'
import { verifyStore } from '../e2e/whole-log.ts'
import { CLIENTS } from './clients.ts'
import { Fleet } from './fleet.ts'
import { SteadyProducer, type Written } from './steady-producer.ts'

const PARTITIONS = 3
const KILL_AFTER_MS_MAX = 1_000
const RESTART_AFTER_MS_MAX = 500
/** Against a hang: a client asks again within moments. */
const PROGRESS_MS_MAX = 60_000
const PROBLEMS_SHOWN_MAX = 20

export interface KillGatewayRun {
  readonly rounds: number
  readonly seed: number
  /** How many serve the store: one of them is killed in each round. */
  readonly gateways: 1 | 2
  /** The command's options for another store than a directory of its own. */
  readonly store?: readonly string[]
  readonly report: (line: string) => void
}

/** Answers what is wrong; nothing, if all is well. */
export async function killGateways(run: KillGatewayRun): Promise<string[]> {
  const { rounds, seed, gateways, report } = run
  const directory = await mkdtemp(join(tmpdir(), 'tidemark-kill-gateway-'))
  const random = seededRandom(seed)
  const fleet = await Fleet.start(gateways, run.store ?? ['--dir', directory], random)
  report(`seed ${seed}, ${run.store?.join(' ') ?? directory}, ${fleet.bootstrap}`)
  const topic = `killed-${randomUUID()}`
  let producer: SteadyProducer | undefined
  try {
    const admin = await CLIENTS.kafkajs!(fleet.bootstrap.split(',')[0]!)
    await admin.admin.createTopic(topic, PARTITIONS, {})
    await admin.close()
    producer = await SteadyProducer.start(fleet.bootstrap, topic, PARTITIONS)
    for (let round = 1; round <= rounds; round++) {
      // Mostly once it goes on, sometimes while the client still finds its way.
      if (random() < 0.8) await within(PROGRESS_MS_MAX, producer.progress(), 'no record is acknowledged')
      await sleep(KILL_AFTER_MS_MAX * random())
      const killed = await fleet.killOne(RESTART_AFTER_MS_MAX * random())
      report(`round ${round}: ${producer.acknowledged} acknowledged, ${killed}`)
    }
    await within(PROGRESS_MS_MAX, producer.progress(), 'no record is acknowledged')
    const problems = await check(fleet.bootstrap, topic, await producer.end())
    await fleet.end()
    if (run.store === undefined) problems.push(...(await verifyStore(directory)))
    // Kept otherwise, to be looked at.
    if (problems.length === 0) await rm(directory, { recursive: true })
    return problems
  } finally {
    producer?.kill()
    await fleet.end()
  }
}

/** Every record once, in the order in which it was sent, where its acknowledgement says. */
async function check(
  bootstrap: string,
  topic: string,
  { offsets, failures, left }: Written,
): Promise<string[]> {
  const problems = failures.map(failure => `failed: ${failure}`)
  if (left > 0) problems.push(`${left} records were never acknowledged`)
  const reader = await CLIENTS.kcat!(bootstrap)
  for (const [partition, acknowledged] of offsets.entries()) {
    const end = await reader.offsetAt(topic, partition, 'latest')
    if (end !== acknowledged.length)
      problems.push(`partition ${partition} ends at ${end}, not ${acknowledged.length}`)
    const read = await reader.read(topic, partition, 'earliest', end ?? 0)
    const keys = read.map(({ key }) => Number(key))
    for (const [number, offset] of acknowledged.entries()) {
      if (keys[number] !== number) problems.push(`${partition}: offset ${number} has ${keys[number]}`)
      if (offset !== null && offset >= 0 && offset !== number)
        problems.push(`${partition}: ${number} was acknowledged at ${offset}`)
    }
  }
  return problems
}

async function within(ms: number, wait: Promise<void>, why: string): Promise<void> {
  const tooLong = new AbortController()
  const late = sleep(ms, undefined, { signal: tooLong.signal }).then(() => {
    throw new Error(`${why} for ${ms} ms`)
  })
  late.catch(() => {})
  await Promise.race([wait, late]).finally(() => tooLong.abort())
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      rounds: { type: 'string', default: '30' },
      seed: { type: 'string' },
      gateways: { type: 'string', default: '1' },
      aws: { type: 'boolean', default: false },
      outputs: { type: 'string' },
    },
  })
  const rounds = Number(values.rounds)
  const seed = Number(values.seed ?? Date.now() % 1_000_000)
  const startMs = performance.now()
  const problems = await killGateways({
    rounds,
    seed,
    gateways: values.gateways === '2' ? 2 : 1,
    ...(values.aws && { store: ['--aws', ...(values.outputs ? ['--outputs', values.outputs] : [])] }),
    report: console.log,
  })
  for (const problem of problems.slice(0, PROBLEMS_SHOWN_MAX)) console.error(problem)
  if (problems.length > PROBLEMS_SHOWN_MAX)
    console.error(`… and ${problems.length - PROBLEMS_SHOWN_MAX} more`)
  const seconds = ((performance.now() - startMs) / 1000).toFixed(1)
  const verdict = problems.length === 0 ? 'every record is there once, in order' : 'FAILED'
  console.log(`${rounds} kills in ${seconds} s: ${verdict}`)
  process.exitCode = problems.length === 0 ? 0 : 1
}

if (import.meta.main) await main()
