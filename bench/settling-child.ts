/** Runs one part of the benchmark of settling, with the sources of one checkout, and sends what it measured to its parent. */
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import type { SettlingSettings } from '../src/broker/settling/settling-settings.ts'
import type { ObjectStore } from '../src/ports/object-store.ts'
import { bytesOnDisk, VALUE_BYTES } from './store.ts'

export interface PartOf<Kind extends string> {
  readonly kind: Kind
  /** The checkout whose sources run. */
  readonly checkout: string
  /** The store's. */
  readonly directory: string
}

export type Part =
  | (PartOf<'fill'> & Filling)
  | PartOf<'scan'>
  | (PartOf<'settle'> & { readonly settling: Partial<SettlingSettings> })
  | (PartOf<'retain'> & { readonly settling: Partial<SettlingSettings> })
  | (PartOf<'produce'> & Producing)
  | (PartOf<'fill keys'> & { readonly keys: number; readonly versions: number })
  | PartOf<'compact'>
  | (PartOf<'wait'> & { readonly seconds: number })
  | PartOf<'verify'>

interface Filling {
  readonly partitions: number
  readonly commits: number
  readonly commitBytes: number
  /** Of the oldest records, how many are two days old. */
  readonly oldShare: number
}

interface Producing {
  readonly seconds: number
  readonly partitions: number
  /** Undefined: nothing settles. */
  readonly settling?: Partial<SettlingSettings>
}

export interface Measured {
  readonly seconds: number
  readonly records: number
  /** Of objects and of the index. */
  readonly requests: number
  /** Of objects. */
  readonly bytesWritten: number
  /** What the process took of the processor, all its threads together. */
  readonly cpuSeconds: number
  readonly bytesOnDisk: number
  /** By how much the process grew at most, from when its store was open. */
  readonly grownMegabytes: number
  /** How large the process was at most, all in all. */
  readonly peakMegabytes: number
}

const TOPIC = 'bench'
const DAY_MS = 24 * 60 * 60_000
/** Until an epoch is over, has been drained by all, and its objects have gone. */
const ROUND_RUNS = 6
const RETENTION_RUNS = 12
const KEYED_RECORDS = 1_000
const CALLS_IN_FLIGHT = 500
/** Parts that have others produce meanwhile. */
const TRAFFIC: ReadonlySet<string> = new Set(['wait', 'compact', 'verify'])
/** V8's young generation grows with whatever goes on, from 1 MB to more than 60, and is as large as it gets only after a while. */
const WARM_MS = 20_000
/** Between two calls of each of those who produce beside it. Nothing takes away what they write, and a verification reads it all. */
const TRAFFIC_PAUSE_MS = 500

const part = JSON.parse(process.argv[2]!) as Part
process.send!(await run(part))

async function run(given: Part): Promise<Measured> {
  const bench = await open(given)
  // So that what a busy broker takes anyway does not count.
  const traffic = TRAFFIC.has(given.kind) ? await startTraffic(bench) : undefined
  // maxRSS is in KiB.
  const peak = () => (process.resourceUsage().maxRSS * 1024) / 1e6
  const before = peak()
  const startedMs = performance.now()
  const cpuBefore = process.cpuUsage()
  const records = await work(bench, given)
  const { user, system } = process.cpuUsage(cpuBefore)
  const seconds = (performance.now() - startedMs) / 1000
  const peakMegabytes = peak()
  const grownMegabytes = peakMegabytes - before
  await traffic?.stop()
  await bench.close()
  const { requests, bytesWritten } = bench.counted
  return {
    seconds,
    records,
    requests,
    bytesWritten,
    cpuSeconds: (user + system) / 1e6,
    bytesOnDisk: await bytesOnDisk(given.directory),
    grownMegabytes,
    peakMegabytes,
  }
}

type Bench = Awaited<ReturnType<typeof open>>

async function work(bench: Bench, given: Part): Promise<number> {
  switch (given.kind) {
    case 'fill':
      return await fill(bench, given)
    case 'scan':
      return await scan(bench)
    case 'settle':
      return await settle(bench, given.settling)
    case 'retain':
      return await retain(bench, given.settling)
    case 'produce':
      return await produce(bench, given)
    case 'fill keys':
      return await fillKeys(bench, given.keys, given.versions)
    case 'compact':
      await maintainAgain(bench, { rollYoungMs: 0 }, 1, true)
      return 0
    case 'wait':
      await setTimeout(given.seconds * 1_000)
      return 0
    case 'verify':
      return await verifyAll(bench)
  }
}

