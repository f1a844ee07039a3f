/** Sets the clock of a broker that runs, by hours and by days, while everybody uses it: `node test/hostile/clock-steps.ts`. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { HttpBroker } from '../../src/client/http-broker.ts'
import { Tidemark } from '../../src/client/sdk/tidemark.ts'
import { CLOCK_SKEW_MS_MAX } from '../../src/core/limits.ts'
import { type Offset, toOffset } from '../../src/core/numbers.ts'
import { decodeBatches, encodeBatch } from '../../src/core/record/index.ts'
import { startDev } from '../cli/tidemark-process.ts'
import { settableClock } from '../e2e/settable-clock.ts'

const HOUR_MS = 3_600_000
/** How far ahead of the time the clock is set, one after the other. */
export const ALL_STEPS_MS = [-1, 0, 1, 0, -25, 0, 25, -25, 25, 0].map(hours => hours * HOUR_MS)
const TOPIC = 'tides'
const PARTITIONS = 4
const IDLE = 'idle'
const SESSION_TIMEOUT_MS = 6_000
const POLL_MS = 2_000
/** What takes longer hangs: this is no measure of speed. */
const PATIENCE_MS = 30_000
/** A dead member's session, by any clock, and what the living need to hear of it. */
const HANDED_ON_MS = SESSION_TIMEOUT_MS + CLOCK_SKEW_MS_MAX + PATIENCE_MS

export interface ClockSteps {
  readonly stepsMs?: readonly number[]
}

/**
 * A broker on a directory, in a process whose wall clock is set: nothing that was acknowledged is lost or doubled, polls are
 * answered, members keep what they have, who is dead is not waited for, generations grow, and triggers go on.
 * @throws Error where one of these does not hold
 */
export async function clockSteps(
  report: (line: string) => void,
  { stepsMs = ALL_STEPS_MS }: ClockSteps = {},
): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'tidemark-clock-'))
  const clock = settableClock(join(folder, 'clock'))
  await writeFile(join(folder, 'package.json'), '{"type":"module"}')
  await writeFile(join(folder, 'handler.ts'), handlerTo(join(folder, 'called')))
  const on = `${TOPIC}=${join(folder, 'handler.ts')},group=called,batch-size=50,window=1s`
  const dev = await startDev(join(folder, 'data'), ['--on', on], clock.environment)
  try {
    const broker = new HttpBroker({ url: dev.url })
    await within('topics', 10_000, makeTopics(broker))
    const run = new Run(dev.url, broker, report)
    await run.start()
    for (const aheadMs of stepsMs) {
      await clock.set(aheadMs)
      report(`the clock is set to ${aheadMs / HOUR_MS} h ahead`)
      await run.live()
    }
    await run.end(async () => (await readFile(join(folder, 'called'), 'utf8')).split('\n').slice(0, -1))
  } finally {
    await dev.end('SIGKILL')
    await rm(folder, { recursive: true, force: true })
  }
}

function handlerTo(file: string): string {
  return `
    import { appendFileSync } from 'node:fs'
    export const handler = async (event: { records: Record<string, { value: string }[]> }) => {
      const values = Object.values(event.records).flat().map(({ value }) => Buffer.from(value, 'base64').toString())
      appendFileSync(${JSON.stringify(file)}, values.map(value => value + '\\n').join(''))
    }`
}

async function makeTopics(broker: HttpBroker): Promise<void> {
  // The one of the trigger is made with a partition, when the broker listens already.
  for (;;) {
    const topics = await broker.listTopics()
    if (topics.some(({ topic }) => topic === TOPIC)) break
    await sleep(50)
  }
  await broker.alterTopic({ topic: TOPIC, partitions: PARTITIONS })
  await broker.createTopic({ topic: IDLE })
}

/** Everybody who uses the broker, and what they were told. */
class Run {
  readonly #broker: HttpBroker
  readonly #report: (line: string) => void
  readonly #tidemark: Tidemark
  readonly #stopped = new AbortController()
  /** By partition: the values that were acknowledged, at their offsets. */
  readonly #acknowledged = new Map<string, string>()
  readonly #consumed = new Set<string>()
  readonly #working: Promise<unknown>[] = []
  readonly #crashes: unknown[] = []
  readonly #consumers: { stop(): Promise<void>; disconnect(): Promise<void> }[] = []
  #polls = 0
  #sent = 0
  #sequence = 0
  #generation = 0
  #sequencedAt: Offset | undefined

