import { openMemoryStore } from '../../src/adapters/memory/memory-store.ts'
import { SeededEntropy } from '../../src/adapters/memory/seeded-entropy.ts'
import { VirtualClock } from '../../src/adapters/memory/virtual-clock.ts'
import { loadReading } from '../../src/broker/load-reading.ts'
import {
  loadClassic,
  loadTasks,
  loadTopics,
  loadTransactions,
  loadUseCases,
} from '../../src/broker/load-use-cases.ts'
import { LogBroker, type LogBrokerSettings } from '../../src/broker/log-broker.ts'
import { type Finding, VerifySummary } from '../../src/broker/verifying/finding.ts'
import { verify } from '../../src/broker/verifying/verify.ts'
import type { Broker, Fetch } from '../../src/contract/broker.ts'
import { TidemarkError } from '../../src/core/errors.ts'
import { type Offset, toOffset } from '../../src/core/numbers.ts'
import { type CompressionName, decodeBatches, encodeBatch } from '../../src/core/record/index.ts'
import type { PartitionId } from '../../src/core/topic/partition-id.ts'
import type { Ports } from '../../src/ports/index.ts'
import type { ObjectLocator } from '../../src/ports/object-locator.ts'

export const NOW_MS = 1_750_000_000_000

// Now: virtual time does not wait for a file to be loaded.
await Promise.all([
  loadUseCases(),
  loadClassic(),
  loadTasks(),
  loadTopics(),
  loadTransactions(),
  loadReading(),
])

/** What happens around the calls of a port's methods: a test counts, delays or fails them. */
export type Around = (
  method: string,
  args: readonly unknown[],
  call: () => Promise<unknown>,
) => Promise<unknown>

/** The methods that give an iterable. */
const ITERABLES = new Set([
  'list',
  'partitions',
  'members',
  'claims',
  'groups',
  'triggers',
  'segments',
  'notes',
  'parts',
  'registered',
])

/** A store's methods with `around` about each call; those that give an iterable stay as they are. */
function wrap<T extends object>(target: T, around: () => Around): T {
  return new Proxy(target, {
    get(_, name) {
      const value = Reflect.get(target, name, target)
      if (typeof value !== 'function') return value
      const method = value.bind(target) as (...args: unknown[]) => unknown
      if (ITERABLES.has(String(name))) return method
      return (...args: unknown[]) => around()(String(name), args, async () => await method(...args))
    },
  })
}

/** One store in memory over virtual time, on which any number of brokers can be opened. */
export class Harness {
  readonly clock = new VirtualClock(NOW_MS)
  readonly entropy: SeededEntropy
  /** Every call of an index, object or topic method, by its name. */
  readonly calls: { method: string; args: readonly unknown[] }[] = []
  readonly errors: unknown[] = []
  /** The stores without anything around them. */
  readonly plain: Ports
  readonly ports: Ports
  around: Around = (_, __, call) => call()

