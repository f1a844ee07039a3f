import {
  OUTBOX_BATCH_BYTES_MAX,
  OUTBOX_CALL_DEADLINE_MS,
  OUTBOX_LANE_TRUSTED_MS,
  OUTBOX_MOVE_BYTES_MAX,
  OUTBOX_MOVE_ITEMS_MAX,
  OUTBOX_PARTITIONS_AT_ONCE,
  OUTBOX_PATIENCE_MS,
  OUTBOX_PATIENCE_POLL_MS,
} from '../../core/limits.ts'
import { decideMove, decidePark, type Lane, newLane } from '../../core/outbox/lane.ts'
import type { OutboxItem, Parking } from '../../core/outbox/outbox-item.ts'
import { settledItems } from '../../core/outbox/settled-items.ts'
import { type PartitionId, partitionKey, partitionsOf } from '../../core/topic/partition-id.ts'
import { fewAtATime } from '../store-calls/few-at-a-time.ts'
import { readAll } from '../store-calls/read-all.ts'
import { retryUntil } from '../store-calls/retry.ts'
import { type Carrying, carryOut } from './carry-out.ts'
import { planStep, type Step } from './plan-step.ts'

/** What a relay has done. */
export interface Relayed {
  /** Items that are in the log now, and the records in them. */
  readonly moved: number
  readonly records: number
  readonly parked: number
  /** How old the oldest of those was when it was in the log or aside, or of those that still wait: by two clocks, the writer's and this. */
  readonly lagMs: number
  /** Whether all that was there when it began is dealt with. */
  readonly isFinished: boolean
  /** Partitions that could not be worked on, and why. */
  readonly failed: readonly { readonly partition: PartitionId; readonly error: unknown }[]
}

interface RelayNews {
  moved(items: readonly OutboxItem[], records: number): void
  parked(items: readonly OutboxItem[], parking: Parking): void
}

/** Hears of items of a partition that were put aside, and why. */
export type ParkedListener = (partition: PartitionId, items: readonly OutboxItem[], parking: Parking) => void

/** A lane as this process knows it. */
interface KnownLane {
  readonly lane: Lane | undefined
  /** When it was read or put, by the monotonic clock. */
  readonly sinceMs: number
  /** Whether this process has decided what it does. */
  readonly isOwn: boolean
  /** Whether that is done, as far as this process knows. */
  readonly isDone: boolean
}

/** How many lanes a process remembers: what it forgets it reads. */
const LANES_REMEMBERED_MAX = 10_000

/**
 * Moves what waits in outboxes into the logs, each item once, and those of one writer in their order. Any number of relays may work
 * on a partition at a time; they agree by its lane (core/outbox/lane.ts), and none of them waits for another for long.
 */
export class Relay {
  readonly #carrying: Carrying
  readonly #onParked: ParkedListener
  readonly #known = new Map<string, KnownLane>()
  readonly #working = new Map<string, Promise<unknown>>()

  /** @param onParked hears of each item that was put aside */
  constructor(carrying: Carrying, onParked: ParkedListener = () => {}) {
    this.#carrying = carrying
    this.#onParked = onParked
  }

  /**
   * Moves what waits for these partitions. What comes while it works may be left for the next call: whoever puts an item has somebody
   * called after it.
   * @param deadlineMs when to begin nothing more, by the monotonic clock. Nothing throws: what failed is told, and is to be done again
   */
  async relay(partitions: readonly PartitionId[], deadlineMs: number): Promise<Relayed> {
    const { clock } = this.#carrying.ports
    const sum = { moved: 0, records: 0, parked: 0, lagMs: 0, isFinished: true }
    const failed: { partition: PartitionId; error: unknown }[] = []
    const noteAge = (items: readonly OutboxItem[]) => {
      const nowMs = clock.nowMs()
      for (const { createdMs } of items) {
        // Of one that says nothing of it nobody knows.
        if (createdMs > 0) sum.lagMs = Math.max(sum.lagMs, nowMs - createdMs)
      }
    }
    await fewAtATime(partitions, OUTBOX_PARTITIONS_AT_ONCE, async partition => {
      let waiting: readonly OutboxItem[] = []
      const news: RelayNews = {
        moved: (items, records) => {
          sum.moved += items.length
          sum.records += records
          noteAge(items)
        },
        parked: (items, parking) => {
          sum.parked += items.length
          noteAge(items)
          this.#onParked(partition, items, parking)
        },
      }
      try {
        waiting = await this.#inTurn(partition, () => this.#work(partition, deadlineMs, news))
      } catch (error) {
        failed.push({ partition, error })
        const { outboxes } = this.#carrying.ports
        waiting = await outboxes.waiting(partition, 1, 1).catch(() => [])
      }
      noteAge(waiting)
      if (waiting.length > 0) sum.isFinished = false
    })
    return { ...sum, failed, isFinished: sum.isFinished && failed.length === 0 }
  }