/** The store and its broker, made by the sources of one checkout. */
async function open(given: Part) {
  const { checkout, directory } = given
  const source = (path: string) => import(pathToFileURL(join(checkout, 'src', path)).href)
  const local = (await source(
    'adapters/local/local-store.ts',
  )) as typeof import('../src/adapters/local/local-store.ts')
  const { LogBroker } = (await source('broker/log-broker.ts')) as typeof import('../src/broker/log-broker.ts')
  const { encodeBatch } = (await source(
    'core/record/index.ts',
  )) as typeof import('../src/core/record/index.ts')
  const system = (await source('embedded/system.ts')) as typeof import('../src/embedded/system.ts')
  const store = await local.openLocalStore(directory)
  const counted = { requests: 0, bytesWritten: 0 }
  const ports = {
    ...store,
    objects: countWritten(countCalls(store.objects, counted), counted),
    index: countCalls(store.index, counted),
    clock: system.systemClock,
    entropy: system.systemEntropy,
  }
  const settling = given.kind === 'produce' ? given.settling : undefined
  const broker = new LogBroker(ports, {
    lingerMs: 0,
    reportError: error => console.error(error),
    ...(settling && { settles: 'in-background', settling }),
  })
  broker.start()
  const close = async () => {
    await broker.close()
    await store.close()
  }
  return { broker, ports, counted, encodeBatch, source, close }
}

/** Each call to a store is a request, whatever it is called in whichever version. */
function countCalls<Store extends object>(store: Store, counted: { requests: number }): Store {
  return new Proxy(store, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name, target)
      if (typeof member !== 'function') return member
      return (...args: unknown[]) => {
        counted.requests += 1
        return member.apply(target, args)
      }
    },
  })
}

function countWritten(objects: ObjectStore, counted: { bytesWritten: number }): ObjectStore {
  return new Proxy(objects, {
    get(target, name, receiver) {
      if (name === 'put') {
        return async (key: string, chunks: readonly Uint8Array[]) => {
          counted.bytesWritten += chunks.reduce((sum, { length }) => sum + length, 0)
          await target.put(key, chunks)
        }
      }
      if (name === 'putLarge') {
        return async (key: string, chunks: AsyncIterable<Uint8Array>) => {
          const bytes = await target.putLarge(key, chunks)
          counted.bytesWritten += bytes
          return bytes
        }
      }
      return Reflect.get(target, name, receiver)
    },
  })
}

/** Commits one after the other, so that each has an object of its own. */
async function fill(
  { broker, encodeBatch }: Bench,
  { partitions, commits, commitBytes, oldShare }: Filling,
): Promise<number> {
  await broker.createTopic({ topic: TOPIC, partitions })
  const value = Buffer.alloc(
    VALUE_BYTES,
    'the tide leaves a line on the sand, and the next one a higher one; ',
  )
  const perCommit = Math.max(1, Math.floor(commitBytes / (VALUE_BYTES + 10)))
  const values = Array.from({ length: perCommit }, () => ({ value }))
  for (let commit = 0; commit < commits; commit++) {
    const nowMs = Date.now() - (commit < commits * oldShare ? 2 * DAY_MS : 0)
    for (let partition = 0; partition < partitions; partition++) {
      await broker.produce({ topic: TOPIC, partition, batches: encodeBatch(values, { nowMs }) })
    }
  }
  return commits * partitions * perCommit
}

/** Every record of every partition, as batches, as much at a time as a fetch has by default. */
async function scan({ broker }: Bench): Promise<number> {
  let records = 0
  for (const { partition, from, end } of await extents(broker)) {
    for (let offset = from; offset < end; ) {
      const { nextOffset } = await broker.fetch({ topic: TOPIC, partition, offset })
      if (nextOffset === offset) throw new Error(`nothing comes at ${offset} of partition ${partition}`)
      records += nextOffset - offset
      offset = nextOffset
    }
  }
  return records
}

/** From where to where each partition goes. */
async function extents(broker: Bench['broker']) {
  const { partitions } = await broker.describeTopic(TOPIC)
  return await Promise.all(
    Array.from({ length: partitions }, async (_, partition) => {
      const { offset: from } = await broker.offsetFor({ topic: TOPIC, partition, at: 'earliest' })
      const { offset: end } = await broker.offsetFor({ topic: TOPIC, partition, at: 'latest' })
      // Only by time may there be none.
      return { partition, from: from!, end: end! }
    }),
  )
}

/** Rolls as if the commits had come in one by one, and then has a round take what is left, as one does each day. */
async function settle(bench: Bench, settling: Partial<SettlingSettings>): Promise<number> {
  await bench.broker.alterTopic({ topic: TOPIC, set: { 'retention.ms': String(7 * DAY_MS) } })
  await maintainAgain(bench, settling, 1, true)
  await maintainAgain(bench, settling, ROUND_RUNS, false)
  return 0
}

