import type { TriggerName } from '../../contract/triggers.ts'
import { SWEEP_PARALLEL_MAX, TRIGGER_SEND_DEADLINE_MS } from '../../core/limits.ts'
import type { Head } from '../../core/log/head.ts'
import { type PartitionId, partitionKey, partitionsOf } from '../../core/topic/partition-id.ts'
import { laneOf } from '../../core/trigger/lane.ts'
import { decodeProgress } from '../../core/trigger/progress.ts'
import { type Trigger, triggerOwner } from '../../core/trigger/trigger.ts'
import type { Ports } from '../../ports/index.ts'
import type { LanedWakeUp, WakeUps } from '../../ports/wake-ups.ts'
import { fewAtATime } from '../store-calls/few-at-a-time.ts'
import { retryUntil } from '../store-calls/retry.ts'
import type { TopicDirectory } from '../topics/topic-directory.ts'
import { DispatcherTopics } from './dispatcher-topics.ts'

export interface Swept {
  readonly woken: number
  /** Partitions that were looked at, for each trigger. */
  readonly looked: number
  /** Whether the time sufficed for all. */
  readonly isFinished: boolean
}

/** All that a sweep keeps of a head, which can be large. */
type LogBounds = Pick<Head, 'startOffset' | 'nextOffset'>

/**
 * Wakes whoever delivers: what has changed at once, and now and then whatever is behind, whyever that is. It remembers
 * no triggers: one that is made or resumed just before an append must not miss it.
 */
export class Dispatcher {
  readonly #ports: Ports & { readonly wakeUps: WakeUps }
  readonly #directory: TopicDirectory
  readonly #topics: DispatcherTopics

  constructor(ports: Ports & { readonly wakeUps: WakeUps }, directory: TopicDirectory) {
    this.#ports = ports
    this.#directory = directory
    this.#topics = new DispatcherTopics(directory)
  }

  /**
   * Wakes the active triggers of partitions that have changed and in which their groups are behind, and each changed
   * trigger that is active for all its partitions. Resolves with their number once they are sent. A head changes without
   * an append, too: a flush cuts it, a deletion moves its start. Where a batch is failing, a wake-up waits for its next try
   * already, and whoever works on that looks at the log's end again once the batch is dealt with: others would only pile
   * up, and a queue looks a bounded number of messages ahead, past which those of other triggers would be.
   * @param occasion names the change: the same one may come several times, and every later one is another
   * @throws TidemarkError: bring the same change again
   */
  async wakeChanged(
    changed: { readonly partitions: readonly PartitionId[]; readonly triggers: readonly TriggerName[] },
    occasion: string,
  ): Promise<number> {
    const deadlineMs = this.#ports.clock.monotonicMs() + TRIGGER_SEND_DEADLINE_MS
    const wakeUps = new Map<string, LanedWakeUp>()
    const add = (trigger: Trigger, partition: PartitionId) => {
      wakeUps.set(`${trigger.triggerId}#${partitionKey(partition)}`, wakeUpOf(trigger, partition))
    }
    const active = await this.#activeTriggers(deadlineMs)
    const triggered = new Set(active.map(({ topic }) => topic))
    const topicIds = new Set(changed.partitions.map(({ topicId }) => topicId))
    const names = await this.#settle(deadlineMs, () => this.#topics.nameAll(topicIds, triggered))
    const grown = changed.partitions.flatMap(partition =>
      active
        .filter(({ topic }) => topic === names.get(partition.topicId))
        .map(trigger => ({ trigger, partition })),
    )
    const heads = new Map<string, Promise<LogBounds | undefined>>()
    const isWanted = (each: (typeof grown)[number]) => this.#isWanted(each, heads, deadlineMs)
    const wanted = await fewAtATime(grown, SWEEP_PARALLEL_MAX, isWanted)
    for (const [index, { trigger, partition }] of grown.entries()) {
      if (wanted[index]) add(trigger, partition)
    }
    for (const { groupId, topic } of changed.triggers) {
      const trigger = active.find(each => each.groupId === groupId && each.topic === topic)
      const partitions = trigger ? await this.#partitionsOf(trigger, deadlineMs) : []
      for (const partition of partitions) add(trigger!, partition)
    }
    return await this.#wake([...wakeUps.values()], occasion, deadlineMs)
  }

