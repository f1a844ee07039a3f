/**
 * A broker in front of which everything comes and goes: connections, slow readers, members of groups of both protocols, topics.
 * `node test/kafka-clients/soak/soak.ts [--minutes 20] [--seed N]` prints what it holds meanwhile, as a table, and what is left
 * when all are gone. Exit code 1: a bound is broken.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { FILES_OPEN_MAX, FOLDERS_OPEN_MAX } from '../../../src/core/limits.ts'
import { OWN_TREE, startBroker, type Target } from '../../hostile/broker-process.ts'
import { type Figure, isKept, tableRow } from '../../hostile/figures.ts'
import { MemoryListener, TELLS_MEMORY, type ToldMemory } from '../../hostile/told-memory.ts'
import type { KafkaClient } from '../client.ts'
import { CLIENTS } from '../clients.ts'
import { BULK, BULK_PARTITIONS, churn, idle, QUIET, readSlowly, write } from './connections.ts'
import { joinOnce, RestlessGroup, replaceTopics, SHARED, SHARED_PARTITIONS, writeShared } from './groups.ts'
import { Load } from './load.ts'

const WRITERS = 2
const CHURNERS = 6
const SLOW_READERS = 12
const IDLE = 30
/** What is kept of the bulk: the store need not grow. */
const RETENTION_BYTES = 20_000_000
/** By this part of the time all has been met: from there on memory is held against the end. */
const WARM_RATIO = 0.25
/** What slow readers hold comes and goes: the mean of so many looks. */
const LOOKS_MEANT = 5
const HELD_GROWTH_MB_MAX = 16
const RESIDENT_GROWTH_MB_MAX = 100
/** What the store keeps open for whoever reads next. */
const FILES_MORE_MAX = FILES_OPEN_MAX + FOLDERS_OPEN_MAX
const TIMERS_MORE_MAX = 4
/** By when connections that ended without a word are gone. */
const CALM_MS_MAX = 60_000

export interface SoakRun {
  readonly minutes: number
  readonly seed: number
  /** How often what the broker holds is looked at. */
  readonly lookMs: number
  /** How often, on average, each group changes. */
  readonly changeMs: number
  readonly report: (figure: Figure) => void
  readonly tell: (line: string) => void
}

/** What the broker held before, on the way and after, against its bounds. */
export async function soak({ minutes, seed, lookMs, changeMs, report, tell }: SoakRun): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'tidemark-soak-'))
  const log = new BrokerLog()
  const broker = await startBroker(OWN_TREE, {
    directory,
    options: ['--kafka', '127.0.0.1:0'],
    environment: TELLS_MEMORY,
    told: chunk => log.take(chunk),
  })
  const load = new Load(broker.kafkaPort!, seed)
  const groups: RestlessGroup[] = []
  const clients: KafkaClient[] = []
  try {
    const before = await log.memory.ask(broker)
    const javascript = await CLIENTS.kafkajs!(load.bootstrap)
    const librdkafka = await CLIENTS['confluent-kafka']!(load.bootstrap)
    clients.push(javascript, librdkafka)
    await javascript.admin.createTopic(BULK, BULK_PARTITIONS, { 'retention.bytes': String(RETENTION_BYTES) })
    await javascript.admin.createTopic(SHARED, SHARED_PARTITIONS, {})
    await javascript.admin.createTopic(QUIET, 1, {})
    groups.push(new RestlessGroup('classic', librdkafka), new RestlessGroup('consumer', librdkafka))
    const written: string[] = []
    const many = (count: number, work: (load: Load) => Promise<void>) =>
      Array.from({ length: count }, () => work(load))
    const writing = writeShared(load, javascript, written)
    const others = Promise.all([
      ...many(WRITERS, write),
      ...many(CHURNERS, churn),
      ...many(SLOW_READERS, readSlowly),
      ...many(IDLE, idle),
      ...groups.map(group => group.run(load, changeMs)),
      replaceTopics(load, librdkafka),
      joinOnce(load, librdkafka),
    ])
    const looks = await look(load, broker, log, { minutes, lookMs, tell })
    load.end()
    await Promise.all([writing, others])
    for (const group of groups) {
      const missing = await group.missing(written)
      report({ what: `not read by ${group.name}`, value: missing.length, unit: '', atMost: 0 })
    }
    report({ what: 'written to be shared', value: written.length, unit: '', atLeast: 1 })
    await Promise.all(groups.map(group => group.end()))
    await Promise.all(clients.splice(0).map(client => client.close()))
    const after = await untilCalm(broker, log, before)
    tell(rowOf('after', after, load))
    for (const problem of load.problems.slice(0, 5)) tell(problem)
    for (const line of log.unexpected.slice(0, 5)) tell(line)
    report({
      what: 'what went wrong for well-behaved ones',
      value: load.problems.length,
      unit: '',
      atMost: 0,
    })
    report({ what: 'requests that failed unexpectedly', value: log.unexpected.length, unit: '', atMost: 0 })
    reportFigures(report, before, looks, after)
    report({ what: 'crashed', value: broker.ended === undefined ? 0 : 1, unit: '', atMost: 0 })
  } finally {
    load.end()
    await Promise.all(groups.map(group => group.end()))
    await Promise.all(clients.map(client => client.close()))
    await broker.end('SIGKILL')
    await rm(directory, { recursive: true, force: true, maxRetries: 3 })
  }
}