  /**
   * The partitions that have ever had something in their outboxes, as far as relays know; or all that there are, for what nobody has
   * been woken for and no relay has seen.
   * @throws TidemarkError
   */
  async partitions(which: 'known' | 'all', deadlineMs: number): Promise<PartitionId[]> {
    const { ports } = this.#carrying
    const found = new Map<string, PartitionId>()
    const add = (partition: PartitionId) => found.set(partitionKey(partition), partition)
    for (const partition of await readAll(ports, deadlineMs, () => ports.outboxes.lanes())) add(partition)
    if (which === 'all') {
      const topics = await readAll(ports, deadlineMs, () => ports.topics.list())
      for (const topic of topics) if (topic.state === 'live') partitionsOf(topic).forEach(add)
    }
    return [...found.values()]
  }

  /** One at a time of a partition, in this process: more would only get in each other's way. */
  async #inTurn<T>(partition: PartitionId, work: () => Promise<T>): Promise<T> {
    const key = partitionKey(partition)
    const before = this.#working.get(key)
    const mine = (before ?? Promise.resolve()).then(work, work)
    const settled = mine.then(
      () => {},
      () => {},
    )
    this.#working.set(key, settled)
    try {
      return await mine
    } finally {
      if (this.#working.get(key) === settled) this.#working.delete(key)
    }
  }

  /** Tells what still waits, as far as it has looked. */
  async #work(partition: PartitionId, untilMs: number, news: RelayNews): Promise<readonly OutboxItem[]> {
    const { ports } = this.#carrying
    // The lane before the items: what was decided since, a condition refuses.
    let known = await this.#laneOf(partition, untilMs)
    let first = await this.#waiting(partition, untilMs)
    while (ports.clock.monotonicMs() < untilMs) {
      if (known.lane?.doing && (await this.#isUndone(partition, known, first, untilMs))) {
        known = await this.#finish(partition, known, undefined, untilMs, news)
        first = await this.#waiting(partition, untilMs)
        continue
      }
      if (first.length === 0) return first
      const second = await this.#waiting(partition, untilMs)
      const items = settledItems(first, second)
      first = second
      if (items.length === 0) continue
      const step = await planStep(
        ports,
        this.#carrying.directory,
        partition,
        items,
        this.#callDeadlineMs(untilMs),
      )
      if (step.kind === 'wait') {
        if (!known.lane) await this.#beginLane(partition, untilMs)
        return second
      }
      const decided = await this.#decide(partition, known, step, untilMs)
      known = decided.known
      if (!decided.isMine) {
        first = await this.#waiting(partition, untilMs)
        continue
      }
      known = await this.#finish(partition, known, step.items, untilMs, news)
      const done = new Set(step.items.map(({ key }) => key))
      first = second.filter(({ key }) => !done.has(key))
      if (!known.isDone || (first.length === 0 && isCutOff(second)))
        first = await this.#waiting(partition, untilMs)
      if (first.length === 0 && step.kind === 'park') await this.#dropLane(partition, known, untilMs)
    }
    return first
  }

