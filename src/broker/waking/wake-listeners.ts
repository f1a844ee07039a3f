import { SWEEP_PARALLEL_MAX, WAKE_DEADLINE_MS } from '../../core/limits.ts'
import type { Head } from '../../core/log/head.ts'
import { toOffset } from '../../core/numbers.ts'
import type { PartitionId } from '../../core/topic/partition-id.ts'
import { type Changed, planPosts } from '../../core/waking/posts.ts'
import { pushedFrom } from '../../core/waking/pushed.ts'
import type { Ports } from '../../ports/index.ts'
import type { ListenerStore } from '../../ports/listener-store.ts'
import type { WakePosts } from '../../ports/wake-posts.ts'
import { fewAtATime } from '../store-calls/few-at-a-time.ts'
import { retryUntil } from '../store-calls/retry.ts'

interface WakingPorts extends Pick<Ports, 'index' | 'clock' | 'entropy'> {
  readonly listeners: ListenerStore
  readonly posts: WakePosts
}

/**
 * Wakes whoever is armed at partitions that have changed. Whoever was armed before a change, and is found by no other call, is found by
 * one that begins after it. What leaves a log's end where it was, as a flush does, wakes nobody who knows that
 * end. What fails between the taking of an arming and its post loses the wake-up: listeners look by themselves,
 * slowly, so that costs time and nothing else.
 */
export class WakeListeners {
  readonly #ports: WakingPorts

  constructor(ports: WakingPorts) {
    this.#ports = ports
  }

  /**
   * Resolves with the number of messages, once they are handed on.
   * @throws TidemarkError: bring the same changes again; those who were found are woken all the same
   */
  async wakeChanged(partitions: readonly PartitionId[]): Promise<number> {
    const { posts, clock } = this.#ports
    const deadlineMs = clock.monotonicMs() + WAKE_DEADLINE_MS
    const failures: unknown[] = []
    const changes = await fewAtATime(partitions, SWEEP_PARALLEL_MAX, partition =>
      this.#take(partition, deadlineMs).catch((error: unknown) => {
        failures.push(error)
        return undefined
      }),
    )
    const found = changes.filter(each => each !== undefined)
    const planned = planPosts(found)
    // Its time may be over by now, but for one try: those who were taken are armed nowhere any more.
    const untilMs = Math.max(deadlineMs, clock.monotonicMs() + 1)
    if (planned.length > 0) {
      const gone = await retryUntil(this.#ports, untilMs, 'unknown', () => posts.post(planned))
      if (gone.length > 0) await this.#disarm(new Set(gone), found)
    }
    if (failures.length > 0) throw failures[0]
    return planned.length
  }

  async #take(partition: PartitionId, deadlineMs: number): Promise<Changed | undefined> {
    const { listeners, clock } = this.#ports
    let head: Head | undefined
    const taken = await retryUntil(this.#ports, deadlineMs, 'unknown', () =>
      listeners.take(partition, clock.nowMs(), async () => {
        // Where it cannot be read, or is gone, all are woken and find out why.
        head = await this.#ports.index.readHead(partition).catch(() => undefined)
        return head?.nextOffset
      }),
    )
    if (taken.sockets.length === 0) return undefined
    const { endOffset = toOffset(0) } = taken
    return { ...taken, partition, endOffset, batchesFrom: from => head && pushedFrom(head, from) }
  }

  /** Those who would stay armed for nothing. Where it fails, they are posted to a few times more. */
  async #disarm(gone: ReadonlySet<string>, changes: readonly Changed[]): Promise<void> {
    const { listeners } = this.#ports
    const places = [...gone].map(socket => ({
      socket,
      partitions: changes.filter(({ staying }) => staying?.has(socket)).map(({ partition }) => partition),
    }))
    await fewAtATime(places, SWEEP_PARALLEL_MAX, ({ socket, partitions }) =>
      listeners.disarm(socket, partitions).catch(() => {}),
    )
  }
}
