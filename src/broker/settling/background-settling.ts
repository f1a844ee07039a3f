import {
  FLUSH_FAILED_PAUSE_MS,
  MAINTENANCE_WAKE_MS,
  SETTLING_BACKLOG_SEGMENTS_MAX,
  SETTLING_PAUSES,
} from '../../core/limits.ts'
import type { Head } from '../../core/log/head.ts'
import { backlogBytes, settlingDue } from '../../core/log/settled/plan-roll.ts'
import { type PartitionId, partitionKey } from '../../core/topic/partition-id.ts'
import { workBeside } from '../../core/turns.ts'
import type { Ports } from '../../ports/index.ts'
import type { Topic } from '../topics/topic-directory.ts'
import { type Budget, halfwayMs, TimeIsOver } from './budget.ts'
import type { Maintained, MaintainRequest, PartitionPlace, Progress } from './maintain.ts'
import type { SettlingSettings } from './settling-settings.ts'

export { settlingSettings } from './settling-settings.ts'

const LEASE = 'maintenance'
/** The longest pause after one piece: what took longer has waited for others, and not worked. */
const PAUSE_MS_MAX = 100
/** How long after its start a process looks for the first time. */
const FIRST_LOOK_MS = 60_000
/** How often it is looked at the soonest whether epochs, rounds and garbage want something. */
const LOOK_MS_MIN = 1_000

/** The longest pause before a partition is tried again that has failed. */
const FAILED_PAUSE_MS_MAX = 5 * 60_000
/** How often the time of a run is doubled for a partition that needs longer, one after the other. */
const LONGER_RUNS_MAX = 3
/** How long a partition is left in which a visit found nothing to be rolled. */
const REST_MS = 5_000

interface Pending {
  readonly partition: PartitionId
  readonly entries: number
  readonly isUrgent: boolean
  /** How often it has failed in a row. */
  readonly failures: number
  /** How often in a row the time was over in its midst. */
  readonly overs: number
  readonly fromMs: number
}

/** What a run may take. */
type Share = Pick<Pending, 'isUrgent' | 'overs'>

/**
 * The background task that has the logs of a store settle, beside traffic and in no hurry: one partition at a time, a piece at a
 * time, with pauses between them that leave most of the processor to others, unless too much waits. It learns of work from the
 * appends of this process and from whoever looks through all heads. Of several processes on one store one does it.
 */
export class BackgroundSettling {
  readonly #ports: Ports
  readonly #settings: SettlingSettings
  readonly #reportError: (error: unknown) => void
  readonly #holder: string
  readonly #pending = new Map<string, Pending>()
  /** Entries that this process has appended since a partition was last on its list. */
  readonly #entries = new Map<string, number>()
  /** Until when each is left that had nothing to be rolled. */
  readonly #rests = new Map<string, number>()
  readonly #closing = new AbortController()
  #wake = new AbortController()
  #leaseUntilMs = 0
  #lookAtMs: number
  /** Where the last look was broken off. */
  #lookFrom: PartitionPlace | undefined
  #running: Promise<void> | undefined

  constructor(ports: Ports, settings: SettlingSettings, reportError: (error: unknown) => void) {
    this.#ports = ports
    this.#settings = settings
    this.#reportError = reportError
    this.#holder = ports.entropy.id()
    // Soon: a process may not live for as long as it would take otherwise.
    this.#lookAtMs = ports.clock.monotonicMs() + Math.min(this.#lookIntervalMs, FIRST_LOOK_MS)
  }

  start(): void {
    this.#running ??= this.#run()
  }

  /** Takes note of a head as an append of this process left it. */
  noteAppend(partition: PartitionId, head: Head): void {
    const key = partitionKey(partition)
    const entries = (this.#entries.get(key) ?? 0) + 1
    this.#entries.set(key, entries)
    // By bytes only now and then: most appends are far from anything.
    this.#note(partition, key, head, Number.POSITIVE_INFINITY, entries)
  }

  /** Takes note of a log that starts later than it did. */
  noteStart(partition: PartitionId): void {
    const key = partitionKey(partition)
    if (this.#pending.has(key)) return
    this.#pending.set(key, {
      partition,
      entries: 0,
      isUrgent: false,
      failures: 0,
      overs: 0,
      fromMs: this.#ports.clock.monotonicMs(),
    })
    this.#wake.abort()
  }

