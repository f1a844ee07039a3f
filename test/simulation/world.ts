import { openMemoryStore } from '../../src/adapters/memory/memory-store.ts'
import { clockOf, SimulatedProcess } from '../../src/adapters/memory/network.ts'
import { SeededEntropy } from '../../src/adapters/memory/seeded-entropy.ts'
import { VirtualClock } from '../../src/adapters/memory/virtual-clock.ts'
import { LogBroker } from '../../src/broker/log-broker.ts'
import { flush } from '../../src/broker/settling/flush.ts'
import { newVerifySummary, verify } from '../../src/broker/settling/verify.ts'
import { TidemarkError } from '../../src/core/errors.ts'
import {
  PRODUCER_ENTRIES_KEPT,
  PRODUCER_EXPIRATION_MS,
  PRODUCER_SILENT_MS_MAX,
} from '../../src/core/limits.ts'
import { type Offset, toOffset } from '../../src/core/numbers.ts'
import {
  checkBatch,
  decodeBatches,
  encodeBatch,
  NO_PRODUCER_ID,
  type RecordInput,
} from '../../src/core/record/index.ts'
import type { Ports } from '../../src/ports/index.ts'
import type { LogIndex } from '../../src/ports/log-index.ts'
import type { Defect } from './defects.ts'
import { Expectations } from './expectations.ts'
import { RandomFaults } from './random-faults.ts'
import { withFaults } from './with-faults.ts'

const TOPIC = 'simulated'
const PARTITIONS = 2
const PROCESSES = 2
const WRITERS = 2
const CALLS_PER_WRITER = 14
const IDEMPOTENT_GROUPS = 8
const IDEMPOTENT_ID = 42n
const SEQUENCES = 2 ** 31
/** Far more than any run needs. */
const SENDINGS_MAX = 300
/** How often something outside the brokers flushes, as a table's stream has it done. */
const FLUSHES = 3
/** Long enough for a producer to leave the head: how long it is silent, or how far ahead a process's clock may be. */
const SILENCE_MS = PRODUCER_SILENT_MS_MAX + 5_000
/** Longer than anything is known of a producer that is silent. */
const LONG_SILENCE_MS = PRODUCER_EXPIRATION_MS + 60_000
/** More producers at once than an entry takes, or a head keeps. */
const CROWD = 20
const CROWD_SENDINGS = 5
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
  /** Idempotent producers that were found outside of the head. */
  readonly returns: number
  /** Acknowledged batches that were sent once more. */
  readonly repetitions: number
}

/**
 * One run, all of it drawn from the seed: writers, readers and a deleter against brokers that share a store,
 * lose requests and answers, hear late of what was done, and die at any call. At the end the store is brought
 * to rest and compared with what was promised.
 * @param defect what to break on purpose
 * @throws Error that says what was promised and not kept
 */
export async function runWorld(seed: number, defect?: Defect): Promise<RunReport> {
  const world = new World(seed, defect)
  return await world.run()
}

class World {
  readonly #random: SeededEntropy
  readonly #clock = new VirtualClock(START_MS)
  readonly #stores: Omit<Ports, 'clock' | 'entropy'>
  readonly #faults: RandomFaults
  readonly #expectations = new Expectations()
  readonly #brokers: { broker: LogBroker; process: SimulatedProcess; ports: Ports }[] = []
  /** How far ahead the clock of each process is. To one that is far ahead, all others' producers have long been silent. */
  readonly #skewsMs: readonly number[]
  #crashes = 0
  #nextValue = 0
  #returns = 0
  #repetitions = 0