  /**
   * Wakes every active trigger for the partitions in which its group is behind. Begins somewhere else each time, so that
   * where the time does not suffice every trigger has its turn.
   * @param deadlineMs when to stop looking: by the clock's `monotonicMs`
   * @throws TidemarkError
   */
  async sweep(deadlineMs: number): Promise<Swept> {
    const { clock, entropy } = this.#ports
    // Of its own: one that comes twice is taken for a repetition, and a clock may tell a time twice.
    const occasion = `sweep-${entropy.id()}`
    const active = await this.#activeTriggers(deadlineMs)
    const first = Math.floor(entropy.fraction() * active.length)
    const heads = new Map<string, Promise<LogBounds | undefined>>()
    let woken = 0
    let looked = 0
    for (const trigger of [...active.slice(first), ...active.slice(0, first)]) {
      if (clock.monotonicMs() >= deadlineMs) return { woken, looked, isFinished: false }
      const partitions = await this.#partitionsOf(trigger, deadlineMs)
      const committed = partitions.length === 0 ? new Map() : await this.#committed(trigger, deadlineMs)
      for (let start = 0; start < partitions.length; start += SWEEP_PARALLEL_MAX) {
        if (clock.monotonicMs() >= deadlineMs) return { woken, looked, isFinished: false }
        const some = partitions.slice(start, start + SWEEP_PARALLEL_MAX)
        const behind = await Promise.all(
          some.map(async partition => {
            const head = await this.#readHead(partition, heads, deadlineMs)
            return isBehind(head, committed.get(partitionKey(partition))) ? [partition] : []
          }),
        )
        const wakeUps = behind.flat().map(partition => wakeUpOf(trigger, partition))
        // As soon as they are found: a sweep that dies has woken these. Its time may be over by now, but for one try.
        woken += await this.#wake(wakeUps, occasion, Math.max(deadlineMs, clock.monotonicMs() + 1))
        looked += some.length
      }
    }
    return { woken, looked, isFinished: true }
  }

  /**
   * Whether the trigger is behind, and has not noted down that it is at a batch that fails. Both are read after the
   * append, so that it is not missed.
   */
  async #isWanted(
    { trigger, partition }: { readonly trigger: Trigger; readonly partition: PartitionId },
    heads: Map<string, Promise<LogBounds | undefined>>,
    deadlineMs: number,
  ): Promise<boolean> {
    const { groupId, triggerId } = trigger
    const claim = await this.#settle(deadlineMs, () => this.#ports.groups.readClaim(groupId, partition))
    const committed = claim?.committed
    const isIts = claim?.owner === triggerOwner(triggerId)
    if (committed && isIts && decodeProgress(committed.metadata) !== null) return false
    try {
      return isBehind(await this.#readHead(partition, heads, deadlineMs), committed?.offset)
    } catch (error) {
      // A head that is damaged must not hold up the others; whoever is woken tells what is wrong with it.
      if (error instanceof RangeError) return true
      throw error
    }
  }

  #activeTriggers(deadlineMs: number): Promise<Trigger[]> {
    return this.#settle(deadlineMs, async () => {
      const active: Trigger[] = []
      for await (const trigger of this.#ports.triggers.triggers()) {
        if (trigger.state === 'active') active.push(trigger)
      }
      return active
    })
  }

  /** None, where the topic is gone. */
  async #partitionsOf({ topic }: Trigger, deadlineMs: number): Promise<PartitionId[]> {
    // As it is now: it may have grown, or be another one of this name.
    const found = await this.#settle(deadlineMs, () => this.#directory.find(topic))
    return found ? partitionsOf(found) : []
  }

  async #committed({ groupId }: Trigger, deadlineMs: number): Promise<Map<string, number>> {
    return await this.#settle(deadlineMs, async () => {
      const offsets = new Map<string, number>()
      for await (const claim of this.#ports.groups.claims(groupId)) {
        if (claim.committed) offsets.set(partitionKey(claim), claim.committed.offset)
      }
      return offsets
    })
  }

  /** Once for all triggers on a topic. */
  #readHead(
    partition: PartitionId,
    heads: Map<string, Promise<LogBounds | undefined>>,
    deadlineMs: number,
  ): Promise<LogBounds | undefined> {
    const key = partitionKey(partition)
    const known = heads.get(key)
    if (known) return known
    const bounds = this.#settle(deadlineMs, async () => {
      const head = await this.#ports.index.readHead(partition)
      return head && { startOffset: head.startOffset, nextOffset: head.nextOffset }
    })
    heads.set(key, bounds)
    return bounds
  }

  async #wake(wakeUps: readonly LanedWakeUp[], occasion: string, deadlineMs: number): Promise<number> {
    if (wakeUps.length === 0) return 0
    // Of unknown outcome is as good as not sent: one too many finds nothing to do.
    await this.#settle(deadlineMs, () => this.#ports.wakeUps.wake(wakeUps, occasion))
    return wakeUps.length
  }

  #settle<T>(deadlineMs: number, step: () => Promise<T>): Promise<T> {
    return retryUntil(this.#ports, deadlineMs, 'unknown', step)
  }
}

/** Whether there is anything behind what is committed. */
function isBehind(head: LogBounds | undefined, committed: number | undefined): boolean {
  return head !== undefined && head.nextOffset > Math.max(committed ?? 0, head.startOffset)
}

function wakeUpOf({ triggerId, groupId, topic, settings }: Trigger, partition: PartitionId): LanedWakeUp {
  return { triggerId, groupId, topic, partition, lane: laneOf(settings, partition.partition) }
}