  /** Takes note of a head that somebody has read, of a topic that he knows. */
  noteHead(topic: Topic, partition: PartitionId, head: Head): void {
    const key = partitionKey(partition)
    this.#note(partition, key, head, topic.settings.segmentBytes, this.#entries.get(key) ?? 0)
  }

  /** Stops where it is: what is half done is gone on with by the next process. */
  async close(): Promise<void> {
    this.#closing.abort()
    this.#wake.abort()
    await this.#running
  }

  #note(partition: PartitionId, key: string, head: Head, segmentBytes: number, entries: number): void {
    // Entries of the tail are no blocks yet, and nothing is rolled of them.
    if (head.tailOffset === head.settled.settledOffset && head.startOffset <= head.settled.firstOffset) return
    if (this.#pending.has(key) || this.#isResting(key)) return
    const { clock } = this.#ports
    const rules = { segmentBytes, nowMs: clock.nowMs(), epochsBelow: 0, entries, limits: this.#settings }
    if (settlingDue(head, rules) === undefined) return
    const segments = backlogBytes(head) / Math.min(segmentBytes, this.#settings.rollBytes)
    const isUrgent = segments > SETTLING_BACKLOG_SEGMENTS_MAX
    this.#entries.delete(key)
    const fromMs = clock.monotonicMs()
    this.#pending.set(key, { partition, entries, isUrgent, failures: 0, overs: 0, fromMs })
    this.#wake.abort()
  }

  #isResting(key: string): boolean {
    const untilMs = this.#rests.get(key)
    if (untilMs === undefined) return false
    if (untilMs > this.#ports.clock.monotonicMs()) return true
    this.#rests.delete(key)
    return false
  }

  async #run(): Promise<void> {
    const { clock } = this.#ports
    while (!this.#closing.signal.aborted) {
      this.#wake = new AbortController()
      const nowMs = clock.monotonicMs()
      const next = [...this.#pending.values()].find(({ fromMs }) => fromMs <= nowMs)
      let pauseMs = 0
      const isLookDue = nowMs >= this.#lookAtMs
      if (!next && !isLookDue) {
        pauseMs = this.#lookAtMs - nowMs
        for (const { fromMs } of this.#pending.values()) pauseMs = Math.min(pauseMs, fromMs - nowMs)
      } else if (!(await this.#hasLease())) {
        pauseMs = Math.min(MAINTENANCE_WAKE_MS, this.#settings.leaseMs)
      } else if (isLookDue) {
        await this.#look()
      } else {
        await this.#settle(next!)
      }
      if (pauseMs > 0) await clock.sleep(pauseMs, this.#wake.signal)
      else await clock.turn()
    }
  }

  /**
   * What no append tells of: epochs, garbage, and what expires in logs to which nobody writes. One that needs longer than there
   * is time gets a run of its own, and the next look goes on behind it.
   */
  async #look(): Promise<void> {
    const request = { upkeep: true, from: this.#lookFrom }
    const maintained = await this.#maintain(request, { isUrgent: false, overs: 0 })
    const { goesOnAt, halfDone } = maintained ?? {}
    if (halfDone) this.noteStart(halfDone)
    this.#lookFrom = goesOnAt && halfDone ? { ...goesOnAt, partition: goesOnAt.partition + 1 } : goesOnAt
    // Where it was broken off before any visit, too: a partition may have taken all of a round's time.
    const isDone = maintained?.isDone ?? true
    this.#lookAtMs = this.#ports.clock.monotonicMs() + (isDone ? this.#lookIntervalMs : LOOK_MS_MIN)
  }

  async #settle({ partition, entries, isUrgent, failures, overs }: Pending): Promise<void> {
    const key = partitionKey(partition)
    // Forgotten before: what an append notes meanwhile must not be lost.
    this.#pending.delete(key)
    const request = { partitions: [partition], entries: new Map([[key, entries]]), upkeep: false }
    const maintained = await this.#maintain(request, { isUrgent, overs })
    if (maintained?.isDone && maintained.failed.length === 0) {
      // What is due may be too young still: whoever appends says so each time.
      if (maintained.rolledBytes === 0) this.#rests.set(key, this.#ports.clock.monotonicMs() + REST_MS)
      return
    }
    // Its time was over: it goes on at once, for longer.
    const isFailed = !maintained || maintained.failed.length > 0
    const pauseMs = isFailed ? Math.min(FLUSH_FAILED_PAUSE_MS * 2 ** failures, FAILED_PAUSE_MS_MAX) : 0
    const fromMs = this.#ports.clock.monotonicMs() + pauseMs
    const now = isFailed ? { failures: failures + 1, overs: 0 } : { failures: 0, overs: overs + 1 }
    this.#pending.set(key, { partition, entries, isUrgent, ...now, fromMs })
  }

  async #maintain(request: MaintainRequest, share: Share): Promise<Maintained | undefined> {
    const report = (progress: Progress) => {
      if (progress.kind === 'failed' || progress.kind === 'trouble') this.#reportError(progress.error)
    }
    try {
      // Not before something is due: it is more to load than all the rest, and many processes end sooner.
      const { maintain } = await workBeside(import('./maintain.ts'))
      return await maintain(this.#ports, this.#settings, request, this.#budget(share), report)
    } catch (error) {
      this.#reportError(error)
      return undefined
    }
  }

  /**
   * Half of a lease's time for each run, and longer where that did not suffice: whoever comes next goes on, this process if it
   * still has the lease.
   */
  #budget({ isUrgent, overs }: Share): Budget {
    const { clock } = this.#ports
    const closing = this.#closing.signal
    let sinceMs = clock.monotonicMs()
    const untilMs = sinceMs + (this.#settings.leaseMs / 2) * 2 ** Math.min(overs, LONGER_RUNS_MAX)
    return {
      ...(overs >= LONGER_RUNS_MAX && { mapUntilMs: halfwayMs(clock, untilMs) }),
      get deadlineMs() {
        return closing.aborted ? Number.NEGATIVE_INFINITY : untilMs
      },
      pace: async () => {
        if (closing.aborted) throw new TimeIsOver('this process is about to end')
        if (!(await this.#hasLease())) throw new TimeIsOver('another process does the work')
        const tookMs = clock.monotonicMs() - sinceMs
        const pauseMs = isUrgent ? 0 : Math.min(tookMs * SETTLING_PAUSES, PAUSE_MS_MAX)
        if (pauseMs > 0) await clock.sleep(pauseMs, closing)
        else await clock.turn()
        sinceMs = clock.monotonicMs()
      },
    }
  }

  async #hasLease(): Promise<boolean> {
    const { clock, upkeep } = this.#ports
    const { leaseMs } = this.#settings
    // A run may take half of it, so that it lasts for one that begins just before it is renewed.
    if (clock.monotonicMs() < this.#leaseUntilMs - leaseMs / 2) return true
    const nowMs = clock.nowMs()
    const askedMs = clock.monotonicMs()
    try {
      const untilMs = nowMs + leaseMs
      if (!(await upkeep.takeLease(LEASE, this.#holder, nowMs, untilMs))) return false
      this.#leaseUntilMs = askedMs + leaseMs
      return true
    } catch (error) {
      this.#reportError(error)
      return false
    }
  }

  get #lookIntervalMs(): number {
    const { advanceMs, graceMs, roundMs } = this.#settings
    return Math.max(LOOK_MS_MIN, Math.min(advanceMs, graceMs, roundMs))
  }
}
