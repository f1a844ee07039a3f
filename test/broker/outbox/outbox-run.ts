import { type Items, joinKey } from '../../../src/adapters/items/items.ts'
import { storesOver } from '../../../src/adapters/items/stores.ts'
import { type MemoryStore, openMemoryStore } from '../../../src/adapters/memory/memory-store.ts'
import { clockOf, type FaultSource, Network } from '../../../src/adapters/memory/network.ts'
import { SeededEntropy } from '../../../src/adapters/memory/seeded-entropy.ts'
import { VirtualClock } from '../../../src/adapters/memory/virtual-clock.ts'
import { LogBroker } from '../../../src/broker/log-broker.ts'
import type { OutboxPorts } from '../../../src/broker/outbox/carry-out.ts'
import { type ParkedListener, Relay, type Relayed } from '../../../src/broker/outbox/relay.ts'
import { isTransient } from '../../../src/broker/store-calls/retry.ts'
import { TopicDirectory } from '../../../src/broker/topics/topic-directory.ts'
import { toOffset } from '../../../src/core/numbers.ts'
import { encodeOutboxItem, type OutboxItem } from '../../../src/core/outbox/outbox-item.ts'
import { OutboxKeys } from '../../../src/core/outbox/outbox-key.ts'
import { decodeBatches, encodeBatch } from '../../../src/core/record/index.ts'
import { OUTBOX_PREFIX, outboxKey } from '../../../src/core/storage-outbox.ts'
import type { PartitionId } from '../../../src/core/topic/partition-id.ts'
import type { Clock } from '../../../src/ports/clock.ts'
import type { SleepyProcess } from '../../simulation/sleepy-process.ts'
import { NOW_MS } from '../harness.ts'

// Which also loads beforehand what virtual time would not wait for.
export const TOPIC = 'orders'
const RELAY_MS = 60_000

/** One store, on which writers put items and relays move them. */
export class OutboxRun {
  readonly clock = new VirtualClock(NOW_MS)
  readonly entropy: SeededEntropy
  readonly store: MemoryStore
  readonly broker: LogBroker
  /** What was committed, by partition, writer by writer. */
  readonly committed = new Map<number, Map<string, string[]>>()
  readonly parked: { readonly keys: readonly string[]; readonly error: string }[] = []
  topicId = ''

  constructor(seed = 1) {
    this.entropy = new SeededEntropy(seed)
    this.store = openMemoryStore(this.clock)
    this.broker = this.#openBroker(this.ports)
  }

  get ports(): OutboxPorts {
    return { ...this.store, clock: this.clock, entropy: this.entropy }
  }

  async createTopic(partitions = 1, configs: Record<string, string> = {}): Promise<void> {
    await this.settle(this.broker.createTopic({ topic: TOPIC, partitions, configs }))
    const item = await this.store.topics.get(TOPIC)
    this.topicId = item!.topicId
  }

  partition(partition = 0): PartitionId {
    return { topicId: this.topicId, partition }
  }

  /** A relay with nothing between it and the store. */
  relay(onParked?: ParkedListener): Relay {
    return this.#openRelay(this.ports, this.broker, onParked)
  }

  /** One in a process of its own, across a network. */
  farRelay(process: SleepyProcess, faults: FaultSource): Relay {
    const network = new Network(process, faults, this.clock)
    const clock = clockOf(process, this.clock)
    const items = torn(this.store.items.across(network), clock)
    const ports = {
      ...storesOver(items),
      objects: this.store.objects.across(network),
      clock,
      entropy: this.entropy,
    }
    return this.#openRelay(ports, this.#openBroker(ports))
  }

