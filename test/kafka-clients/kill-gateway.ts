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
import { freePort } from '../../localstack/guarded.ts'
import { seededRandom } from '../cli/seeded-random.ts'
import { type DevProcess, startDev, startGatewayProcess } from '../cli/tidemark-process.ts'
import { verifyStore } from '../e2e/whole-log.ts'
import { CLIENTS } from './clients.ts'
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

/** The gateways of one store, each with a port of its own for good. */
class Fleet {
  readonly #starts: readonly (() => Promise<DevProcess>)[]
  readonly #running: DevProcess[] = []
  readonly #random: () => number
  readonly bootstrap: string

  static async start(count: number, store: readonly string[], random: () => number): Promise<Fleet> {
    const addresses: string[] = []
    for (let index = 0; index < count; index++) addresses.push(`127.0.0.1:${await freePort()}`)
    const starts = addresses.map((address, index) => {
      const peers = addresses.flatMap((peer, other) =>
        other === index ? [] : ['--peer', `${other + 1}@${peer}`],
      )
      const options = [...store, '--listen', address, '--node-id', String(index + 1), ...peers]
      const asGateway = () => startGatewayProcess(options)
      const [kind, directory] = store
      if (count > 1 || kind !== '--dir' || directory === undefined) return asGateway
      // A command with a broker over HTTP, too, on the same store.
      return () => (random() < 0.5 ? asGateway() : startDev(directory, ['--kafka', address]))
    })
    const fleet = new Fleet(addresses.join(','), starts, random)
    for (const start of starts) fleet.#running.push(await start())
    return fleet
  }

  private constructor(
    bootstrap: string,
    starts: readonly (() => Promise<DevProcess>)[],
    random: () => number,
  ) {
    this.bootstrap = bootstrap
    this.#starts = starts
    this.#random = random
  }

  /** Kills any of them, and starts it again after so long; tells which. */
  async killOne(restartAfterMs: number): Promise<string> {
    const index = Math.floor(this.#random() * this.#running.length)
    await this.#running[index]!.end('SIGKILL')
    await sleep(restartAfterMs)
    this.#running[index] = await this.#starts[index]!()
    return `gateway ${index + 1} was killed, and is back after ${Math.round(restartAfterMs)} ms`
  }

  async end(): Promise<void> {
    await Promise.all(this.#running.splice(0).map(gateway => gateway.end('SIGTERM')))
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
