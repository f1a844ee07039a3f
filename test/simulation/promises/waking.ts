import { SLOW_LOOK_MS } from '../../../src/core/limits.ts'
import type { Clock } from '../../../src/ports/clock.ts'

/** With every call slow, some of them made again, and a message under way: and long before anybody looks by himself. */
const WOKEN_MS_MAX = 60_000
/** The same after the slow look, which may have to be taken again, too. */
const LOOKED_MS_MAX = SLOW_LOOK_MS + 2 * WOKEN_MS_MAX

interface Appended {
  readonly end: number
  readonly atMs: number
}

/** What was promised to those who are woken: to hear of a record soon, or by their own slow look where a wake-up was lost. */
export class WakingPromises {
  readonly #clock: Pick<Clock, 'monotonicMs'>
  readonly #violated: (problem: string) => void
  readonly #wokenMsMax: number
  readonly #appended = new Map<number, Appended[]>()
  readonly #followers = new Set<Follower>()
  woken = 0
  late = 0

  /** @param areClocksSet whether clocks are hours apart: by one that is ahead an arming has had its time, and only looks are left */
  constructor(clock: Pick<Clock, 'monotonicMs'>, areClocksSet: boolean, violated: (problem: string) => void) {
    this.#clock = clock
    this.#wokenMsMax = areClocksSet ? LOOKED_MS_MAX : WOKEN_MS_MAX
    this.#violated = violated
  }

  /** A partition ends there now. */
  appended(partition: number, end: number): void {
    const all = this.#appended.get(partition) ?? []
    this.#appended.set(partition, all)
    if (end <= (all.at(-1)?.end ?? 0)) return
    all.push({ end, atMs: this.#clock.monotonicMs() })
    for (const follower of this.#followers) follower.outstanding(partition, all.length - 1)
  }

  /** How long anybody may wait for anything. */
  get waitMsMax(): number {
    return LOOKED_MS_MAX
  }

  endOf(partition: number): number {
    return this.#appended.get(partition)?.at(-1)?.end ?? 0
  }

  /** Somebody who has read up to the ends as they are now, and is woken from there on. */
  follow(who: string): Follower {
    const follower = new Follower({
      appended: partition => this.#appended.get(partition) ?? [],
      seen: (partition, { end, atMs }, isExcused) => {
        const afterMs = this.#clock.monotonicMs() - atMs
        this[isExcused ? 'late' : 'woken'] += 1
        if (afterMs <= (isExcused ? LOOKED_MS_MAX : this.#wokenMsMax)) return
        const why = isExcused ? 'the slow look' : 'being woken'
        this.#violated(
          `${who} hears after ${afterMs} ms that partition ${partition} ends at ${end}, in spite of ${why}`,
        )
      },
    })
    for (const [partition, all] of this.#appended) follower.skip(partition, all.length)
    this.#followers.add(follower)
    return follower
  }

  leave(follower: Follower): void {
    this.#followers.delete(follower)
  }
}

interface Sight {
  appended(partition: number): readonly Appended[]
  seen(partition: number, appended: Appended, isExcused: boolean): void
}

/** What one listener knows of. */
export class Follower {
  readonly #sight: Sight
  /** How many of the appends of a partition it knows of. */
  readonly #known = new Map<number, number>()
  /** Those whose wake-up was lost, or may have been. */
  readonly #excused = new Map<number, Set<number>>()
  /** Where it may not be armed, although it thinks so. */
  readonly #unarmed = new Set<number>()
  /** How often something went wrong. */
  #excuses = 0

  constructor(sight: Sight) {
    this.#sight = sight
  }

  skip(partition: number, appends: number): void {
    this.#known.set(partition, appends)
  }

  outstanding(partition: number, index: number): void {
    if (this.#unarmed.has(partition)) this.#excuse(partition, index)
  }

  /** Something went wrong by which it may not be woken there. */
  excuse(partition: number): void {
    this.#unarmed.add(partition)
    this.#excuses += 1
    const { length } = this.#sight.appended(partition)
    for (let index = this.#known.get(partition) ?? 0; index < length; index += 1)
      this.#excuse(partition, index)
  }

  /** To be asked before it arms. */
  get moment(): number {
    return this.#excuses
  }

  /** It is armed, for sure where nothing went wrong since that moment. */
  armed(partition: number, moment: number): void {
    if (moment === this.#excuses) this.#unarmed.delete(partition)
  }

  /** It has read up to there. */
  learned(partition: number, end: number): void {
    const all = this.#sight.appended(partition)
    let known = this.#known.get(partition) ?? 0
    for (; known < all.length && all[known]!.end <= end; known += 1)
      this.#sight.seen(partition, all[known]!, this.#excused.get(partition)?.has(known) === true)
    this.#known.set(partition, known)
  }

  #excuse(partition: number, index: number): void {
    const all = this.#excused.get(partition) ?? new Set()
    this.#excused.set(partition, all.add(index))
  }
}