/** A row each time. */
async function look(
  load: Load,
  broker: Target,
  log: BrokerLog,
  { minutes, lookMs, tell }: Pick<SoakRun, 'minutes' | 'lookMs' | 'tell'>,
): Promise<ToldMemory[]> {
  const looks: ToldMemory[] = []
  const beganMs = performance.now()
  tell(HEADINGS)
  while (performance.now() < beganMs + minutes * 60_000) {
    await sleep(lookMs)
    const memory = await log.memory.ask(broker)
    looks.push(memory)
    tell(rowOf(((performance.now() - beganMs) / 60_000).toFixed(1), memory, load))
  }
  return looks
}

/** What is left once the broker has heard that all are gone, and no longer waits for any. */
async function untilCalm(broker: Target, log: BrokerLog, before: ToldMemory): Promise<ToldMemory> {
  const sinceMs = performance.now()
  for (;;) {
    const after = await log.memory.ask(broker)
    const isCalm = after.sockets <= before.sockets && timersOf(after) <= timersOf(before) + TIMERS_MORE_MAX
    if (isCalm || performance.now() > sinceMs + CALM_MS_MAX) return after
    await sleep(1_000)
  }
}

function reportFigures(
  report: (figure: Figure) => void,
  before: ToldMemory,
  looks: readonly ToldMemory[],
  after: ToldMemory,
): void {
  const grown = (what: 'heldMb' | 'residentMb') =>
    mean(looks.slice(-LOOKS_MEANT), what) -
    mean(looks.slice(Math.floor(looks.length * WARM_RATIO)).slice(0, LOOKS_MEANT), what)
  report({
    what: 'memory held, from a quarter to the end',
    value: grown('heldMb'),
    unit: 'MB',
    atMost: HELD_GROWTH_MB_MAX,
  })
  report({
    what: 'memory resident, from a quarter to the end',
    value: grown('residentMb'),
    unit: 'MB',
    atMost: RESIDENT_GROWTH_MB_MAX,
  })
  report({
    what: 'memory held when all are gone',
    value: after.heldMb - before.heldMb,
    unit: 'MB',
    atMost: 3 * HELD_GROWTH_MB_MAX,
  })
  report({
    what: 'sockets when all are gone, beyond before',
    value: after.sockets - before.sockets,
    unit: '',
    atMost: 0,
  })
  report({
    what: 'timers when all are gone, beyond before',
    value: timersOf(after) - timersOf(before),
    unit: '',
    atMost: TIMERS_MORE_MAX,
  })
  report({
    what: 'files when all are gone, beyond before',
    value: after.files - before.files,
    unit: '',
    atMost: FILES_MORE_MAX,
  })
}

function mean(looks: readonly ToldMemory[], what: 'heldMb' | 'residentMb'): number {
  return looks.reduce((sum, look) => sum + look[what], 0) / looks.length
}

const COLUMNS = [
  'min',
  'held MB',
  'resident MB',
  'files',
  'sockets',
  'timers',
  'handles',
  'records',
  'connections',
  'slow readers',
  'changes',
  'groups',
  'topics',
]
const HEADINGS = COLUMNS.map(column => column.padStart(12)).join('')

function rowOf(minute: string, memory: ToldMemory, { counts }: Load): string {
  const cells = [
    minute,
    memory.heldMb.toFixed(1),
    memory.residentMb.toFixed(0),
    memory.files,
    memory.sockets,
    timersOf(memory),
    Object.values(memory.active).reduce((sum, count) => sum + count, 0),
    counts.records ?? 0,
    counts.connections ?? 0,
    counts['slow readers'] ?? 0,
    `${counts['changes of classic'] ?? 0}+${counts['changes of consumer'] ?? 0}`,
    counts.groups ?? 0,
    counts.topics ?? 0,
  ]
  return cells.map(cell => String(cell).padStart(12)).join('')
}

function timersOf({ active }: ToldMemory): number {
  return (active.Timeout ?? 0) + (active.Immediate ?? 0)
}

class BrokerLog {
  readonly memory = new MemoryListener()
  readonly unexpected: string[] = []
  #rest = ''

  take(chunk: string): void {
    const lines = `${this.#rest}${chunk}`.split('\n')
    this.#rest = lines.pop()!
    for (const line of lines) {
      if (this.memory.take(line)) continue
      if (/failed unexpectedly|^\s*at /.test(line) && this.unexpected.length < 1_000)
        this.unexpected.push(line)
    }
  }
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { minutes: { type: 'string', default: '20' }, seed: { type: 'string' } },
  })
  const seed = Number(values.seed ?? Date.now() % 1_000_000)
  console.log(`seed ${seed}`)
  let broken = 0
  await soak({
    minutes: Number(values.minutes),
    seed,
    lookMs: 30_000,
    changeMs: 6_000,
    report: figure => {
      if (!isKept(figure)) broken++
      console.log(tableRow('soak', figure))
    },
    tell: console.log,
  })
  console.log(broken === 0 ? 'every bound is kept' : `${broken} bounds are broken`)
  process.exitCode = broken === 0 ? 0 : 1
}

if (import.meta.main) await main()