  /** @param takesEffects whether the store puts a transaction with all that it does elsewhere, in one step */
  constructor(seed = 1, takesEffects = false) {
    this.entropy = new SeededEntropy(seed)
    const { clock, entropy } = this
    this.plain = {
      clock,
      entropy,
      ...openMemoryStore(clock, {}, takesEffects),
    }
    this.ports = {
      clock,
      entropy,
      objects: wrap(this.plain.objects, () => this.#counted),
      index: wrap(this.plain.index, () => this.#counted),
      topics: wrap(this.plain.topics, () => this.#counted),
      groups: wrap(this.plain.groups, () => this.#counted),
      triggers: wrap(this.plain.triggers, () => this.#counted),
      upkeep: wrap(this.plain.upkeep, () => this.#counted),
      transactions: wrap(this.plain.transactions, () => this.#counted),
    }
  }

  readonly #counted: Around = (method, args, call) => {
    this.calls.push({ method, args })
    return this.around(method, args, call)
  }

  open(settings: Partial<LogBrokerSettings> = {}, locator?: ObjectLocator): LogBroker {
    const reportError = (error: unknown) => this.errors.push(error)
    // Tests look at what is stored: memory would answer for it.
    const usual = { lingerMs: 0, hotTailBytes: 0, reportError }
    return new LogBroker(this.ports, { ...usual, ...settings }, locator)
  }

  /** Lets time pass until the promise has settled. */
  run<T>(promise: Promise<T>): Promise<T> {
    return this.clock.runUntilSettled(promise)
  }

  async pass(durationMs: number): Promise<void> {
    await this.run(this.clock.sleep(durationMs))
  }

  count(method: string): number {
    return this.calls.filter(call => call.method === method).length
  }

  /** The error that a promise rejects with, which must be a TidemarkError. */
  async errorOf(promise: Promise<unknown>): Promise<TidemarkError> {
    try {
      await this.run(promise)
    } catch (error) {
      if (error instanceof TidemarkError) return error
      throw error
    }
    throw new Error('it did not fail')
  }

  async partitionId(topic: string, partition = 0): Promise<PartitionId> {
    const item = await this.plain.topics.get(topic)
    if (!item) throw new Error(`there is no topic ${topic}`)
    return { topicId: item.topicId, partition }
  }

  async verify(): Promise<{ findings: Finding[]; summary: VerifySummary }> {
    const summary = new VerifySummary()
    const findings: Finding[] = []
    const all = (async () => {
      for await (const finding of verify(this.plain, summary)) findings.push(finding)
    })()
    await this.run(all)
    return { findings, summary }
  }
}

export interface BatchOptions {
  readonly padding?: number
  readonly timestampMs?: number
  readonly compression?: CompressionName
}

/** One batch of a record for each value. */
export function batchOf(values: readonly string[], options: BatchOptions = {}): Uint8Array {
  const { padding = 0, timestampMs = NOW_MS, compression = 'none' } = options
  const records = values.map(value => ({
    key: padding > 0 ? Buffer.alloc(padding, value) : null,
    value: Buffer.from(value),
    timestampMs,
  }))
  return new Uint8Array(encodeBatch(records, { compression }))
}

export function joined(batches: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(batches))
}

/** `count` values that say their number, from `first` on. */
export function numbered(first: number, count: number): string[] {
  return Array.from({ length: count }, (_, index) => `record ${first + index}`)
}

export interface ReadRecord {
  readonly offset: number
  /** `null` for a tombstone. */
  readonly value: string
}

export function recordsIn(chunks: readonly Uint8Array[]): ReadRecord[] {
  return chunks
    .flatMap(chunk => decodeBatches(chunk))
    .map(({ offset, value }) => ({ offset, value: Buffer.from(value ?? 'null').toString() }))
}

/** Every record from `from` to the log's end, once checked that each answer goes on where the last one ended. */
export async function readAll(
  broker: Broker,
  request: Omit<Fetch, 'offset'>,
  from = 0,
  nextMaxBytes?: () => number,
): Promise<ReadRecord[]> {
  const records: ReadRecord[] = []
  for (let offset: Offset = toOffset(from); ; ) {
    const maxBytes = nextMaxBytes?.() ?? request.maxBytes
    const fetched = await broker.fetch({ ...request, ...(maxBytes ? { maxBytes } : {}), offset })
    const answer = recordsIn(fetched.chunks).filter(record => record.offset >= offset)
    records.push(...answer)
    if (answer.length > 0 && fetched.nextOffset !== answer.at(-1)!.offset + 1) {
      throw new Error(`nextOffset is ${fetched.nextOffset}, the last record ${answer.at(-1)!.offset}`)
    }
    if (answer.length === 0) {
      if (fetched.nextOffset !== fetched.endOffset) throw new Error(`nothing at ${offset}`)
      return records
    }
    offset = fetched.nextOffset
  }
}
