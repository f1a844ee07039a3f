import { type Budget, halfwayMs } from '../../src/broker/settling/budget.ts'
import {
  type Maintained,
  type MaintainRequest,
  maintain,
  type Progress,
} from '../../src/broker/settling/maintain.ts'
import type { SettlingSettings } from '../../src/broker/settling/settling-settings.ts'
import { EPOCHS_KEPT, MAINTENANCE_LEASE_MS, MAINTENANCE_WAKE_MS } from '../../src/core/limits.ts'
import {
  type MaintenanceCall,
  maintenanceLane,
  readMaintenanceCall,
} from '../../src/core/maintenance-call.ts'
import { type PartitionId, partitionKey, partitionsOf } from '../../src/core/topic/partition-id.ts'
import type { MaintenanceWakes } from '../../src/ports/maintenance-wakes.ts'
import { deadlineMsOf, type EventFunction } from '../runtime/invocation.ts'
import type { Service } from '../runtime/service.ts'
import { seeTo } from './transactions.ts'

/** Partitions that are gone through between two looks at the time, and at the lease. */
const PARTITIONS_AT_ONCE = 200

/**
 * Has logs settle, and deletes what nothing needs any more. An event is a MaintenanceCall. What its time does not suffice for, it
 * calls itself again for; of two runs of one lane the later one ends at once.
 */
export function makeMaintainFunction(
  service: Service,
  settings: SettlingSettings,
  wakes: MaintenanceWakes,
): EventFunction {
  const { ports, telemetry } = service
  return async (event, context) => {
    const call = readMaintenanceCall(event)
    if (!call) {
      // Another try would be no better.
      telemetry.error('The event is no call for maintenance; it is dropped', { event })
      return
    }
    const { transactions } = call
    if (transactions) {
      await telemetry.trace('maintain', () =>
        seeTo(service, transactions, deadlineMsOf(context, ports.clock)),
      )
      return
    }
    const run = new MaintenanceRun(service, settings, call, deadlineMsOf(context, ports.clock))
    if (!(await run.takeLease())) {
      telemetry.publish({
        metrics: { Requests: 1 },
        details: { requestId: context.awsRequestId, outcome: 'busy' },
      })
      return
    }
    const left = await telemetry.trace('maintain', () => run.work()).catch(error => run.fail(error))
    await run.giveLease()
    run.report(context.awsRequestId, left ? 'unfinished' : 'done')
    if (left) await wakes.wake([left])
  }
}

/** What one invocation does and counts. */
class MaintenanceRun {
  readonly #service: Service
  readonly #settings: SettlingSettings
  readonly #call: MaintenanceCall
  readonly #deadlineMs: number
  readonly #holder: string
  #leasedMs = Number.NEGATIVE_INFINITY
  #visited = 0
  #movedBytes = 0
  #rolledBytes = 0
  #mergedBytes = 0
  #backlogBytes = 0
  #deleted = 0
  #failures = 0
  /** Epochs behind the newest ones, which no round drains. */
  #undrained = 0

  constructor(service: Service, settings: SettlingSettings, call: MaintenanceCall, deadlineMs: number) {
    this.#service = service
    this.#settings = settings
    this.#call = call
    this.#deadlineMs = deadlineMs
    this.#holder = service.ports.entropy.id()
  }

  /** Tells whether nobody else works on the lane. It spares work in vain: two at a time would do no harm. */
  async takeLease(): Promise<boolean> {
    const { clock } = this.#service.ports
    this.#leasedMs = clock.monotonicMs()
    return await this.#lease(clock.nowMs() + MAINTENANCE_LEASE_MS)
  }

  async giveLease(): Promise<void> {
    const { telemetry } = this.#service
    // Nobody relies on it: without an answer it ends by itself.
    await this.#lease(0).catch(error => telemetry.warn('The lease could not be given back', { error }))
  }

