import { type FlushRequest, flush } from '../../src/broker/settling/flush.ts'
import type { SettlingSettings } from '../../src/broker/settling/settling-settings.ts'
import { isTransient } from '../../src/broker/store-calls/retry.ts'
import { TopicDirectory } from '../../src/broker/topics/topic-directory.ts'
import { FLUSH_DEADLINE_MS, FLUSH_PARTITIONS_MAX } from '../../src/core/limits.ts'
import type { Head } from '../../src/core/log/head.ts'
import { countToFlush } from '../../src/core/log/tail.ts'
import { transactionCalls } from '../../src/core/maintenance-call.ts'
import type { PartitionId } from '../../src/core/topic/partition-id.ts'
import type { MaintenanceWakes } from '../../src/ports/maintenance-wakes.ts'
import { deadlineMsOf, type EventFunction } from '../runtime/invocation.ts'
import type { Service } from '../runtime/service.ts'
import { changedIn, isStreamEvent, type StreamEvent } from '../runtime/table-stream.ts'
import { SettlingLook } from './settling-look.ts'

/** How often a partition is taken up again of which something was left; others may be producing, so not for ever. */
const ROUNDS = 3

const SCAN_UNFINISHED = 'The look through all heads did not get to the end in time; the next one begins anew'

/**
 * A batch of the table's stream names the partitions to flush; what is in it beside their keys may be out of date,
 * and is not looked at: the heads decide. Anything else is the schedule's call, which looks through all heads for
 * what nobody has flushed.
 */
export function makeFlushFunction(
  service: Service,
  settings: SettlingSettings,
  wakes: MaintenanceWakes,
): EventFunction {
  const { ports, telemetry } = service
  const look = new SettlingLook(ports, settings, wakes)
  const directory = new TopicDirectory(ports.topics, ports.clock)

  return async (event, context) => {
    const work = new FlushWork(service, look, wakes, deadlineMsOf(context, ports.clock))
    await telemetry.trace('flush', async () => {
      if (isStreamEvent(event)) await work.flushChanged(event)
      else await work.scan(directory)
      await work.wake(isStreamEvent(event) ? 'due' : 'all')
    })
    work.report(context.awsRequestId, isStreamEvent(event) ? 'stream' : 'schedule')
    // Thrown at the end: Lambda brings the batch again, and by then the others are done.
    if (work.transient !== undefined) throw work.transient
  }
}

/** What one invocation does and counts. */
class FlushWork {
  /** Of a failure that another try may get over. */
  transient: unknown
  readonly #service: Service
  readonly #look: SettlingLook
  readonly #wakes: MaintenanceWakes
  readonly #deadlineMs: number
  #flushed = 0
  #failures = 0
  #unknown = 0
  #unfinished = 0
  #woken = 0
  #upkeep = 'none'
  #unsettled = 0
  /** Ids of topics that have a partition without a head. */
  readonly #headless = new Set<string>()

  constructor(service: Service, look: SettlingLook, wakes: MaintenanceWakes, deadlineMs: number) {
    this.#service = service
    this.#look = look
    this.#wakes = wakes
    this.#deadlineMs = deadlineMs
  }

  async flushChanged(event: StreamEvent): Promise<void> {
    const { partitions, transactions } = changedIn(event, record => {
      this.#unknown += 1
      this.#service.telemetry.warn('A record of the stream names no head; it is passed over', { record })
    })
    for (let start = 0; start < partitions.length; start += FLUSH_PARTITIONS_MAX) {
      const some = partitions.slice(start, start + FLUSH_PARTITIONS_MAX)
      await this.#flushGroup(some.map(partition => ({ partition, age: 'all' })))
    }
    if (transactions.length > 0) await this.#handOn(transactions)
  }

