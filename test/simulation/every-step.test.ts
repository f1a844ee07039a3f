import { describe, expect, test } from 'vitest'
import { type MemoryStore, openMemoryStore } from '../../src/adapters/memory/memory-store.ts'
import { clockOf, type Fault, type FaultSource, Network } from '../../src/adapters/memory/network.ts'
import { SeededEntropy } from '../../src/adapters/memory/seeded-entropy.ts'
import { VirtualClock } from '../../src/adapters/memory/virtual-clock.ts'
import { LogBroker } from '../../src/broker/log-broker.ts'
import { isTransient } from '../../src/broker/store-calls/retry.ts'
import { VerifySummary } from '../../src/broker/verifying/finding.ts'
import { verify } from '../../src/broker/verifying/verify.ts'
import { TidemarkError } from '../../src/core/errors.ts'
import { MAKING_LEFT_MS, PRODUCE_DEADLINE_MS } from '../../src/core/limits.ts'
import { placeEntries } from '../../src/core/log/entry.ts'
import { partitionKey } from '../../src/core/topic/partition-id.ts'
import type { Ports } from '../../src/ports/index.ts'
import { batchOf, NOW_MS, readAll, recordsIn } from '../broker/harness.ts'
import { SleepyProcess } from './sleepy-process.ts'

const TOPIC = 'tides'
/** Longer than whatever the others do meanwhile, and not so long that a call that slept has no time left. */
const LATER_MS = PRODUCE_DEADLINE_MS - 3_000

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

type Call = (broker: LogBroker) => Promise<unknown>

const create: Call = broker => broker.createTopic({ topic: TOPIC, partitions: 2 })
const grow: Call = broker => broker.alterTopic({ topic: TOPIC, partitions: 4 })
const alter: Call = broker => broker.alterTopic({ topic: TOPIC, set: { 'flush.ms': '7' } })
const remove: Call = broker => broker.deleteTopic(TOPIC)
const start: Call = async broker => {
  broker.start()
  await broker.close()
}

/** The call whose steps are disturbed, and what there was before it. */
const CALLS: Record<string, { before: readonly Call[]; call: Call }> = {
  'a creation': { before: [], call: create },
  'a growth': { before: [create], call: grow },
  'a deletion': { before: [create], call: remove },
  'making anew': { before: [create, remove], call: create },
  'a change of configs': { before: [create], call: alter },
}

/** What goes on meanwhile, from the disturbed step on. */
const MEANWHILE: Record<string, readonly Call[]> = {
  nothing: [],
  'a creation': [create],
  'a growth': [grow],
  'a deletion': [remove],
  'a deletion and a creation': [remove, create],
  'a creation, a deletion and a creation': [create, remove, create],
  'a deletion, a creation and a deletion': [remove, create, remove],
  'a growth and a deletion': [grow, remove],
  'a broker that starts': [start],
}

/** One call with one step disturbed, others meanwhile, and a writer who believes in what it has once known. */
class Run {
  readonly clock = new VirtualClock(NOW_MS)
  readonly entropy = new SeededEntropy(1)
  readonly store: MemoryStore = openMemoryStore(this.clock)
  readonly process = new SleepyProcess('disturbed', this.clock)
  readonly writer: LogBroker
  /** What was told, by topic id, partition and offset. */
  readonly told = new Map<string, string>()
  steps = 0
  isHit = false
  #values = 0

  constructor() {
    this.writer = this.open(this.plain, 600_000)
  }

  get plain(): Ports {
    return { ...this.store, clock: this.clock, entropy: this.entropy }
  }

  open(ports: Ports, topicCacheMs?: number): LogBroker {
    const settings = { lingerMs: 0, flushes: 'elsewhere' as const, reportError: () => {} }
    return new LogBroker(ports, { ...settings, ...(topicCacheMs !== undefined && { topicCacheMs }) })
  }

  /** A broker of which step number `at` is disturbed. */
  openDisturbed(at: number, trouble: Trouble): LogBroker {
    const faults: FaultSource = {
      nextFault: writes => {
        this.steps += 1
        if (this.steps !== at) return 'none'
        this.isHit = true
        if (trouble === 'sleeps') this.process.fallAsleep(LATER_MS)
        const isPossible = writes || trouble === 'crash before'
        return trouble === 'sleeps' || !isPossible ? 'none' : (trouble satisfies Fault)
      },
      nextDelayMs: fault => (fault === 'slow' ? LATER_MS : 1),
    }
    const ports = this.store.across(new Network(this.process, faults, this.clock))
    const clock = clockOf(this.process, this.clock)
    const broker = this.open({ ...ports, clock, entropy: this.entropy })
    return broker
  }

  /** Lets time pass until it is settled, or the disturbed process has died; refusals are of no interest. */
  async settle(work: Promise<unknown>): Promise<void> {
    let error: unknown
    let isDone = false
    const done = () => {
      isDone = true
    }
    work.catch(thrown => {
      error = thrown
    })
    work.then(done, done)
    void this.process.died.then(done)
    await this.until(() => isDone)
    if (error !== undefined && !isRefusal(error)) throw error
  }

  async pass(durationMs: number): Promise<void> {
    let isOver = false
    void this.clock.sleep(durationMs).then(() => {
      isOver = true
    })
    await this.until(() => isOver)
  }

  until(isDone: () => boolean): Promise<void> {
    return this.clock.runUntil(isDone, atRest)
  }

