import {
  CLOSE_DEADLINE_MS,
  FLUSH_DEADLINE_MS,
  FLUSH_FAILED_PAUSE_MS,
  FLUSH_PARTITIONS_MAX,
  FLUSH_SCAN_INTERVAL_MS,
} from '../../core/limits.ts'
import type { Head } from '../../core/log/head.ts'
import { ageDueMs, countToFlush, crossesLimit, flushDueMs, SOFT_LIMIT } from '../../core/log/tail.ts'
import { type PartitionId, partitionKey, partitionsOf } from '../../core/topic/partition-id.ts'
import type { Ports } from '../../ports/index.ts'
import { inGroups } from '../store-calls/in-groups.ts'
import { retryUntil } from '../store-calls/retry.ts'
import type { Topic, TopicDirectory } from '../topics/topic-directory.ts'
import { flush } from './flush.ts'

/** How often the flush at the end looks whether something is left. */
const FLUSH_ALL_ROUNDS = 3
/** Without a reason, one is made each time, with a stack. */
const WOKEN = 'there is something to do'

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
export class BackgroundFlush {
  readonly #ports: Ports
  readonly #topics: TopicDirectory
  readonly #reportError: (error: unknown) => void
  readonly #onHead: (topic: Topic, partition: PartitionId, head: Head) => void
  readonly #pending = new Map<string, Pending>()
  readonly #closing = new AbortController()
  #wake = new AbortController()
  #running: Promise<void> | undefined

  /** @param onHead hears of each head that a scan has read */
  constructor(
    ports: Ports,
    topics: TopicDirectory,
    reportError: (error: unknown) => void,
    onHead: (topic: Topic, partition: PartitionId, head: Head) => void = () => {},
  ) {
    this.#ports = ports
    this.#topics = topics
    this.#reportError = reportError
    this.#onHead = onHead
  }

  start(): void {
    this.#running ??= this.#run()
  }

  /** Takes note of a head as an append of this process, of so many entries, left it. */
  noteAppend(partition: PartitionId, head: Head, flushMs: number, appended = 1): void {
    // Several processes may write to one partition. Only the one that made its tail too long has to cut it.
    if (crossesLimit(head, SOFT_LIMIT, appended)) this.#note(partition, head, flushMs)
    else this.#noteDue(partition, flushMs, nowMs => ageDueMs(head, nowMs, flushMs))
  }

