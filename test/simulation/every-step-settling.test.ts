import { describe, expect, test } from 'vitest'
import { DECISIONS } from '../../src/adapters/items/decisions.ts'
import { storesOver } from '../../src/adapters/items/stores.ts'
import { openMemoryStore } from '../../src/adapters/memory/memory-store.ts'
import { clockOf, type Fault, type FaultSource, Network } from '../../src/adapters/memory/network.ts'
import { SeededEntropy } from '../../src/adapters/memory/seeded-entropy.ts'
import { VirtualClock } from '../../src/adapters/memory/virtual-clock.ts'
import { loadReading } from '../../src/broker/load-reading.ts'
import { loadTasks, loadTopics, loadUseCases } from '../../src/broker/load-use-cases.ts'
import { LogBroker } from '../../src/broker/log-broker.ts'
import { untilDeadline } from '../../src/broker/settling/budget.ts'
import { flush } from '../../src/broker/settling/flush.ts'
import { maintain } from '../../src/broker/settling/maintain.ts'
import { settlingSettings } from '../../src/broker/settling/settling-settings.ts'
import { isTransient } from '../../src/broker/store-calls/retry.ts'
import { TidemarkError } from '../../src/core/errors.ts'
import { toOffset } from '../../src/core/numbers.ts'
import { decodeBatches, encodeBatch } from '../../src/core/record/index.ts'
import { type PartitionId, partitionKey } from '../../src/core/topic/partition-id.ts'
import type { Ports } from '../../src/ports/index.ts'
import { NOW_MS } from '../broker/harness.ts'
import { leaks } from './leaks.ts'
import { makePromises, watchItems } from './promises/index.ts'
import { SleepyProcess } from './sleepy-process.ts'
import { WatchedObjects } from './watched-objects.ts'

// Now: virtual time does not wait for a file to be loaded.
await Promise.all([loadUseCases(), loadTasks(), loadTopics(), loadReading()])

const TOPIC = 'tides'
const RUN_MS = 60_000
/** How long a process sleeps: longer than whatever the others do meanwhile, and than a grace. */
const LATER_MS = 40_000
/** How late a request is: no longer than a grace, since whoever repeats one on its way does so soon. */
const LATE_MS = 8_000

/** What can become of one step; a process that sleeps hears of it only later. */
const TROUBLES = [
  'sleeps',
  'lost request',
  'lost answer',
  'late',
  'duplicate',
  'crash before',
  'crash after',
] as const
type Trouble = (typeof TROUBLES)[number]

const SOON = settlingSettings({
  graceMs: 10_000,
  roundMs: 15_000,
  advanceMs: 5_000,
  resweepMs: 60_000,
  rollBytes: 100,
  rollEntries: 1,
  rollAgedMs: 0,
  rollAgedBytes: 1,
  rollYoungMs: 0,
  mergeSegmentsMin: 3,
  mergeSegmentsMax: 4,
})
/** After so many runs with their pauses nothing is left to be done. */
const LAST_RUNS = 8

type Step = (run: Run, ports: Ports) => Promise<unknown>

const run: Step = (_, ports) =>
  maintain(ports, SOON, { upkeep: true, isForced: true }, untilDeadline(ports.clock.monotonicMs() + RUN_MS))
const write: Step = (each, ports) => each.write(ports)
const pass: Step = each => each.clock.sleep(SOON.roundMs + 1_000)
const deleteRecords: Step = (each, ports) => each.deleteRecords(ports)
const deleteTopic: Step = (each, ports) => each.open(ports).deleteTopic(TOPIC)
const alter: Step = (each, ports) =>
  each.open(ports).alterTopic({ topic: TOPIC, set: { 'cleanup.policy': 'delete' } })

/** What there was before the run of which a step is disturbed, and so what that run has to do. */
const BEFORE: Record<string, { policy: string; steps: readonly Step[] }> = {
  'rolls the first segment': { policy: 'delete', steps: [write] },
  'merges three segments': { policy: 'delete', steps: [write, run, write, run, write] },
  'drops what lies below the start': {
    policy: 'delete',
    steps: [write, run, write, run, write, deleteRecords],
  },
  'drains an epoch, and deletes objects': {
    policy: 'delete',
    steps: [write, run, pass, write, run, pass, write],
  },
  'cleans a compacted log': { policy: 'compact', steps: [write, run, write, write] },
  'cleans it again, and deletes objects': {
    policy: 'compact',
    steps: [write, run, pass, write, run, pass, write],
  },
}