  /** One that has decided nothing: so that whoever looks at what is known looks here, too, when nobody is called any more. */
  async #beginLane(partition: PartitionId, untilMs: number): Promise<void> {
    const { entropy } = this.#carrying.ports
    await this.#put(partition, { ...newLane(entropy.id()), version: entropy.id() }, undefined, untilMs)
  }

  /** Puts the lane's next version. `isMine`: it stands, and what it does is this. */
  async #decide(
    partition: PartitionId,
    { lane }: KnownLane,
    step: Exclude<Step, { kind: 'wait' }>,
    untilMs: number,
  ): Promise<{ known: KnownLane; isMine: boolean }> {
    const { entropy, clock } = this.#carrying.ports
    const before = lane ?? newLane(entropy.id())
    const version = entropy.id()
    const keys = step.items.map(({ key }) => key)
    const nowMs = clock.nowMs()
    const next =
      step.kind === 'move'
        ? decideMove(before, version, { keys, records: step.records }, nowMs)
        : decidePark(before, version, keys, step.parking, nowMs)
    return await this.#put(partition, next, lane?.version, untilMs)
  }

  async #put(
    partition: PartitionId,
    next: Lane,
    expected: string | undefined,
    untilMs: number,
  ): Promise<{ known: KnownLane; isMine: boolean }> {
    // The very same put, however often: an earlier try of it that lands late is this one.
    const standing = await this.#settle(untilMs, () =>
      this.#carrying.ports.outboxes.putLane(partition, next, expected),
    )
    const isMine = standing?.version === next.version
    return { known: this.#remember(partition, standing, isMine), isMine }
  }

  /** Carries out what the lane has decided, and tells how the lane stands then. */
  async #finish(
    partition: PartitionId,
    known: KnownLane,
    inHand: readonly OutboxItem[] | undefined,
    untilMs: number,
    news: RelayNews,
  ): Promise<KnownLane> {
    const { clock } = this.#carrying.ports
    const lane = known.lane!
    const done = await carryOut(this.#carrying, partition, lane, inHand, {
      deadlineMs: this.#callDeadlineMs(untilMs),
      isTrusted: () => clock.monotonicMs() - known.sinceMs <= OUTBOX_LANE_TRUSTED_MS,
    })
    if (done.kind === 'instead') return (await this.#put(partition, done.lane, lane.version, untilMs)).known
    if (done.kind === 'passed') return await this.#readLane(partition, untilMs)
    if (done.moved.length > 0) news.moved(done.moved, done.records)
    if (done.parked.length > 0 && lane.doing?.kind === 'park') news.parked(done.parked, lane.doing)
    return this.#remember(partition, lane, known.isOwn, true)
  }

  /**
   * Whether something that the lane has decided is not done. Where another relay has, and may be about to do it, it waits for that:
   * not for long, since that one may have died.
   */
  async #isUndone(
    partition: PartitionId,
    known: KnownLane,
    items: readonly OutboxItem[],
    untilMs: number,
  ): Promise<boolean> {
    if (known.isDone) return false
    const { clock, outboxes } = this.#carrying.ports
    const [firstKey] = known.lane!.doing!.keys
    const isThere = async () =>
      (await this.#settle(untilMs, () => outboxes.find(partition, [firstKey!]))).length > 0
    const isSeen = items.some(({ key }) => key === firstKey)
    // Whatever sorts before the last of them would have been seen.
    const isCovered = items.length === 0 || firstKey! <= items.at(-1)!.key
    if (!isSeen && (isCovered || !(await isThere()))) return false
    const patientUntilMs = clock.monotonicMs() + (known.isOwn ? 0 : OUTBOX_PATIENCE_MS)
    while (clock.monotonicMs() < patientUntilMs) {
      await clock.sleep(OUTBOX_PATIENCE_POLL_MS)
      if (!(await isThere())) return false
    }
    return true
  }

  /** Of a partition that is gone nothing is left to be agreed on. */
  async #dropLane(partition: PartitionId, { lane }: KnownLane, untilMs: number): Promise<void> {
    const { outboxes, index } = this.#carrying.ports
    const head = await this.#settle(untilMs, () => index.readHead(partition))
    if (head || !lane) return
    this.#known.delete(partitionKey(partition))
    await this.#settle(untilMs, () => outboxes.removeLane(partition, lane.version))
  }

  #waiting(partition: PartitionId, untilMs: number): Promise<OutboxItem[]> {
    return this.#settle(untilMs, () =>
      this.#carrying.ports.outboxes.waiting(partition, OUTBOX_MOVE_ITEMS_MAX, OUTBOX_MOVE_BYTES_MAX),
    )
  }

  async #laneOf(partition: PartitionId, untilMs: number): Promise<KnownLane> {
    const known = this.#known.get(partitionKey(partition))
    const { clock } = this.#carrying.ports
    const isFresh = known && clock.monotonicMs() - known.sinceMs <= OUTBOX_LANE_TRUSTED_MS
    return isFresh ? known : await this.#readLane(partition, untilMs)
  }

  async #readLane(partition: PartitionId, untilMs: number): Promise<KnownLane> {
    const sinceMs = this.#carrying.ports.clock.monotonicMs()
    const lane = await this.#settle(untilMs, () => this.#carrying.ports.outboxes.readLane(partition))
    return this.#remember(partition, lane, false, false, sinceMs)
  }

  #remember(
    partition: PartitionId,
    lane: Lane | undefined,
    isOwn: boolean,
    isDone = false,
    sinceMs = this.#carrying.ports.clock.monotonicMs(),
  ): KnownLane {
    const known = { lane, sinceMs, isOwn, isDone }
    if (this.#known.size >= LANES_REMEMBERED_MAX) this.#known.clear()
    this.#known.set(partitionKey(partition), known)
    return known
  }

  #callDeadlineMs(untilMs: number): number {
    const { clock } = this.#carrying.ports
    // What is begun just before the end may take some of its time all the same.
    return Math.max(clock.monotonicMs() + 1, Math.min(untilMs, clock.monotonicMs() + OUTBOX_CALL_DEADLINE_MS))
  }

  #settle<T>(untilMs: number, step: () => Promise<T>): Promise<T> {
    return retryUntil(this.#carrying.ports, this.#callDeadlineMs(untilMs), 'unknown', step)
  }
}

/** Whether there may be more than was looked at. */
function isCutOff(items: readonly OutboxItem[]): boolean {
  const bytes = items.reduce((sum, { batch }) => sum + batch.length, 0)
  return items.length === OUTBOX_MOVE_ITEMS_MAX || bytes > OUTBOX_MOVE_BYTES_MAX - OUTBOX_BATCH_BYTES_MAX
}