  constructor(seed: number, defect: Defect = {}) {
    this.#random = new SeededEntropy(seed)
    this.#faults = new RandomFaults(new SeededEntropy(seed ^ 0x5eed))
    this.#skewsMs = Array.from({ length: PROCESSES }, () => this.#random.pick([0, 0, SILENCE_MS]))
    const store = openMemoryStore(this.#clock, defect.decisions)
    this.#stores = {
      ...store,
      index: defect.index?.(store.index, this.#clock) ?? store.index,
    }
  }

  async run(): Promise<RunReport> {
    await this.#drive(this.#setUp())
    this.#faults.start()
    const writers = Array.from({ length: WRITERS }, () => this.#write())
    await this.#drive(
      Promise.all([
        ...writers,
        this.#writeIdempotently(),
        this.#crowd(),
        this.#read(),
        this.#delete(),
        this.#flush(),
      ]),
    )
    this.#faults.stop()
    await this.#drive(this.#comeToRest())
    const records = await this.#drive(this.#check())
    const { acknowledged, unknown } = this.#expectations
    return {
      acknowledged,
      unknown,
      crashes: this.#crashes,
      faults: this.#faults.count,
      records,
      returns: this.#returns,
      repetitions: this.#repetitions,
    }
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
    const skewMs = this.#skewsMs[index]!
    const clock = { ...clockOf(process, this.#clock), nowMs: () => this.#clock.nowMs() + skewMs }
    const across = <T extends object>(port: T, writes: readonly (keyof T)[]): T =>
      withFaults(port, writes, this.#faults, process, this.#clock)
    const ports: Ports = {
      index: across(this.#countReturns(this.#stores.index), [
        'createHead',
        'append',
        'putBlock',
        'trimTail',
        'moveStart',
        'putProducer',
      ]),
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

  #countReturns(index: LogIndex): LogIndex {
    return new Proxy(index, {
      get: (target, name) => {
        const value = Reflect.get(target, name, target)
        if (name !== 'readProducer') return typeof value === 'function' ? value.bind(target) : value
        return async (...args: Parameters<LogIndex['readProducer']>) => {
          const producer = await target.readProducer(...args)
          if (producer) this.#returns += 1
          return producer
        }
      },
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
   * each time to any broker: every record must stand in the log once, where the acknowledgement says. So it must when
   * one is sent again much later. Now and then another takes its place with a higher epoch, or it is silent, for so
   * long that it leaves the head or even is forgotten.
   */
  async #writeIdempotently(): Promise<void> {
    let epoch = 0
    const begin = this.#random.pick([0, 0, SEQUENCES - 3])
    const next = new Map<number, number>()
    let sent: SentBatch[] = []
    const longSilence = this.#random.fraction() < 0.03 ? this.#random.integer(1, IDEMPOTENT_GROUPS - 1) : 0
    for (let group = 0; group < IDEMPOTENT_GROUPS; group += 1) {
      if (group > 0 && group === longSilence) {
        await this.#clock.sleep(LONG_SILENCE_MS)
        sent = []
      } else if (group > 0 && this.#random.fraction() < 0.2) {
        await this.#clock.sleep(SILENCE_MS)
        await this.#moveOn()
      } else {
        await this.#clock.sleep(this.#random.integer(0, 700))
      }
      if (this.#random.fraction() < 0.6) await this.#repeat(sent)
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
      const waiting = Array.from({ length: this.#random.pick([1, 1, 3]) }, () => {
        const { values, records } = this.#drawRecords(partition)
        const baseSequence = next.get(partition) ?? (epoch === 0 ? begin : 0)
        next.set(partition, (baseSequence + records.length) % SEQUENCES)
        const producer = { producerId: IDEMPOTENT_ID, producerEpoch: epoch, baseSequence }
        const batch = encodeBatch(records, { ...producer, nowMs: this.#clock.nowMs() })
        return { partition, epoch, values, batch }
      })
      sent.push(...waiting)
      const left = await this.#sendAll(waiting, SENDINGS_MAX)
      if (left.length > 0) throw new Error('a batch is sent again and again, and never taken')
      await zombie
    }
    await this.#repeat(sent)
  }

  /** Sends batches until all are acknowledged, or so many times; tells which are not. */
  async #sendAll(batches: readonly SentBatch[], sendingsMax: number): Promise<readonly SentBatch[]> {
    let waiting = batches
    for (let sendings = 0; waiting.length > 0 && sendings < sendingsMax; sendings += 1) {
      const { broker, process } = this.#random.pick(this.#brokers)
      const isDone = await Promise.all(waiting.map(sent => this.#sendOnce(broker, process, sent)))
      waiting = waiting.filter((_, index) => !isDone[index])
      await this.#clock.sleep(this.#random.integer(1, this.#random.pick([200, 200, 200, 4_000])))
    }
    return waiting
  }

  /** Others write, and tails are cut: a producer that was silent leaves the head. */
  async #moveOn(): Promise<void> {
    const { broker, process } = this.#random.pick(this.#brokers)
    for (let partition = 0; partition < PARTITIONS; partition += 1) {
      await this.#produce(broker, process, partition)
    }
    await this.#flushOnce()
  }

  /**
   * Sends a batch that was acknowledged before, of any time: it is answered as then. Of one that is too far back it is
   * only known that it was written.
   */
  async #repeat(sent: readonly SentBatch[]): Promise<void> {
    if (sent.length === 0) return
    const back = this.#random.integer(1, Math.min(sent.length, 2 * PRODUCER_ENTRIES_KEPT))
    const repeated = sent[sent.length - back]!
    const isNewestEpoch = repeated.epoch === sent.at(-1)!.epoch
    this.#repetitions += 1
    for (let sendings = 0; sendings < this.#random.integer(1, 4); sendings += 1) {
      const { broker, process } = this.#random.pick(this.#brokers)
      const outcome = await this.#sendOnce(broker, process, repeated, (error: TidemarkError) => {
        if (error.retriable) return
        // Each epoch may have had a zombie, whose batch counts as well.
        const mayBeOld = back >= PRODUCER_ENTRIES_KEPT || !isNewestEpoch
        if (error.kafkaName === 'DUPLICATE_SEQUENCE_NUMBER' && mayBeOld) return
        if (error.kafkaName === 'INVALID_PRODUCER_EPOCH' && !isNewestEpoch) return
        throw new Error(`a repetition of number ${back} from the last: ${error.message}`)
      })
      if (outcome) return
      await this.#clock.sleep(this.#random.integer(1, 500))
    }
  }

  /** Many producers with one batch each, in shared commits. */
  async #crowd(): Promise<void> {
    if (this.#random.fraction() < 0.7) return
    await this.#clock.sleep(this.#random.integer(0, 3_000))
    const partition = this.#random.integer(0, PARTITIONS - 1)
    const batches = Array.from({ length: CROWD }, (_, number) => {
      const { values, records } = this.#drawRecords(partition)
      const producer = { producerId: BigInt(1_000 + number), producerEpoch: 0, baseSequence: 0 }
      const batch = encodeBatch(records, { ...producer, nowMs: this.#clock.nowMs() })
      return { partition, epoch: 0, values, batch }
    })
    // With twenty at once one of them nearly always meets a fault, so not until all are acknowledged.
    await this.#sendAll(batches, CROWD_SENDINGS)
    await this.#clock.sleep(this.#random.integer(0, 2_000))
    // All of them, or some: those that have left the head and those that have not share commits.
    const some = batches.filter(() => this.#random.fraction() < 0.7)
    await this.#sendAll(some, CROWD_SENDINGS)
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
      await this.#flushOnce()
    }
  }

  async #flushOnce(): Promise<void> {
    const { process, ports } = this.#random.pick(this.#brokers)
    const topic = await this.#stores.topics.get(TOPIC)
    const requests = Array.from({ length: PARTITIONS }, (_, partition) => ({
      partition: { topicId: topic!.topicId, partition },
      age: 'all' as const,
    }))
    await Promise.race([flush(ports, requests, ports.clock.nowMs() + 10_000), process.died])
  }

  /** Tells whether it is acknowledged. */
  async #sendOnce(
    broker: LogBroker,
    process: SimulatedProcess,
    { partition, values, batch }: SentBatch,
    checkError: (error: TidemarkError) => void = checkFirstSending,
  ): Promise<boolean> {
    // The bytes are the broker's once it has them, so each sending needs its own.
    const batches = Uint8Array.from(batch)
    try {
      const result = await Promise.race([broker.produce({ topic: TOPIC, partition, batches }), process.died])
      if (result) this.#expectations.acknowledge(partition, result.baseOffset, values)
      return result !== undefined
    } catch (error) {
      if (!(error instanceof TidemarkError)) throw error
      checkError(error)
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

/** A batch of an idempotent producer. */
interface SentBatch {
  readonly partition: number
  readonly epoch: number
  readonly values: readonly string[]
  readonly batch: Uint8Array
}

function checkFirstSending(error: TidemarkError): void {
  // What comes after a batch that did not get there is out of order until that one has been sent again.
  const isExpected = error.retriable || error.kafkaName === 'OUT_OF_ORDER_SEQUENCE_NUMBER'
  if (!isExpected) throw error
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
