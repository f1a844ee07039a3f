import { openMemoryStore } from '../../src/adapters/memory/memory-store.ts'
import { LogBroker } from '../../src/broker/log-broker.ts'
import { untilDeadline } from '../../src/broker/settling/budget.ts'
import { flush } from '../../src/broker/settling/flush.ts'
import { settlingSettings } from '../../src/broker/settling/settling-settings.ts'
import { visit } from '../../src/broker/settling/visit-partition.ts'
import { toOffset } from '../../src/core/numbers.ts'
import { decodeBatches, encodeBatch } from '../../src/core/record/index.ts'
import type { PartitionId } from '../../src/core/topic/partition-id.ts'
import { systemClock, systemEntropy } from '../../src/embedded/system.ts'
import type { Ports } from '../../src/ports/index.ts'
import type { KafkaRecord } from './kafka-server.ts'
import type { KeyedBatch } from './keyed-history.ts'

/** Tidemark in this process, whose logs settle when they are told to. */
export class TidemarkLogs {
  readonly #ports: Ports = {
    ...openMemoryStore(systemClock),
    clock: systemClock,
    entropy: systemEntropy,
  }
  readonly #broker = new LogBroker(this.#ports, {
    lingerMs: 0,
    reportError: console.error,
    flushes: 'elsewhere',
  })
  readonly #settings = settlingSettings({ rollYoungMs: 0 })

  async create(topic: string, partitions: number, configs: Record<string, string>): Promise<void> {
    await this.#broker.createTopic({ topic, partitions, configs })
  }

  async produce(topic: string, partition: number, { compression, records }: KeyedBatch): Promise<void> {
    const all = records.map(({ key, value, timestampMs }) => ({
      key: Buffer.from(key),
      value: value === null ? null : Buffer.from(value),
      timestampMs,
    }))
    const batches = new Uint8Array(encodeBatch(all, { compression }))
    await this.#broker.produce({ topic, partition, batches })
  }

  /** Makes a segment of what each partition has. */
  async settle(topic: string): Promise<void> {
    for (const partition of await this.#partitions(topic)) {
      const deadlineMs = systemClock.monotonicMs() + 60_000
      await flush(this.#ports, [{ partition, age: 'all' }], deadlineMs)
    }
    await this.visit(topic)
  }

  /** Rolls what lies in blocks, and compacts as long as that is due. */
  async visit(topic: string): Promise<void> {
    const item = (await this.#ports.topics.get(topic))!
    const wants = { epochsBelow: Number.POSITIVE_INFINITY, isThorough: true }
    for (const partition of await this.#partitions(topic)) {
      const budget = untilDeadline(systemClock.monotonicMs() + 60_000)
      await visit(this.#ports, this.#settings, { topic: item, partition }, wants, budget)
    }
  }

  async read(topic: string): Promise<KafkaRecord[]> {
    const found: KafkaRecord[] = []
    for (const { partition } of await this.#partitions(topic)) {
      for (let offset = toOffset(0); ; ) {
        const { chunks, nextOffset, endOffset } = await this.#broker.fetch({ topic, partition, offset })
        const records = chunks
          .flatMap(chunk => decodeBatches(chunk))
          .filter(record => record.offset >= offset)
        for (const { offset, key, value } of records) {
          const text = value === null ? null : Buffer.from(value).toString()
          found.push({ partition, offset, key: Buffer.from(key!).toString(), value: text })
        }
        offset = nextOffset
        if (offset >= endOffset) break
      }
    }
    return found
  }

  async #partitions(topic: string): Promise<PartitionId[]> {
    const { topicId, partitions } = (await this.#ports.topics.get(topic))!
    return Array.from({ length: partitions }, (_, partition) => ({ topicId, partition }))
  }
}