  /** Does what is called for; tells what is left of it, where another run should go on at once. */
  async work(): Promise<MaintenanceCall | undefined> {
    const left = await this.#visitAll()
    if (left.length > 0) return this.#goingOn(left)
    // What is left of this, the next look through the heads finds.
    if (!this.#call.upkeep) return undefined
    await this.#run({ partitions: [], upkeep: true, leavesOffsets: this.#call.partitions !== 'all' })
    return undefined
  }

  /** Nothing calls it again: the next look does, and the alarm tells of it until that works. */
  fail(error: unknown): undefined {
    this.#failures += 1
    this.#service.telemetry.error('A run broke off', { error })
  }

  /** A run that found nothing to do tells nothing: a store in which nobody writes has one a day, and each metric has its price. */
  report(requestId: string, outcome: string): void {
    const counts = {
      RolledBytes: this.#rolledBytes,
      MergedBytes: this.#mergedBytes,
      BacklogBytes: this.#backlogBytes,
      DeletedObjects: this.#deleted,
      UndrainedEpochs: this.#undrained,
      SettlingFailures: this.#failures,
    }
    const done = Object.fromEntries(Object.entries(counts).filter(([, count]) => count > 0))
    if (outcome === 'done' && Object.keys(done).length === 0) return
    this.#service.telemetry.publish({
      metrics: { Requests: 1, ...done },
      details: {
        requestId,
        outcome,
        lane: this.#call.lane,
        partitions: this.#visited,
        tableWrites: this.#service.takeTableWrites(),
      },
    })
  }

  /** Tells which are left when the time is over. */
  async #visitAll(): Promise<readonly PartitionId[]> {
    const { partitions } = this.#call
    let left = partitions === 'all' ? await this.#partitionsOfLane() : partitions
    while (left.length > 0) {
      const before = this.#visited
      const some = left.slice(0, PARTITIONS_AT_ONCE)
      const { isDone } = await this.#run({ partitions: some, upkeep: false })
      left = left.slice(isDone ? some.length : this.#visited - before)
      if (!isDone) break
      await this.#renewLease()
    }
    return left
  }

  /** Those that the run before has left, in the order of their keys. */
  async #partitionsOfLane(): Promise<PartitionId[]> {
    const { lane, from } = this.#call
    const found: PartitionId[] = []
    for await (const topic of this.#service.ports.topics.list()) {
      if (topic.state !== 'live') continue
      found.push(...partitionsOf(topic).filter(each => maintenanceLane(each) === lane))
    }
    return found
      .filter(each => partitionKey(each) >= from)
      .sort((one, other) => (partitionKey(one) < partitionKey(other) ? -1 : 1))
  }

  /** undefined where it would be called for ever; the next look through the heads calls it again. */
  #goingOn(left: readonly PartitionId[]): MaintenanceCall | undefined {
    if (this.#visited === 0 && this.#movedBytes === 0) {
      this.#failures += 1
      this.#service.telemetry.error('A run got nowhere in all of its time', { ...left[0] })
      return undefined
    }
    if (this.#call.partitions !== 'all') return { ...this.#call, partitions: left }
    return { ...this.#call, from: partitionKey(left[0]!) }
  }

  async #run(request: MaintainRequest): Promise<Maintained> {
    const done = await maintain(this.#service.ports, this.#settings, request, this.#budget(), progress =>
      this.#note(progress),
    )
    this.#rolledBytes += done.rolledBytes
    this.#mergedBytes += done.mergedBytes
    this.#backlogBytes += done.backlogBytes
    this.#deleted += done.deletedObjects
    this.#failures += done.failed.length
    for (const { topic, partition, reason } of done.failed) {
      this.#service.telemetry.error('A partition does not settle', { topic, partition, reason })
    }
    return done
  }

  #note(progress: Progress): void {
    if (progress.kind === 'visited' || progress.kind === 'failed') this.#visited += 1
    if (progress.kind === 'round')
      this.#undrained = Math.max(0, progress.epoch - EPOCHS_KEPT - progress.drained)
    if (progress.kind !== 'trouble') return
    this.#failures += 1
    this.#service.telemetry.error('A part of the upkeep failed', { error: progress.error })
  }

  #budget(): Budget {
    const pace = async (bytes: number) => {
      this.#movedBytes += bytes
      await this.#renewLease()
    }
    const deadlineMs = this.#deadlineMs
    return { deadlineMs, mapUntilMs: halfwayMs(this.#service.ports.clock, deadlineMs), pace }
  }

  async #renewLease(): Promise<void> {
    if (this.#service.ports.clock.monotonicMs() - this.#leasedMs < MAINTENANCE_WAKE_MS) return
    // Without it somebody else may come to work on the lane, which does no harm.
    await this.takeLease().catch(error =>
      this.#service.telemetry.warn('The lease could not be renewed', { error }),
    )
  }

  async #lease(untilMs: number): Promise<boolean> {
    const { upkeep, clock } = this.#service.ports
    return await upkeep.takeLease(`maintenance#${this.#call.lane}`, this.#holder, clock.nowMs(), untilMs)
  }
}
