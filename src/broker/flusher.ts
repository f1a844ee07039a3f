import { TidemarkError } from '../core/errors.ts'
import { FLUSH_PARTITIONS_MAX, FLUSH_SCAN_INTERVAL_MS, PRODUCE_DEADLINE_MS } from '../core/limits.ts'
import { countToFlush, flushDueMs } from '../core/log/flush.ts'
import type { Head } from '../core/log/head.ts'
import { type PartitionId, partitionKey } from '../core/log/partition-id.ts'
import type { Ports } from '../ports/index.ts'
import { flush } from './flush.ts'
import { backoffMs, isTransient, retryUntil } from './retry.ts'
import type { TopicDirectory } from './topic-directory.ts'

/** How long a partition waits whose flush failed for a reason that does not pass. */
const DEFECT_PAUSE_MS = 5_000
/** How often the flush at the end looks whether something is left. */
const FLUSH_ALL_ROUNDS = 3

interface Pending {
  readonly partition: PartitionId
  readonly flushMs: number
  readonly dueMs: number
}

/**
 * The background task that keeps tails short and inline bytes young, beside producing and never in its way.
 * It learns of work from the appends of this process; a scan of all heads, at the start and now and then,
 * finds what a process that is gone has left.
 */
export class Flusher {
  readonly #ports: Ports
  readonly #topics: TopicDirectory
  readonly #reportError: (error: unknown) => void
  readonly #pending = new Map<string, Pending>()
  readonly #closing = new AbortController()
  #wake = new AbortController()
  #running: Promise<void> | undefined

  constructor(ports: Ports, topics: TopicDirectory, reportError: (error: unknown) => void) {
    this.#ports = ports
    this.#topics = topics
    this.#reportError = reportError
  }

  start(): void {
    this.#running ??= this.#run()
  }

  /** Takes note of a head as an append left it. */
  note(partition: PartitionId, head: Head, flushMs: number): void {
    const key = partitionKey(partition)
    const dueMs = flushDueMs(head, this.#ports.clock.nowMs(), flushMs)
    // What is on the list stays there: this head may be older than the one it was put there for.
    if (dueMs === undefined) return
    const known = this.#pending.get(key)
    if (known && known.dueMs <= dueMs) return
    this.#pending.set(key, { partition, flushMs, dueMs })
    this.#wake.abort()
  }

  /** Stops the task and moves every inline byte of the store into objects. */
  async close(): Promise<void> {
    this.#closing.abort()
    this.#wake.abort()
    await this.#running
    for await (const batch of inGroups(this.#everyPartition(), FLUSH_PARTITIONS_MAX)) {
      await this.#flushAll(batch.map(({ partition }) => partition))
    }
  }

  async #flushAll(partitions: readonly PartitionId[]): Promise<void> {
    const deadlineMs = this.#ports.clock.nowMs() + PRODUCE_DEADLINE_MS
    let left = partitions
    // A block that somebody else has put may take less than all; others may be producing, so not for ever.
    for (let round = 0; round < FLUSH_ALL_ROUNDS && left.length > 0; round += 1) {
      const requests = left.map(partition => ({ partition, age: 'all' as const }))
      try {
        const heads = await retryUntil(this.#ports, deadlineMs, 'no', () => flush(this.#ports, requests))
        left = left.filter((_, index) => {
          const head = heads[index]
          return head !== undefined && countToFlush(head, 'all') > 0
        })
      } catch (error) {
        if (left.length === 1 || error instanceof TidemarkError) {
          // What stays inline is as durable as in an object; the next broker goes on with it.
          this.#reportError(error)
          return
        }
        for (const partition of left) await this.#flushAll([partition])
        return
      }
    }
  }

  async #run(): Promise<void> {
    let scanAtMs = this.#ports.clock.nowMs()
    let failures = 0
    while (!this.#closing.signal.aborted) {
      this.#wake = new AbortController()
      const { clock, entropy } = this.#ports
      try {
        if (clock.nowMs() >= scanAtMs) {
          scanAtMs = clock.nowMs() + FLUSH_SCAN_INTERVAL_MS
          await this.#scan()
        }
        await this.#flushDue()
        failures = 0
      } catch (error) {
        // Nothing is lost by a flush that fails: its records stay inline, and the next one tries again.
        if (!isTransient(error)) this.#reportError(error)
        failures += 1
        scanAtMs = Math.min(scanAtMs, clock.nowMs() + backoffMs(failures + 5, entropy))
      }
      const nextMs = Math.min(scanAtMs, ...[...this.#pending.values()].map(({ dueMs }) => dueMs))
      const pauseMs = Math.max(nextMs - clock.nowMs(), failures > 0 ? backoffMs(failures, entropy) : 0)
      if (pauseMs > 0) await clock.sleep(pauseMs, this.#wake.signal)
      else await clock.turn()
    }
  }

  async #flushDue(): Promise<void> {
    const nowMs = this.#ports.clock.nowMs()
    const due = [...this.#pending.values()]
      .filter(({ dueMs }) => dueMs <= nowMs)
      .slice(0, FLUSH_PARTITIONS_MAX)
    if (due.length === 0) return
    try {
      await this.#flushTogether(due, nowMs)
    } catch (error) {
      if (isTransient(error)) throw error
      // One of them is damaged, or meets a defect: the others must not wait for it.
      for (const pending of due) await this.#flushAlone(pending, nowMs)
    }
  }

  async #flushTogether(due: readonly Pending[], nowMs: number): Promise<void> {
    // Forgotten before the flush: what an append notes meanwhile must not be lost.
    for (const { partition } of due) this.#pending.delete(partitionKey(partition))
    try {
      const requests = due.map(({ partition, flushMs }) => ({ partition, age: { nowMs, flushMs } }))
      const heads = await flush(this.#ports, requests)
      for (const [index, { partition, flushMs }] of due.entries()) {
        const head = heads[index]
        if (head) this.note(partition, head, flushMs)
      }
    } catch (error) {
      for (const pending of due) {
        const key = partitionKey(pending.partition)
        if (!this.#pending.has(key)) this.#pending.set(key, pending)
      }
      throw error
    }
  }

  async #flushAlone(pending: Pending, nowMs: number): Promise<void> {
    try {
      await this.#flushTogether([pending], nowMs)
    } catch (error) {
      if (isTransient(error)) throw error
      this.#reportError(error)
      this.#pending.set(partitionKey(pending.partition), { ...pending, dueMs: nowMs + DEFECT_PAUSE_MS })
    }
  }

  async #scan(): Promise<void> {
    for await (const { partition, flushMs } of this.#everyPartition()) {
      if (this.#closing.signal.aborted) return
      try {
        const head = await this.#ports.index.readHead(partition)
        if (head) this.note(partition, head, flushMs)
      } catch (error) {
        if (isTransient(error)) throw error
        this.#reportError(error)
      }
    }
  }

  async *#everyPartition(): AsyncGenerator<{ partition: PartitionId; flushMs: number }> {
    for await (const topic of this.#topics.list()) {
      for (let partition = 0; partition < topic.partitions; partition += 1) {
        yield { partition: { topicId: topic.topicId, partition }, flushMs: topic.settings.flushMs }
      }
    }
  }
}

async function* inGroups<T>(items: AsyncIterable<T>, size: number): AsyncGenerator<T[]> {
  let group: T[] = []
  for await (const item of items) {
    group.push(item)
    if (group.length < size) continue
    yield group
    group = []
  }
  if (group.length > 0) yield group
}
