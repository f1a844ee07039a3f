import { clockOf, SimulatedProcess, withFaults } from '../../src/adapters/memory/faults.ts'
import { MemoryGroupStore } from '../../src/adapters/memory/memory-group-store.ts'
import { type Decisions, MemoryLogIndex } from '../../src/adapters/memory/memory-log-index.ts'
import { MemoryObjectStore } from '../../src/adapters/memory/memory-object-store.ts'
import { MemoryTopicStore } from '../../src/adapters/memory/memory-topic-store.ts'
import { MemoryTriggerStore } from '../../src/adapters/memory/memory-trigger-store.ts'
import { SeededEntropy } from '../../src/adapters/memory/seeded-entropy.ts'
import { VirtualClock } from '../../src/adapters/memory/virtual-clock.ts'
import { flush } from '../../src/broker/flush.ts'
import { LogBroker } from '../../src/broker/log-broker.ts'
import { newVerifySummary, verify } from '../../src/broker/verify.ts'
import { TidemarkError } from '../../src/core/errors.ts'
import { PRODUCER_IDLE_MS_MAX } from '../../src/core/limits.ts'
import { type Offset, toOffset } from '../../src/core/numbers.ts'
import {
  checkBatch,
  decodeBatches,
  encodeBatch,
  NO_PRODUCER_ID,
  type RecordInput,
} from '../../src/core/record/index.ts'
import type { Ports } from '../../src/ports/index.ts'
import { Expectations } from './expectations.ts'
import { RandomFaults } from './random-faults.ts'

const TOPIC = 'simulated'
const PARTITIONS = 2
const PROCESSES = 2
const WRITERS = 2
const CALLS_PER_WRITER = 14
const IDEMPOTENT_GROUPS = 6
const IDEMPOTENT_ID = 42n
const SEQUENCES = 2 ** 31
/** Far more than any run needs. */
const SENDINGS_MAX = 300
/** How often something outside the brokers flushes, as a table's stream has it done. */
const FLUSHES = 3
/** Longer than a log remembers a producer that is silent. */
const LONG_SILENCE_MS = PRODUCER_IDLE_MS_MAX + 60_000
const READS = 12
const START_MS = Date.UTC(2026, 0, 1)
/** Above it a batch goes into an object of its own. */
const LARGE_VALUE_BYTES = 5_000

/** What happened in a run, to see that it was not idle. */
export interface RunReport {
  readonly acknowledged: number
  readonly unknown: number
  readonly crashes: number
  readonly faults: number
  readonly records: number
}

/**
 * One run, all of it drawn from the seed: writers, readers and a deleter against brokers that share a store,
 * lose requests and answers, hear late of what was done, and die at any call. At the end the store is brought
 * to rest and compared with what was promised.
 * @throws Error that says what was promised and not kept
 */
export async function runWorld(seed: number, decisions?: Decisions): Promise<RunReport> {
  const world = new World(seed, decisions)
  return await world.run()
}

class World {
  readonly #random: SeededEntropy
  readonly #clock = new VirtualClock(START_MS)
  readonly #stores: Omit<Ports, 'clock' | 'entropy'>
  readonly #faults: RandomFaults
  readonly #expectations = new Expectations()
  readonly #brokers: { broker: LogBroker; process: SimulatedProcess; ports: Ports }[] = []
  #crashes = 0
  #nextValue = 0

  constructor(seed: number, decisions: Decisions | undefined) {
    this.#random = new SeededEntropy(seed)
    this.#faults = new RandomFaults(new SeededEntropy(seed ^ 0x5eed))
    this.#stores = {
      index: new MemoryLogIndex(decisions),
      objects: new MemoryObjectStore(this.#clock),
      topics: new MemoryTopicStore(),
      groups: new MemoryGroupStore(),
      triggers: new MemoryTriggerStore(),
    }
  }