/** What goes on meanwhile, from the disturbed step on. */
const MEANWHILE: Record<string, readonly Step[]> = {
  nothing: [],
  'another run': [run],
  'another run, writes and runs': [run, write, run, pass, write, run],
  'a deletion of records, and a run': [deleteRecords, run],
  'a deletion of the topic, and runs': [deleteTopic, run, pass, run],
  'an alteration, and a run': [alter, run],
}

/** A store in which everything that settling promises is held against each change. */
class Run {
  readonly clock = new VirtualClock(NOW_MS)
  readonly entropy = new SeededEntropy(1)
  readonly process = new SleepyProcess('disturbed', this.clock)
  readonly objects = new WatchedObjects(this.clock)
  readonly problems: string[] = []
  readonly promises = makePromises(this.clock, this.objects, 0, problem => this.problems.push(problem))
  readonly store = openMemoryStore(this.clock)
  readonly plain: Ports
  isHit = false
  /** Whether that step can have this trouble at all. */
  isDisturbed = false
  steps = 0
  #values = 0

  constructor() {
    watchItems(this.store.items, this.promises)
    const { items: _, across: __, ...stores } = this.store
    this.plain = { ...stores, objects: this.objects, clock: this.clock, entropy: this.entropy }
  }

  open(ports: Ports): LogBroker {
    return new LogBroker(ports, { lingerMs: 0, flushes: 'elsewhere', reportError: () => {} })
  }

  /** Ports of which step number `at` is disturbed. */
  disturbed(at: number, trouble: Trouble): Ports {
    const faults: FaultSource = {
      nextFault: writes => {
        this.steps += 1
        if (this.steps !== at) return 'none'
        this.isHit = true
        if (trouble === 'sleeps') this.process.fallAsleep(LATER_MS)
        const isPossible = writes || trouble === 'crash before'
        this.isDisturbed = isPossible || trouble === 'sleeps'
        return trouble === 'sleeps' || !isPossible ? 'none' : (trouble satisfies Fault)
      },
      nextDelayMs: fault => (fault === 'slow' ? LATE_MS : 1),
    }
    const network = new Network(this.process, faults, this.clock)
    const stores = storesOver(this.store.items.across(network), DECISIONS)
    const clock = clockOf(this.process, this.clock)
    return { ...stores, objects: this.objects.across(network), clock, entropy: this.entropy }
  }

  async partition(): Promise<PartitionId | undefined> {
    const topic = await this.store.topics.get(TOPIC)
    return topic && { topicId: topic.topicId, partition: 0 }
  }

  /** Some records of few keys, and a large one, which lies in an object of its own; then all are in blocks. */
  async write(ports: Ports): Promise<void> {
    const broker = this.open(ports)
    for (const bytes of [10, 5_000, 10]) {
      this.#values += 1
      const key = Buffer.from(`key ${this.#values % 4}`)
      const batches = encodeBatch([{ key, value: Buffer.alloc(bytes, `${this.#values} `) }], {
        nowMs: ports.clock.nowMs(),
      })
      await broker.produce({ topic: TOPIC, partition: 0, batches })
    }
    const partition = await this.partition()
    if (partition) await flush(ports, [{ partition, age: 'all' }], ports.clock.monotonicMs() + RUN_MS)
  }

  async deleteRecords(ports: Ports): Promise<void> {
    const beforeOffset = toOffset(4)
    this.promises.log.deleting({ topic: TOPIC, partition: 0 }, beforeOffset)
    await this.open(ports).deleteRecords({ topic: TOPIC, partition: 0, beforeOffset })
  }

  /** Lets time pass until it is done, or `isOver`. Refusals are of no interest. */
  async drive(work: Promise<unknown>, isOver: () => boolean = () => false): Promise<void> {
    let outcome: { readonly error?: unknown } | undefined
    work.then(
      () => {
        outcome = {}
      },
      error => {
        outcome = { error }
      },
    )
    await this.clock.runUntil(() => outcome !== undefined || isOver(), atRest)
    const error = outcome?.error
    if (error !== undefined && !(isTransient(error) || error instanceof TidemarkError)) throw error
  }

