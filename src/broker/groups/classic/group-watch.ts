import type { Group } from '../../../core/group/group.ts'
import { CLASSIC_POLL_MS } from '../../../core/limits.ts'
import { Lane } from '../../../core/turns.ts'
import type { Clock } from '../../../ports/clock.ts'

/** A group for which somebody in this process waits. */
export interface Watched {
  readonly groupId: string
  /** Those of this process change it one after the other. */
  readonly turns: Lane
  waiters: number
  /** How often this process has changed the group since it is watched. */
  changes: number
  latest: Group | undefined
  tick: Tick | undefined
}

interface Tick {
  readonly group: Promise<Group | undefined>
  readonly woken: AbortController
}

/**
 * Who waits for a group hears at once of what this process changes, and looks from time to time for what others have: one
 * look for all who wait.
 */
export class GroupWatch {
  readonly #clock: Clock
  readonly #read: (groupId: string) => Promise<Group | undefined>
  readonly #watched = new Map<string, Watched>()

  constructor(clock: Clock, read: (groupId: string) => Promise<Group | undefined>) {
    this.#clock = clock
    this.#read = read
  }

  /** From now on nothing that this process changes is missed, until `leave`. */
  enter(groupId: string): Watched {
    const watched = this.#watched.get(groupId) ?? {
      groupId,
      turns: new Lane(1),
      waiters: 0,
      changes: 0,
      latest: undefined,
      tick: undefined,
    }
    watched.waiters += 1
    this.#watched.set(groupId, watched)
    return watched
  }

  leave(watched: Watched): void {
    watched.waiters -= 1
    if (watched.waiters > 0) return
    this.#watched.delete(watched.groupId)
    watched.tick?.woken.abort()
  }

  /** This process has changed the group to this. */
  note(group: Group): void {
    const watched = this.#watched.get(group.groupId)
    if (!watched) return
    watched.changes += 1
    watched.latest = group
    watched.tick?.woken.abort()
  }

  /** The group, once it has changed here since `changes` was read, or a while has passed, or the signal aborts. */
  async next(watched: Watched, changes: number, signal: AbortSignal): Promise<Group | undefined> {
    if (watched.changes !== changes) return watched.latest
    watched.tick ??= this.#tick(watched)
    const { group } = watched.tick
    const listening = new AbortController()
    const aborted = new Promise<undefined>(resolve => {
      const options = { once: true, signal: listening.signal }
      signal.addEventListener('abort', () => resolve(undefined), options)
    })
    try {
      return await Promise.race([group, aborted])
    } finally {
      listening.abort()
    }
  }

  #tick(watched: Watched): Tick {
    const woken = new AbortController()
    const { changes } = watched
    const pass = async () => {
      await this.#clock.sleep(CLASSIC_POLL_MS, woken.signal)
      watched.tick = undefined
      return watched.changes === changes ? await this.#read(watched.groupId) : watched.latest
    }
    const group = pass()
    // Where nobody waits any more, nobody hears of it.
    group.catch(() => {})
    return { group, woken }
  }
}