  async run(): Promise<RunReport> {
    await this.#drive(this.#setUp())
    this.#faults.start()
    const writers = Array.from({ length: WRITERS }, () => this.#write())
    await this.#drive(
      Promise.all([...writers, this.#writeIdempotently(), this.#read(), this.#delete(), this.#flush()]),
    )
    this.#faults.stop()
    await this.#drive(this.#comeToRest())
    const records = await this.#drive(this.#check())
    const { acknowledged, unknown } = this.#expectations
    return { acknowledged, unknown, crashes: this.#crashes, faults: this.#faults.count, records }
  }

  async #setUp(): Promise<void> {
    const configs = { 'flush.ms': String(this.#random.pick([50, 300, 2000])) }
    const broker = new LogBroker(this.#plainPorts(), { lingerMs: 0, reportError: fail })
    await broker.createTopic({ topic: TOPIC, partitions: PARTITIONS, configs })
    for (let index = 0; index < PROCESSES; index += 1) this.#startProcess(index)
  }

  /** Starts a broker, and another in its place some time after it has died. */
  #startProcess(index: number): void {
    const process = new SimulatedProcess()
    const clock = clockOf(process, this.#clock)
    const across = <T extends object>(port: T, writes: readonly (keyof T)[]): T =>
      withFaults(port, writes, this.#faults, process, this.#clock)
    const ports: Ports = {
      index: across(this.#stores.index, ['createHead', 'append', 'putBlock', 'trimTail', 'moveStart']),
      objects: across(this.#stores.objects, ['put']),
      topics: across(this.#stores.topics, ['put', 'remove']),
      groups: this.#stores.groups,
      triggers: this.#stores.triggers,
      clock,
      entropy: this.#random,
    }
    const broker = new LogBroker(ports, {
      lingerMs: this.#random.pick([0, 5]),
      flushes: this.#random.pick(['in-background', 'in-background', 'elsewhere']),
      reportError: fail,
    })
    broker.start()
    this.#brokers[index] = { broker, process, ports }
    void process.died.then(async () => {
      this.#crashes += 1
      await this.#clock.sleep(this.#random.integer(1, 1_000))
      this.#startProcess(index)
    })
  }

  async #write(): Promise<void> {
    for (let call = 0; call < CALLS_PER_WRITER; call += 1) {
      await this.#clock.sleep(this.#random.integer(0, 400))
      const { broker, process } = this.#random.pick(this.#brokers)
      const partition = this.#random.integer(0, PARTITIONS - 1)
      // Now and then several calls at once: they must keep their order.
      const calls = this.#random.pick([1, 1, 3])
      const group = Array.from({ length: calls }, () => this.#produce(broker, process, partition))
      this.#expectations.inOrder(await Promise.all(group))
    }
  }

  /**
   * A producer that numbers its batches and sends each until it is acknowledged, up to three at the same time, and
   * each time to any broker: every record must stand in the log once, where the acknowledgement says. Now and then
   * another takes its place with a higher epoch, or it is silent for so long that it is forgotten.
   */
  async #writeIdempotently(): Promise<void> {
    let epoch = 0
    const begin = this.#random.pick([0, 0, SEQUENCES - 3])
    const next = new Map<number, number>()
    const longSilence = this.#random.fraction() < 0.03 ? this.#random.integer(1, IDEMPOTENT_GROUPS - 1) : 0
    for (let group = 0; group < IDEMPOTENT_GROUPS; group += 1) {
      await this.#clock.sleep(
        group > 0 && group === longSilence ? LONG_SILENCE_MS : this.#random.integer(0, 700),
      )
      const partition = this.#random.integer(0, PARTITIONS - 1)
      let zombie: Promise<unknown> = Promise.resolve()
      if (this.#random.fraction() < 0.15) {
        const baseSequence = next.get(partition) ?? 0
        zombie = this.#produceAnywhere(partition, {
          producerId: IDEMPOTENT_ID,
          producerEpoch: epoch,
          baseSequence,
        })
        epoch += 1
        next.clear()
      }
      let waiting = Array.from({ length: this.#random.pick([1, 1, 3]) }, () => {
        const { values, records } = this.#drawRecords(partition)
        const baseSequence = next.get(partition) ?? (epoch === 0 ? begin : 0)
        next.set(partition, (baseSequence + records.length) % SEQUENCES)
        const producer = { producerId: IDEMPOTENT_ID, producerEpoch: epoch, baseSequence }
        return { values, batch: encodeBatch(records, { ...producer, nowMs: this.#clock.nowMs() }) }
      })
      for (let sendings = 0; waiting.length > 0; sendings += 1) {
        if (sendings === SENDINGS_MAX) throw new Error('a batch is sent again and again, and never taken')
        const { broker, process } = this.#random.pick(this.#brokers)
        const isDone = await Promise.all(
          // The bytes are the broker's once it has them, so each sending needs its own.
          waiting.map(({ values, batch }) =>
            this.#sendOnce(broker, process, partition, values, Uint8Array.from(batch)),
          ),
        )
        waiting = waiting.filter((_, index) => !isDone[index])
        await this.#clock.sleep(this.#random.integer(1, 200))
      }
      await zombie
    }
  }

  /** Sends a batch once, at some time soon. */
  async #produceAnywhere(partition: number, producer: Sequence): Promise<void> {
    await this.#clock.sleep(this.#random.integer(0, 100))
    const { broker, process } = this.#random.pick(this.#brokers)
    await this.#produce(broker, process, partition, producer)
  }

  /** Flushes as what watches the table does, from a process like the others. */
  async #flush(): Promise<void> {
    for (let number = 0; number < FLUSHES; number += 1) {
      await this.#clock.sleep(this.#random.integer(0, 3_000))
      const { process, ports } = this.#random.pick(this.#brokers)
      const topic = await this.#stores.topics.get(TOPIC)
      const requests = Array.from({ length: PARTITIONS }, (_, partition) => ({
        partition: { topicId: topic!.topicId, partition },
        age: 'all' as const,
      }))
      await Promise.race([flush(ports, requests, this.#clock.nowMs() + 10_000), process.died])
    }
  }

  async #sendOnce(
    broker: LogBroker,
    process: SimulatedProcess,
    partition: number,
    values: readonly string[],
    batches: Uint8Array,
  ): Promise<boolean> {
    try {
      const result = await Promise.race([broker.produce({ topic: TOPIC, partition, batches }), process.died])
      if (result) this.#expectations.acknowledge(partition, result.baseOffset, values)
      return result !== undefined
    } catch (error) {
      if (!(error instanceof TidemarkError)) throw error
      // What comes after a batch that did not get there is out of order until that one has been sent again.
      const isExpected = error.retriable || error.kafkaName === 'OUT_OF_ORDER_SEQUENCE_NUMBER'
      if (!isExpected) throw error
      return false
    }
  }

  #drawRecords(partition: number): { values: string[]; records: RecordInput[] } {
    const values = Array.from({ length: this.#random.integer(1, 3) }, () => `value ${this.#nextValue++}`)
    const padding = this.#random.pick([0, 0, 0, LARGE_VALUE_BYTES])
    this.#expectations.sent(partition, values)
    return {
      values,
      records: values.map(value => ({ key: Buffer.from(value), value: Buffer.alloc(padding) })),
    }
  }

  async #produce(
    broker: LogBroker,
    process: SimulatedProcess,
    partition: number,
    producer?: Sequence,
  ): Promise<Offset | undefined> {
    const { values, records } = this.#drawRecords(partition)
    const batches = encodeBatch(records, { nowMs: this.#clock.nowMs(), ...producer })
    const produced = broker.produce({ topic: TOPIC, partition, batches })
    try {
      const result = await Promise.race([produced, process.died])
      if (!result) {
        this.#expectations.settled(values, 'unknown')
        return undefined
      }
      this.#expectations.acknowledge(partition, result.baseOffset, values)
      return result.baseOffset
    } catch (error) {
      if (!(error instanceof TidemarkError)) throw error
      if (error.written === 'yes')
        throw new Error(`an error says that its records are written: ${error.message}`)
      this.#expectations.settled(values, error.written)
      return undefined
    }
  }

  /** Reads here and there while others write: what was seen once must never change. */
  async #read(): Promise<void> {
    for (let read = 0; read < READS; read += 1) {
      await this.#clock.sleep(this.#random.integer(0, 800))
      const { broker, process } = this.#random.pick(this.#brokers)
      const partition = this.#random.integer(0, PARTITIONS - 1)
      const offset = toOffset(this.#random.integer(0, this.#expectations.highestOffset(partition)))
      const maxBytes = this.#random.pick([1, 500, 20_000])
      try {
        const fetched = await Promise.race([
          broker.fetch({ topic: TOPIC, partition, offset, maxBytes }),
          process.died,
        ])
        for (const chunk of fetched?.chunks ?? []) {
          for (const record of decodeBatches(chunk)) {
            this.#expectations.observe(partition, record.offset, Buffer.from(record.key!).toString())
          }
        }
      } catch (error) {
        // Refused for a moment, or below a start that has moved.
        const isExpected = error instanceof TidemarkError && error.kafkaName !== 'CORRUPT_MESSAGE'
        if (!isExpected) throw error
      }
    }
  }

  async #delete(): Promise<void> {
    if (this.#random.fraction() < 0.5) return
    await this.#clock.sleep(this.#random.integer(1_000, 4_000))
    const { broker, process } = this.#random.pick(this.#brokers)
    const partition = this.#random.integer(0, PARTITIONS - 1)
    const beforeOffset = toOffset(this.#random.integer(0, this.#expectations.highestOffset(partition)))
    this.#expectations.deleted(partition, beforeOffset)
    try {
      await Promise.race([broker.deleteRecords({ topic: TOPIC, partition, beforeOffset }), process.died])
    } catch (error) {
      if (!(error instanceof TidemarkError)) throw error
    }
  }

  /** Lets everything that is still under way land, and a last broker tidy up. */
  async #comeToRest(): Promise<void> {
    await this.#clock.sleep(60_000)
    const last = new LogBroker(this.#plainPorts(), { lingerMs: 0, reportError: fail })
    last.start()
    await last.close()
  }

  async #check(): Promise<number> {
    const ports = this.#plainPorts()
    const summary = newVerifySummary()
    for await (const finding of verify(ports, summary)) {
      if (finding.severity === 'error') throw new Error(`verify: ${finding.place}: ${finding.problem}`)
    }
    const broker = new LogBroker(ports, { lingerMs: 0, reportError: fail })
    for (let partition = 0; partition < PARTITIONS; partition += 1) {
      const { offset: start } = await broker.offsetFor({ topic: TOPIC, partition, at: 'earliest' })
      const { offset: end } = await broker.offsetFor({ topic: TOPIC, partition, at: 'latest' })
      const log = new Map<Offset, string>()
      const fetched: Uint8Array[] = []
      for (let offset = start!; offset < end!; ) {
        const { chunks, nextOffset } = await broker.fetch({ topic: TOPIC, partition, offset })
        if (nextOffset <= offset) throw new Error(`a fetch at offset ${offset} goes nowhere`)
        fetched.push(...chunks)
        for (const record of chunks.flatMap(chunk => decodeBatches(chunk))) {
          log.set(record.offset, Buffer.from(record.key!).toString())
        }
        offset = nextOffset
      }
      this.#expectations.check(partition, start!, end!, log)
      const sequences = new SequenceCheck()
      for (const chunk of fetched) sequences.check(chunk)
    }
    return summary.records
  }

  #plainPorts(): Ports {
    return { ...this.#stores, clock: this.#clock, entropy: this.#random }
  }

  /** Lets time pass until `work` is done. */
  async #drive<T>(work: Promise<T>): Promise<T> {
    let isDone = false
    const done = () => {
      isDone = true
    }
    work.then(done, done)
    await this.#clock.runUntil(() => isDone)
    return await work
  }
}

/** Where a batch stands in an idempotent producer's sequence. */
interface Sequence {
  readonly producerId: bigint
  readonly producerEpoch: number
  readonly baseSequence: number
}

/** What a log has of idempotent producers must be without a gap, and no epoch may come after a higher one. */
class SequenceCheck {
  readonly #next = new Map<bigint, { readonly epoch: number; readonly sequence: number }>()

  check(batches: Uint8Array): void {
    for (let position = 0; position < batches.length; ) {
      const { producerId, producerEpoch, baseSequence, recordCount, sizeBytes } = checkBatch(
        batches,
        position,
      )
      position += sizeBytes
      if (producerId === NO_PRODUCER_ID) continue
      const before = this.#next.get(producerId)
      const follows =
        !before ||
        (producerEpoch === before.epoch && baseSequence === before.sequence) ||
        (producerEpoch > before.epoch && baseSequence === 0)
      if (!follows) {
        const got = `epoch ${producerEpoch} and sequence ${baseSequence}`
        throw new Error(`${got} come after epoch ${before.epoch} up to sequence ${before.sequence}`)
      }
      this.#next.set(producerId, { epoch: producerEpoch, sequence: (baseSequence + recordCount) % SEQUENCES })
    }
  }
}

/** The flush may be kept from its work for a while; any other error that it reports is a defect. */
function fail(error: unknown): void {
  const errors: unknown[] = error instanceof AggregateError ? error.errors : [error]
  const defect = errors.find(
    each => !(each instanceof TidemarkError && each.kafkaName === 'REQUEST_TIMED_OUT'),
  )
  if (defect !== undefined) throw defect
}