/** Has what is two days old go, and then all that nothing needs any more. */
async function retain(bench: Bench, settling: Partial<SettlingSettings>): Promise<number> {
  await bench.broker.alterTopic({ topic: TOPIC, set: { 'retention.ms': String(DAY_MS) } })
  await maintainAgain(bench, settling, RETENTION_RUNS, false)
  return (await extents(bench.broker)).reduce((sum, { from, end }) => sum + end - from, 0)
}

async function maintainAgain(
  { ports, source }: Bench,
  settling: Partial<SettlingSettings>,
  runs: number,
  isForced: boolean,
): Promise<void> {
  const { maintain, settings, untilDeadline } = await settlingSources(source)
  for (let run = 0; run < runs; run++) {
    const budget = untilDeadline(ports.clock.monotonicMs() + 600_000)
    // What others produce meanwhile is left alone.
    const { topicId, partitions } = (await ports.topics.get(TOPIC))!
    const forced = {
      isForced,
      partitions: Array.from({ length: partitions }, (_, partition) => ({ topicId, partition })),
    }
    const request = { upkeep: !isForced, ...(isForced && forced) }
    const done = await maintain(ports, settings(settling), request, budget)
    if (!done.isDone || done.failed.length > 0) throw new Error(JSON.stringify(done))
  }
}

async function settlingSources(source: (path: string) => Promise<unknown>) {
  const { maintain } = (await source(
    'broker/settling/maintain.ts',
  )) as typeof import('../src/broker/settling/maintain.ts')
  const { settlingSettings } = (await source(
    'broker/settling/settling-settings.ts',
  )) as typeof import('../src/broker/settling/settling-settings.ts')
  const { untilDeadline } = (await source(
    'broker/settling/budget.ts',
  )) as typeof import('../src/broker/settling/budget.ts')
  return { maintain, settings: settlingSettings, untilDeadline }
}

/** As many records as come through in that time, in batches of 50, many calls in flight. */
async function produce(bench: Bench, { seconds, partitions }: Producing): Promise<number> {
  await bench.broker.createTopic({ topic: TOPIC, partitions })
  const untilMs = performance.now() + seconds * 1_000
  return await produceWhile(bench, TOPIC, partitions, CALLS_IN_FLIGHT, 0, () => performance.now() < untilMs)
}

async function produceWhile(
  { broker, encodeBatch }: Bench,
  topic: string,
  partitions: number,
  calls: number,
  pauseMs: number,
  isWanted: () => boolean,
): Promise<number> {
  const value = Buffer.alloc(
    VALUE_BYTES,
    'the tide leaves a line on the sand, and the next one a higher one; ',
  )
  const values = Array.from({ length: 50 }, () => ({ value }))
  let records = 0
  const produceOn = async (_: unknown, index: number) => {
    while (isWanted()) {
      const batches = encodeBatch(values, { nowMs: Date.now() })
      await broker.produce({ topic, partition: index % partitions, batches })
      records += values.length
      if (pauseMs > 0) await setTimeout(pauseMs)
    }
  }
  await Promise.all(Array.from({ length: calls }, produceOn))
  return records
}

/** Others produce to another topic meanwhile; it has become warm when this resolves. */
async function startTraffic(bench: Bench): Promise<{ stop: () => Promise<void> }> {
  const topic = `traffic-${process.pid}`
  await bench.broker.createTopic({ topic, partitions: 10 })
  let isWanted = true
  const produced = produceWhile(bench, topic, 10, CALLS_IN_FLIGHT, TRAFFIC_PAUSE_MS, () => isWanted)
  await setTimeout(WARM_MS)
  return {
    stop: async () => {
      isWanted = false
      await produced
    },
  }
}

/** Every key so often, one version after the other. */
async function fillKeys({ broker, encodeBatch }: Bench, keys: number, versions: number): Promise<number> {
  await broker.createTopic({ topic: TOPIC, configs: { 'cleanup.policy': 'compact' } })
  const value = Buffer.alloc(100, 'one of many values of its key; ')
  for (let first = 0; first < keys * versions; first += KEYED_RECORDS) {
    const records = Array.from({ length: KEYED_RECORDS }, (_, index) => ({
      key: Buffer.from(`a key among ${keys}, with the number ${(first + index) % keys}`),
      value,
    }))
    await broker.produce({ topic: TOPIC, partition: 0, batches: encodeBatch(records, { nowMs: Date.now() }) })
  }
  return keys * versions
}

async function verifyAll({ ports, source }: Bench): Promise<number> {
  const { verify } = (await source(
    'broker/verifying/verify.ts',
  )) as typeof import('../src/broker/verifying/verify.ts')
  const { VerifySummary } = (await source(
    'broker/verifying/finding.ts',
  )) as typeof import('../src/broker/verifying/finding.ts')
  const summary = new VerifySummary()
  for await (const finding of verify(ports, summary, { isDeep: true })) {
    if (finding.severity === 'error') throw new Error(JSON.stringify(finding))
  }
  return summary.records
}
