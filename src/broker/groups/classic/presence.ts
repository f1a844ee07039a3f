import type { Group } from '../../../core/group/group.ts'
import { readGroup } from '../group-call.ts'
import { type ClassicRoom, ended } from './classic-room.ts'
import type { Watched } from './group-watch.ts'
import { renewLease } from './lease.ts'
import { lookIfDue } from './look-at-classic.ts'

/** A member that waits for others, and cannot say meanwhile that it is there: this says so for it. */
export interface Presence {
  /** Which member waits. */
  is(memberId: string, sessionTimeoutMs: number): void
  /** The group as it is, after what is to be done about others who are silent. */
  look(): Promise<Group | undefined>
  /** One after the other of this process, in this group. @throws NOT_COORDINATOR as `pause` */
  inTurn<T>(work: () => Promise<T>): Promise<T>
  /** Until the group may have changed. @throws NOT_COORDINATOR where it is not waited for any more */
  pause(): Promise<void>
}

/** Does what a member does that waits for others, until it is done, whoever asked is gone, or the process ends. */
export async function waitAsMember<T>(
  room: ClassicRoom,
  groupId: string,
  signal: AbortSignal | undefined,
  work: (presence: Presence) => Promise<T>,
): Promise<T> {
  const stop = new AbortController()
  const stops = () => stop.abort()
  const given = [signal, room.ending.signal].filter(one => one !== undefined)
  for (const one of given) {
    if (one.aborted) stops()
    // Not taken away by a signal: Node forgets to, where another listener came and garbage was collected in between.
    one.addEventListener('abort', stops)
  }
  const watched = room.watch.enter(groupId)
  try {
    return await work(new Waiting(room, watched, stop.signal))
  } finally {
    room.watch.leave(watched)
    for (const one of given) one.removeEventListener('abort', stops)
  }
}

class Waiting implements Presence {
  readonly #room: ClassicRoom
  readonly #watched: Watched
  readonly #signal: AbortSignal
  #member: { memberId: string; sessionTimeoutMs: number } | undefined
  #renewedMs = 0
  #seen: { group: Group | undefined } | undefined
  #changes: number

  constructor(room: ClassicRoom, watched: Watched, signal: AbortSignal) {
    this.#room = room
    this.#watched = watched
    this.#signal = signal
    this.#changes = watched.changes
  }

  is(memberId: string, sessionTimeoutMs: number): void {
    // What was seen before it was in the group says nothing of it.
    this.#seen = undefined
    if (this.#member?.memberId === memberId) return
    this.#member = { memberId, sessionTimeoutMs }
    // Whoever joins has put its lease just now.
    this.#renewedMs = this.#room.ports.clock.monotonicMs()
  }

  async look(): Promise<Group | undefined> {
    const call = this.#room.call(this.#watched.groupId)
    await this.#renewIfDue()
    this.#changes = this.#watched.changes
    const group = this.#seen ? this.#seen.group : await readGroup(call)
    this.#seen = undefined
    return group && (await lookIfDue(this.#room, call, group))
  }

  inTurn<T>(work: () => Promise<T>): Promise<T> {
    return this.#watched.turns.run(() => {
      // Nobody waits for it any more: others that do are behind it.
      if (this.#signal.aborted) throw ended()
      return work()
    })
  }

  async pause(): Promise<void> {
    if (this.#signal.aborted) throw ended()
    const group = await this.#room.watch.next(this.#watched, this.#changes, this.#signal)
    if (this.#signal.aborted) throw ended()
    this.#seen = { group }
    this.#changes = this.#watched.changes
  }

  async #renewIfDue(): Promise<void> {
    const { clock } = this.#room.ports
    if (!this.#member || clock.monotonicMs() - this.#renewedMs < this.#member.sessionTimeoutMs / 3) return
    const { memberId, sessionTimeoutMs } = this.#member
    const call = this.#room.call(this.#watched.groupId)
    await renewLease(call, memberId, sessionTimeoutMs)
    this.#renewedMs = clock.monotonicMs()
  }
}