  /** What is left goes in its time; what counts can be read. */
  async check(): Promise<void> {
    for (let last = 0; last < LAST_RUNS; last += 1) {
      await this.drive(this.clock.sleep(SOON.resweepMs + 1_000))
      await this.drive(run(this, this.plain))
    }
    if (await this.partition()) await this.drive(this.#readAll())
    expect(this.problems).toEqual([])
    let left: readonly string[] = []
    await this.drive(
      leaks(this.plain).then(found => {
        left = [...found, ...this.promises.settling.strays()]
      }),
    )
    expect(left).toEqual([])
  }

  async #readAll(): Promise<void> {
    const broker = this.open(this.plain)
    const log = partitionKey((await this.partition())!)
    const place = { topic: TOPIC, partition: 0 }
    const { offset: start } = await broker.offsetFor({ ...place, at: 'earliest' })
    const { offset: end } = await broker.offsetFor({ ...place, at: 'latest' })
    const seen = new Set<number>()
    for (let offset = start!; offset < end!; ) {
      const fetched = await broker.fetch({ ...place, offset })
      for (const record of fetched.chunks.flatMap(chunk => decodeBatches(chunk))) {
        this.promises.settling.read(log, record)
        seen.add(record.offset)
      }
      if (fetched.nextOffset <= offset) throw new Error(`a fetch at ${offset} goes nowhere`)
      offset = fetched.nextOffset
    }
    for (let offset: number = start!; offset < end!; offset += 1) {
      const isThere = seen.has(offset) || this.promises.settling.lacks(log, offset)
      if (!isThere) this.problems.push(`hole: nothing is at ${offset}`)
    }
  }
}

/** Runs it; tells whether there was such a step. */
async function disturb(
  { policy, steps }: { readonly policy: string; readonly steps: readonly Step[] },
  at: number,
  trouble: Trouble,
  meanwhile: readonly Step[],
): Promise<boolean> {
  const each = new Run()
  const configs = {
    'cleanup.policy': policy,
    'segment.bytes': '30000',
    'min.cleanable.dirty.ratio': '0',
    'delete.retention.ms': '0',
    'retention.ms': '-1',
  }
  await each.drive(each.open(each.plain).createTopic({ topic: TOPIC, configs }))
  for (const step of steps) await each.drive(step(each, each.plain))
  const called = run(each, each.disturbed(at, trouble))
  let isDone = false
  const done = () => {
    isDone = true
  }
  called.then(done, done)
  void each.process.died.then(done)
  await each.drive(called, () => each.isHit || isDone)
  if (!each.isHit) return false
  if (!each.isDisturbed) return true
  // The disturbed step itself takes a moment.
  await each.drive(each.clock.sleep(5))
  for (const step of meanwhile) await each.drive(step(each, each.plain))
  await each.drive(called, () => isDone)
  // What is late has landed then.
  await each.drive(each.clock.sleep(2 * LATER_MS))
  await each.check()
  return true
}

/** Resolves once all promises have settled that can. */
function atRest(): Promise<void> {
  return new Promise(resolve => process.nextTick(resolve))
}

/** What of that can get in each other's way. */
const TOGETHER: readonly (readonly [before: string, meanwhile: readonly string[]])[] = [
  ['rolls the first segment', Object.keys(MEANWHILE)],
  ['merges three segments', ['another run', 'another run, writes and runs']],
  ['drops what lies below the start', ['another run, writes and runs']],
  ['drains an epoch, and deletes objects', ['another run, writes and runs']],
  ['cleans a compacted log', ['another run, writes and runs', 'an alteration, and a run']],
  ['cleans it again, and deletes objects', ['another run']],
]

describe.each(TOGETHER)('a run that %s, of which any step is disturbed', (before, together) => {
  test.each(together)(
    'with %s meanwhile loses nothing and leaves nothing',
    { timeout: 900_000 },
    async meanwhile => {
      for (const trouble of TROUBLES) {
        let at = 1
        for (; ; at += 1) {
          try {
            if (!(await disturb(BEFORE[before]!, at, trouble, MEANWHILE[meanwhile]!))) break
          } catch (error) {
            const what = `a run that ${before}, step ${at} ${trouble}, meanwhile ${meanwhile}`
            throw new Error(`${what}: ${(error as Error).message}`, { cause: error })
          }
        }
        expect(at).toBeGreaterThan(10)
      }
    },
  )
})