  /** Most are over by now. Of one that was decided by somebody who is gone, nobody but this would hear. */
  async #handOn(transactions: readonly string[]): Promise<void> {
    try {
      await this.#wakes.wake(transactionCalls(transactions))
    } catch (error) {
      this.#fail(error, 'Transactions could not be handed on')
    }
  }

  /**
   * Looks through the heads of all topics and flushes those with entries past their age; then makes up for what crashes
   * have left of topics.
   */
  async scan(directory: TopicDirectory): Promise<void> {
    const { ports } = this.#service
    const { clock } = ports
    try {
      let group: FlushRequest[] = []
      for await (const { topicId, partitions, settings } of directory.list()) {
        for (let partition = 0; partition < partitions; partition += 1) {
          if (clock.monotonicMs() >= this.#deadlineMs) {
            this.#unfinished += 1
            this.#service.telemetry.warn(SCAN_UNFINISHED, {})
            return
          }
          const age = { nowMs: clock.nowMs(), flushMs: settings.flushMs }
          group.push({ partition: { topicId, partition }, age })
          if (group.length < FLUSH_PARTITIONS_MAX) continue
          await this.#flushGroup(group)
          group = []
        }
      }
      await this.#flushGroup(group)
      // Of the schedule alone: a batch of the stream need not load it.
      const { Topics } = await import('../../src/broker/topics/topics.ts')
      await new Topics(ports, directory).finishDeletions(this.#headless)
    } catch (error) {
      this.#fail(error, 'The look through all heads broke off')
    }
  }

  /** Has those logs settle whose heads say that something is due. What fails here is tried again with the next look. */
  async wake(what: 'due' | 'all'): Promise<void> {
    try {
      this.#woken = await this.#look.wakeForDue()
      if (what === 'due') return
      const { work, isLate } = await this.#look.wakeForUpkeep()
      this.#upkeep = work ?? 'none'
      if (!isLate) return
      this.#unsettled += 1
      this.#service.telemetry.error(
        'For days nobody has seen to epochs and garbage; is the maintain function broken?',
        {},
      )
    } catch (error) {
      this.#unsettled += 1
      this.#service.telemetry.error('Whoever maintains the store could not be called', { error })
    }
  }

  report(requestId: string, trigger: string): void {
    const failures = this.#failures + this.#unsettled
    this.#service.telemetry.publish({
      metrics: {
        Requests: 1,
        FlushedPartitions: this.#flushed,
        FlushFailures: this.#failures,
        ...(failures > 0 && { SettlingFailures: failures }),
        ...(this.#unknown > 0 && { UnknownStreamRecords: this.#unknown }),
        ...(this.#unfinished > 0 && { UnfinishedScans: this.#unfinished }),
      },
      details: {
        requestId,
        trigger,
        woken: this.#woken,
        upkeep: this.#upkeep,
        tableWrites: this.#service.takeTableWrites(),
      },
    })
  }

  /** Flushes partitions that share an object, again and again while something is left of some that is due. */
  async #flushGroup(group: readonly FlushRequest[]): Promise<void> {
    let left = group
    for (let round = 0; round < ROUNDS && left.length > 0; round += 1) left = await this.#flushOnce(left)
  }

  /** Tells of which partitions something is left that is due. */
  async #flushOnce(group: readonly FlushRequest[]): Promise<FlushRequest[]> {
    const { ports } = this.#service
    const deadlineMs = Math.min(ports.clock.monotonicMs() + FLUSH_DEADLINE_MS, this.#deadlineMs)
    const results = await flush(ports, group, deadlineMs)
    const read = group.flatMap(({ partition }, index) => {
      const result = results[index]!
      return result.status === 'fulfilled' && result.value ? [{ partition, head: result.value }] : []
    })
    await this.#lookAt(read)
    return group.filter((request, index) => {
      const result = results[index]!
      if (result.status === 'rejected') {
        this.#fail(result.reason, 'A partition could not be flushed, and stays inline for now', request)
        return false
      }
      if (result.value === undefined) {
        this.#headless.add(request.partition.topicId)
        return false
      }
      this.#flushed += 1
      return countToFlush(result.value, request.age) > 0
    })
  }

  async #lookAt(read: readonly { partition: PartitionId; head: Head }[]): Promise<void> {
    try {
      for (const { partition, head } of read) await this.#look.note(partition, head)
    } catch (error) {
      this.#unsettled += 1
      this.#service.telemetry.error('What is to be settled could not be looked up', { error })
    }
  }

  #fail(error: unknown, message: string, request?: FlushRequest): void {
    this.#failures += 1
    this.#service.telemetry.error(message, { error, ...request?.partition })
    // What is damaged or forbidden stays so: another try would only hold up the stream.
    if (isTransient(error) || (error instanceof Error && isTransient(error.cause))) this.transient = error
  }
}