  constructor(url: string, broker: HttpBroker, report: (line: string) => void) {
    this.#broker = broker
    this.#report = report
    this.#tidemark = new Tidemark({ url })
  }

  async start(): Promise<void> {
    for (let member = 0; member < 2; member += 1) await this.#startConsumer()
    this.#working.push(this.#produce(), this.#poll(), this.#poll())
    await within(
      'the first records are consumed',
      PATIENCE_MS,
      this.#until(() => this.#consumed.size > 0),
    )
  }

  /** What must go on after each step. */
  async live(): Promise<void> {
    const [consumed, polls] = [this.#consumed.size, this.#polls]
    await within(
      'polls are answered',
      PATIENCE_MS,
      this.#until(() => this.#polls >= polls + 4),
    )
    await within(
      'records are consumed',
      PATIENCE_MS,
      this.#until(() => this.#consumed.size > consumed + 20),
    )
    await this.#repeatBatch()
    await this.#remakeGroup()
    await this.#loseMember()
  }

  async end(called: () => Promise<string[]>): Promise<void> {
    this.#stopped.abort()
    await within('everybody ends', PATIENCE_MS, Promise.all(this.#working))
    const values = [...this.#acknowledged.values()]
    const isIn = (seen: ReadonlySet<string>) => values.every(value => seen.has(value))
    await within(
      'all is consumed',
      PATIENCE_MS,
      this.#until(() => isIn(this.#consumed)),
    )
    const allCalled = async () => {
      while (!isIn(new Set(await called()))) await sleep(100)
    }
    await within('all is delivered to the trigger', PATIENCE_MS, allCalled())
    for (const consumer of this.#consumers) await consumer.disconnect()
    assert.deepEqual(this.#crashes, [])
    await this.#checkLog()
    this.#report(
      `${values.length} records are acknowledged, consumed and delivered; ${this.#polls} polls are answered`,
    )
  }

  async #startConsumer(): Promise<void> {
    const consumer = this.#tidemark.consumer({ groupId: 'consumed', sessionTimeout: SESSION_TIMEOUT_MS })
    consumer.on('consumer.crash', ({ payload }) => this.#crashes.push(payload))
    this.#consumers.push(consumer)
    await consumer.connect()
    await consumer.subscribe({ topics: [TOPIC], fromBeginning: true })
    await consumer.run({
      eachMessage: async ({ message }) => {
        this.#consumed.add(String(message.value))
      },
    })
  }

  async #produce(): Promise<void> {
    const producer = this.#tidemark.producer()
    await producer.connect()
    while (!this.#stopped.signal.aborted) {
      this.#sent += 1
      const value = `record ${this.#sent}`
      const partition = this.#sent % PARTITIONS
      const [written] = await producer.send({ topic: TOPIC, messages: [{ value, partition }] })
      this.#acknowledged.set(`${partition}/${written!.baseOffset}`, value)
      await sleep(5)
    }
    await producer.disconnect()
  }

  /** Waits at the end of a log where nothing comes. */
  async #poll(): Promise<void> {
    while (!this.#stopped.signal.aborted) {
      const beganMs = performance.now()
      const request = { topic: IDLE, partition: 0, offset: toOffset(0), minBytes: 1, maxWaitMs: POLL_MS }
      const { chunks } = await within('a poll', PATIENCE_MS, this.#broker.fetch(request))
      assert.deepEqual(chunks, [])
      // As long as it was asked to, but for what timers are early.
      assert.ok(performance.now() - beganMs > POLL_MS - 50, 'a poll is answered before its time')
      this.#polls += 1
    }
  }

  /** A producer whose answer got lost sends its batch again: across every step it is there once. */
  async #repeatBatch(): Promise<void> {
    const send = async (sequence: number) => {
      const record = {
        value: Buffer.from(`numbered ${sequence}`),
        timestampMs: Date.now() - 4 * 25 * HOUR_MS,
      }
      const numbered = { producerId: 7n, producerEpoch: 0, baseSequence: sequence }
      const batches = new Uint8Array(encodeBatch([record], numbered))
      return (await this.#broker.produce({ topic: 'numbered', partition: 0, batches })).baseOffset
    }
    if (this.#sequencedAt === undefined) await this.#broker.createTopic({ topic: 'numbered' })
    else assert.equal(await send(this.#sequence), this.#sequencedAt, 'a batch is there twice')
    this.#sequence += this.#sequencedAt === undefined ? 0 : 1
    this.#sequencedAt = await send(this.#sequence)
    assert.equal(this.#sequencedAt, this.#sequence)
    assert.equal(await send(this.#sequence), this.#sequencedAt, 'a batch is there twice')
  }

  /** A group that is deleted and made anew has higher generations than any before. */
  async #remakeGroup(): Promise<void> {
    const memberId = randomUUID()
    const groupId = 'remade'
    const request = { groupId, memberId, memberEpoch: 0, topics: [IDLE], owned: [] }
    const { assigned } = await this.#broker.heartbeat(request)
    const generation = assigned[0]!.generation
    assert.ok(generation > this.#generation, `generation ${generation} comes after ${this.#generation}`)
    this.#generation = generation
    await this.#broker.leaveGroup({ groupId, memberId })
    await this.#broker.deleteGroup(groupId)
  }

  /** A member that falls silent: the others get what it had. */
  async #loseMember(): Promise<void> {
    const joining = { groupId: 'consumed', memberId: randomUUID(), topics: [TOPIC], owned: [] }
    const sessionTimeoutMs = SESSION_TIMEOUT_MS
    await this.#broker.heartbeat({ ...joining, memberEpoch: 0, sessionTimeoutMs })
    const described = () => this.#broker.describeGroup('consumed')
    const isGone = async () => {
      for (;;) {
        const { state, memberList, partitions } = await described()
        const owned = partitions.filter(({ topic, memberId }) => topic === TOPIC && memberId !== null)
        const isThere = memberList.some(({ memberId }) => memberId === joining.memberId)
        if (state === 'Stable' && !isThere && owned.length === PARTITIONS && memberList.length === 2) return
        await sleep(100)
      }
    }
    await within('a dead member is not waited for', HANDED_ON_MS, isGone())
  }

  async #checkLog(): Promise<void> {
    const found = new Map<string, string>()
    const places = new Map<string, string>()
    for (let partition = 0; partition < PARTITIONS; partition += 1) {
      for (let offset = toOffset(0); ; ) {
        const { chunks, nextOffset, endOffset } = await this.#broker.fetch({
          topic: TOPIC,
          partition,
          offset,
        })
        for (const record of chunks.flatMap(chunk => decodeBatches(chunk))) {
          const [place, value] = [`${partition}/${record.offset}`, Buffer.from(record.value!).toString()]
          assert.equal(places.get(value) ?? place, place, `"${value}" is there twice`)
          places.set(value, place)
          found.set(place, value)
        }
        offset = nextOffset
        if (offset >= endOffset) break
      }
    }
    for (const [place, value] of this.#acknowledged) assert.equal(found.get(place), value, `${place} is lost`)
    const { endOffset } = await this.#broker.fetch({ topic: 'numbered', partition: 0, offset: toOffset(0) })
    assert.equal(endOffset, this.#sequence + 1, 'a batch is there twice')
  }

  async #until(isSo: () => boolean): Promise<void> {
    while (!isSo()) await sleep(50)
  }
}

/** @throws Error that names what did not come */
async function within<T>(what: string, limitMs: number, promise: Promise<T>): Promise<T> {
  const ended = new AbortController()
  const late = sleep(limitMs, undefined, { signal: ended.signal }).then(() => {
    throw new Error(`${what}: not within ${limitMs} ms`)
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    ended.abort()
    late.catch(() => {})
  }
}

if (import.meta.main) await clockSteps(line => console.log(line))