  #note(partition: PartitionId, head: Head, flushMs: number): void {
    this.#noteDue(partition, flushMs, nowMs => flushDueMs(head, nowMs, flushMs))
  }

  /** @param findDueMs when it is due by the wall clock, by which entries are as old as they are */
  #noteDue(partition: PartitionId, flushMs: number, findDueMs: (nowMs: number) => number | undefined): void {
    const { clock } = this.#ports
    const nowMs = clock.nowMs()
    const wallDueMs = findDueMs(nowMs)
    // What is on the list stays there: this head may be older than the one it was put there for.
    if (wallDueMs === undefined) return
    const dueMs = clock.monotonicMs() + wallDueMs - nowMs
    const key = partitionKey(partition)
    const known = this.#pending.get(key)
    if (known && known.dueMs <= dueMs) return
    this.#pending.set(key, { partition, flushMs, dueMs })
    this.#wake.abort(WOKEN)
  }

  /**
   * Stops the task and moves every inline byte of the store into objects, as far as that can be done in a while.
   * What stays inline is as durable as in an object, and the next broker goes on with it.
   */
  async close(): Promise<void> {
    this.#closing.abort(WOKEN)
    this.#wake.abort(WOKEN)
    await this.#running
    const deadlineMs = this.#ports.clock.monotonicMs() + CLOSE_DEADLINE_MS
    try {
      for await (const group of inGroups(this.#everyPartition(), FLUSH_PARTITIONS_MAX)) {
        const failures = await this.#flushAll(group, deadlineMs)
        this.#report(failures)
        if (this.#ports.clock.monotonicMs() >= deadlineMs || this.#ports.refusal?.()) return
      }
    } catch (error) {
      this.#reportError(error)
    }
  }

  async #flushAll(partitions: readonly { partition: PartitionId }[], deadlineMs: number): Promise<unknown[]> {
    const failures: unknown[] = []
    let left = partitions
    // A block that somebody else has put may take less than all; others may be producing, so not for ever.
    for (let round = 0; round < FLUSH_ALL_ROUNDS && left.length > 0; round += 1) {
      const requests = left.map(({ partition }) => ({ partition, age: 'all' as const }))
      const results = await flush(this.#ports, requests, deadlineMs)
      left = left.filter((_, index) => {
        const result = results[index]!
        if (result.status === 'rejected') failures.push(result.reason)
        return result.status === 'fulfilled' && result.value && countToFlush(result.value, 'all') > 0
      })
    }
    return failures
  }

  async #run(): Promise<void> {
    const { clock } = this.#ports
    let scanAtMs = clock.monotonicMs()
    while (!this.#closing.signal.aborted) {
      this.#wake = new AbortController()
      if (clock.monotonicMs() >= scanAtMs) {
        scanAtMs =
          clock.monotonicMs() + ((await this.#scan()) ? FLUSH_SCAN_INTERVAL_MS : FLUSH_FAILED_PAUSE_MS)
      }
      await this.#flushDue()
      let nextMs = scanAtMs
      for (const { dueMs } of this.#pending.values()) nextMs = Math.min(nextMs, dueMs)
      const pauseMs = nextMs - clock.monotonicMs()
      if (pauseMs > 0) await clock.sleep(pauseMs, this.#wake.signal)
      else await clock.turn()
    }
  }

  async #flushDue(): Promise<void> {
    const { clock } = this.#ports
    const beganMs = clock.monotonicMs()
    const due = [...this.#pending.values()]
      .filter(({ dueMs }) => dueMs <= beganMs)
      .slice(0, FLUSH_PARTITIONS_MAX)
    if (due.length === 0) return
    // Forgotten before the flush: what an append notes meanwhile must not be lost.
    for (const { partition } of due) this.#pending.delete(partitionKey(partition))
    const nowMs = clock.nowMs()
    const requests = due.map(({ partition, flushMs }) => ({ partition, age: { nowMs, flushMs } }))
    const results = await flush(this.#ports, requests, beganMs + FLUSH_DEADLINE_MS)
    const failures: unknown[] = []
    for (const [index, { partition, flushMs }] of due.entries()) {
      const result = results[index]!
      if (result.status === 'fulfilled') {
        if (result.value) this.#note(partition, result.value, flushMs)
        continue
      }
      failures.push(result.reason)
      const dueMs = clock.monotonicMs() + FLUSH_FAILED_PAUSE_MS
      this.#pending.set(partitionKey(partition), { partition, flushMs, dueMs })
    }
    this.#report(failures)
  }

  /** Tells whether all heads could be looked at. */
  async #scan(): Promise<boolean> {
    let isWhole = true
    try {
      for await (const { topic, partition } of this.#everyPartition()) {
        if (this.#closing.signal.aborted) return true
        try {
          const deadlineMs = this.#ports.clock.monotonicMs() + FLUSH_DEADLINE_MS
          const read = () => this.#ports.index.readHead(partition)
          const head = await retryUntil(this.#ports, deadlineMs, 'no', read)
          if (!head) continue
          this.#note(partition, head, topic.settings.flushMs)
          this.#onHead(topic, partition, head)
        } catch (error) {
          // One that is damaged must not hide those after it.
          this.#reportError(error)
          isWhole = false
        }
      }
    } catch (error) {
      this.#reportError(error)
      isWhole = false
    }
    return isWhole
  }

  #report(failures: readonly unknown[]): void {
    const [first, second] = failures
    if (first === undefined) return
    if (second === undefined) {
      this.#reportError(first)
      return
    }
    const reason = first instanceof Error ? first.message : String(first)
    const message = `${failures.length} partitions could not be flushed, and stay inline for now: ${reason}`
    this.#reportError(new AggregateError(failures, message))
  }

  async *#everyPartition(): AsyncGenerator<{ topic: Topic; partition: PartitionId }> {
    for await (const topic of this.#topics.list()) {
      for (const partition of partitionsOf(topic)) yield { topic, partition }
    }
  }
}