  #openRelay(ports: OutboxPorts, broker: LogBroker, onParked: ParkedListener = () => {}): Relay {
    const directory = new TopicDirectory(ports.topics, ports.clock)
    return new Relay({ ports, broker, directory }, (partition, items, parking) => {
      this.parked.push({ keys: items.map(({ key }) => key), error: parking.error })
      onParked(partition, items, parking)
    })
  }

  #openBroker(ports: OutboxPorts): LogBroker {
    const errors = (error: unknown) => {
      throw error
    }
    return new LogBroker(ports, { lingerMs: 0, flushes: 'elsewhere', hotTailBytes: 0, reportError: errors })
  }

  /** Lets a relay work until nothing waits any more. */
  async drain(relay = this.relay(), partitions?: readonly PartitionId[]): Promise<Relayed> {
    const deadlineMs = this.clock.monotonicMs() + RELAY_MS
    const all = partitions ?? (await this.settle(relay.partitions('all', deadlineMs)))
    return await this.settle(relay.relay(all, deadlineMs))
  }

  /** Puts one item, and takes note of what is in it. */
  async put(writer: Writer, values: readonly string[], partition = 0): Promise<void> {
    await this.store.outboxes.put([{ partition: this.partition(partition), item: writer.item(values) }])
    this.noteCommitted(writer, values, partition)
  }

  noteCommitted({ name }: Writer, values: readonly string[], partition: number): void {
    const writers = this.committed.get(partition) ?? new Map<string, string[]>()
    this.committed.set(partition, writers.set(name, [...(writers.get(name) ?? []), ...values]))
  }

  /** The log's values by writer, and those that stand in it twice. */
  async read(partition = 0): Promise<string[]> {
    const values: string[] = []
    for (let offset = 0; ; ) {
      const fetch = this.broker.fetch({ topic: TOPIC, partition, offset: toOffset(offset) })
      const { chunks } = await this.settle(fetch)
      const records = chunks.flatMap(chunk => decodeBatches(chunk))
      if (records.length === 0) return values
      values.push(...records.map(({ value }) => Buffer.from(value!).toString()))
      offset = Number(records.at(-1)!.offset) + 1
    }
  }

  /** What is wrong with the logs: nothing, where each committed value stands there once, in the order of its writer. */
  async problems(partitions = 1): Promise<string[]> {
    const problems: string[] = []
    for (let partition = 0; partition < partitions; partition += 1) {
      const values = await this.read(partition)
      for (const [writer, expected] of this.committed.get(partition) ?? []) {
        const found = values.filter(value => value.startsWith(`${writer}:`))
        if (found.join() !== expected.join())
          problems.push(
            `${partition}: of ${writer} ${expected.join()} was committed, ${found.join()} is there`,
          )
      }
      const known = [...(this.committed.get(partition)?.values() ?? [])].flat()
      const strangers = values.filter(value => !known.includes(value))
      if (strangers.length > 0) problems.push(`${partition}: nobody committed ${strangers.join()}`)
      const left = await this.store.outboxes.waiting(this.partition(partition), 1_000, 1_000_000)
      if (left.length > 0) problems.push(`${partition}: ${left.length} items are left`)
    }
    return problems
  }

  settle<T>(work: Promise<T>): Promise<T> {
    return this.clock.runUntilSettled(work)
  }

  async pass(durationMs: number): Promise<void> {
    await this.settle(this.clock.sleep(durationMs))
  }

  /** Waits for work of a process that may die over it. */
  async settleOrDie(process: SleepyProcess, work: Promise<unknown>): Promise<void> {
    let isDone = false
    const done = () => {
      isDone = true
    }
    work.then(done, done)
    void process.died.then(done)
    await this.clock.runUntil(() => isDone)
  }
}

/** Somebody who puts items, one after the other. */
export class Writer {
  readonly name: string
  readonly #keys: OutboxKeys
  readonly #clock: Clock

  constructor(name: string, clock: Clock, id: string) {
    this.name = name
    this.#keys = new OutboxKeys(id)
    this.#clock = clock
  }

  item(values: readonly string[]): OutboxItem {
    const nowMs = this.#clock.nowMs()
    const batch = encodeBatch(
      values.map(value => ({ value: Buffer.from(value) })),
      { nowMs },
    )
    return { key: this.#keys.next(nowMs), topic: TOPIC, batch, createdMs: nowMs }
  }
}

/**
 * A transaction of an application across a network: a row of its own, on the condition that it is not there, and an item. It insists
 * until it knows what became of it; the condition is what makes that safe, however late a try lands.
 */
export async function transact(
  items: Items,
  clock: Clock,
  row: string,
  partition: PartitionId,
  item: OutboxItem,
): Promise<void> {
  const keys = [joinKey('app', row), joinKey(outboxKey(partition), item.key)]
  for (;;) {
    try {
      await items.updateAll(keys, ([standing]) => ({
        changes: standing ? [] : [{ put: Buffer.from(row) }, { put: encodeOutboxItem(item) }],
        answer: undefined,
      }))
      return
    } catch (error) {
      if (!isTransient(error)) throw error
      await clock.sleep(20)
    }
  }
}

/** Looks at outboxes as DynamoDB's queries do: item by item, and not of one moment. */
function torn(items: Items, clock: Clock): Items {
  return {
    ...items,
    range: async (start, end, limit = Number.POSITIVE_INFINITY) => {
      if (!start.startsWith(OUTBOX_PREFIX)) return await items.range(start, end, limit)
      const found: Awaited<ReturnType<Items['range']>> = []
      for (let from = start; found.length < limit; from = `${found.at(-1)!.key} `) {
        const [next] = await items.range(from, end, 1)
        if (!next) break
        found.push(next)
        await clock.sleep(1)
      }
      return found
    },
  }
}