  /** As settle, for what the disturbed process has nothing to do with. */
  async drive(work: Promise<unknown>): Promise<void> {
    let outcome: { readonly error?: unknown } | undefined
    work.then(
      () => {
        outcome = {}
      },
      error => {
        outcome = { error }
      },
    )
    await this.until(() => outcome !== undefined)
    const error = outcome!.error
    if (error !== undefined && !isRefusal(error)) throw error
  }

  /** Writes to each partition that there may be, through who knows old topics and through who knows none. */
  async write(): Promise<void> {
    for (const broker of [this.writer, this.open(this.plain)]) {
      for (const partition of [0, 1, 3]) {
        const value = `${this.#values++}`
        try {
          const { baseOffset } = await broker.produce({ topic: TOPIC, partition, batches: batchOf([value]) })
          await this.#note(value, partition, baseOffset)
        } catch (error) {
          if (!(error instanceof TidemarkError)) throw error
          expect(error).toMatchObject({ kafkaName: 'UNKNOWN_TOPIC_OR_PARTITION', written: 'no' })
        }
      }
    }
  }

  /** An acknowledged record is in a log whose topic is there, and no offset of that log was told before. */
  async #note(value: string, partition: number, offset: number): Promise<void> {
    const items = await toArray(this.store.topics.list())
    for await (const id of this.store.index.partitions()) {
      const head = await this.store.index.readHead(id)
      if (id.partition !== partition || !head) continue
      const placed = placeEntries(head.tailOffset, head.tail).find(({ baseOffset }) => baseOffset === offset)
      const payload = placed?.entry.place.kind === 'inline' ? placed.entry.place.payload : undefined
      if (!payload || recordsIn([payload])[0]?.value !== value) continue
      expect(items.map(({ topicId }) => topicId)).toContain(id.topicId)
      const place = `${partitionKey(id)}/${offset}`
      expect(this.told.has(place)).toBe(false)
      this.told.set(place, value)
      return
    }
    throw new Error(`"${value}" is acknowledged at ${partition}/${offset}, and in no log`)
  }

  /** Whatever is listed can be described, written and read with all that was told of it; what is not can be made. */
  async check(): Promise<void> {
    const broker = this.open(this.plain)
    const listed = await broker.listTopics()
    if (listed.length === 0) await broker.createTopic({ topic: TOPIC })
    const { topicId, partitions } = await broker.describeTopic(TOPIC)
    for (let partition = 0; partition < partitions; partition += 1) {
      await broker.produce({ topic: TOPIC, partition, batches: batchOf(['x']) })
      const read = await readAll(broker, { topic: TOPIC, partition })
      const log = new Map(read.map(({ offset, value }) => [`${topicId}#${partition}/${offset}`, value]))
      for (const [place, value] of this.told) {
        if (place.startsWith(`${topicId}#${partition}/`))
          expect([place, log.get(place)]).toEqual([place, value])
      }
    }
  }

  /** Once it has been tidied up, a deletion leaves nothing. */
  async checkLeftovers(): Promise<void> {
    await this.open(this.plain).deleteTopic(TOPIC)
    const findings = await toArray(verify(this.plain, new VerifySummary()))
    expect(findings.filter(({ place }) => !place.startsWith('segments/'))).toEqual([])
  }
}

/** Runs it; tells whether there was such a step. */
async function disturb(
  { before, call }: { before: readonly Call[]; call: Call },
  at: number,
  trouble: Trouble,
  meanwhile: readonly Call[],
): Promise<boolean> {
  const run = new Run()
  for (const each of before) {
    await run.drive(each(run.open(run.plain)))
    await run.drive(run.write())
  }
  let isOver = false
  const over = () => {
    isOver = true
  }
  const called = call(run.openDisturbed(at, trouble))
  called.then(over, over)
  await run.until(() => run.isHit || isOver)
  if (!run.isHit) return false
  // The disturbed step itself takes a moment.
  await run.pass(5)
  await run.drive(run.write())
  for (const each of meanwhile) {
    await run.drive(each(run.open(run.plain)))
    await run.drive(run.write())
  }
  await run.settle(called)
  await run.drive(run.write())
  // What is late has landed then.
  await run.pass(2 * LATER_MS)
  await run.drive(run.write())
  await run.drive(run.check())
  await run.pass(MAKING_LEFT_MS)
  await run.drive(start(new LogBroker(run.plain, { lingerMs: 0, reportError: () => {} })))
  await run.drive(run.write())
  await run.drive(run.check())
  await run.drive(run.checkLeftovers())
  return true
}

const REFUSALS: readonly string[] = [
  'TOPIC_ALREADY_EXISTS',
  'UNKNOWN_TOPIC_OR_PARTITION',
  'INVALID_PARTITIONS',
]

function isRefusal(error: unknown): boolean {
  return isTransient(error) || (error instanceof TidemarkError && REFUSALS.includes(error.kafkaName))
}

async function toArray<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const item of items) all.push(item)
  return all
}

/** Resolves once all promises have settled that can. */
function atRest(): Promise<void> {
  return new Promise(resolve => process.nextTick(resolve))
}

describe.each(Object.keys(CALLS))('%s of which any step is disturbed', call => {
  test.each(Object.keys(MEANWHILE))('with %s meanwhile loses nothing and leaves nothing', async meanwhile => {
    for (const trouble of TROUBLES) {
      let at = 1
      for (; ; at += 1) {
        try {
          if (!(await disturb(CALLS[call]!, at, trouble, MEANWHILE[meanwhile]!))) break
        } catch (error) {
          const what = `${call}, step ${at} ${trouble}, meanwhile ${meanwhile}`
          throw new Error(`${what}: ${(error as Error).message}`, { cause: error })
        }
      }
      expect(at).toBeGreaterThan(4)
    }
  })
})
