import type { Listener, WakingOffer } from '../../contract/waking/offer.ts'
import { type TicketProblem, Tickets } from '../../contract/waking/tickets.ts'
import {
  LISTENER_PARTITIONS_MAX,
  LISTENERS_PER_PARTITION_MAX,
  PROCESS_ARMED_PARTITIONS_MAX,
  TICKET_LIFETIME_MS,
} from '../../core/limits.ts'
import type { Offset } from '../../core/numbers.ts'
import { type PartitionId, partitionKey } from '../../core/topic/partition-id.ts'
import { nextTurn } from '../../core/turns.ts'
import type { Wake } from '../../core/waking/messages.ts'

/** Tells of the next change of a log, once; resolves when it does. @returns ends it */
export type Listen = (partition: PartitionId, wake: (endOffset: Offset) => void) => Promise<() => void>

/** The socket of a listener. */
export interface WokenSocket {
  wake(wakes: readonly Wake[]): void
}

/** Where listeners' sockets are opened on a server. */
export const WAKING_PATH = '/waking'

/** Partitions whose looks begin at the same time. */
const ARMED_AT_ONCE = 64

/** Who is armed where: as long as the process and the socket live, and not longer. */
export class Listeners implements WakingOffer {
  readonly url = WAKING_PATH
  readonly #listen: Listen
  readonly #tickets: Tickets
  readonly #nowMs: () => number
  readonly #armed = new Map<string, ArmedSocket>()
  readonly #counts = new Counts()
  #opened = 0

  /** @param key of this process alone: sockets end with it */
  constructor(listen: Listen, key: Uint8Array, nowMs: () => number) {
    this.#listen = listen
    this.#tickets = new Tickets(key)
    this.#nowMs = nowMs
  }

  /** A socket was opened. */
  add(socket: WokenSocket): { ticket(): { ticket: string; expiresMs: number }; remove(): void } {
    this.#opened += 1
    const id = String(this.#opened)
    const armed = new ArmedSocket(socket, this.#listen, this.#counts)
    this.#armed.set(id, armed)
    return {
      ticket: () => {
        const expiresMs = this.#nowMs() + TICKET_LIFETIME_MS
        return { ticket: this.#tickets.make(id, expiresMs), expiresMs }
      },
      remove: () => {
        this.#armed.delete(id)
        armed.end()
      },
    }
  }

  async listenerOf(ticket: string): Promise<Listener | TicketProblem> {
    const read = this.#tickets.check(ticket, this.#nowMs())
    if (typeof read === 'string') return read
    // Of a socket that is closed by now.
    return this.#armed.get(read.socketId) ?? 'stale'
  }
}

/** How many are armed at each partition, and in all. */
class Counts {
  readonly #counts = new Map<string, number>()
  #all = 0

  hasRoomAt(key: string): boolean {
    if (this.#all >= PROCESS_ARMED_PARTITIONS_MAX) return false
    return (this.#counts.get(key) ?? 0) < LISTENERS_PER_PARTITION_MAX
  }

  change(key: string, by: 1 | -1): void {
    this.#all += by
    const count = (this.#counts.get(key) ?? 0) + by
    if (count === 0) this.#counts.delete(key)
    else this.#counts.set(key, count)
  }
}

/** What one socket is armed at. */
class ArmedSocket implements Listener {
  readonly #socket: WokenSocket
  readonly #listen: Listen
  readonly #counts: Counts
  /** By partition; undefined while it is being armed. */
  readonly #ends = new Map<string, (() => void) | undefined>()
  readonly #arming = new Map<string, Promise<void>>()
  #wakes: Wake[] = []
  #isOver = false

  constructor(socket: WokenSocket, listen: Listen, counts: Counts) {
    this.#socket = socket
    this.#listen = listen
    this.#counts = counts
  }

  async arm(partitions: readonly PartitionId[]): Promise<readonly PartitionId[]> {
    const refused: PartitionId[] = []
    for (let start = 0; start < partitions.length; start += ARMED_AT_ONCE) {
      // Others have their turn, however many these are.
      if (start > 0) await nextTurn()
      await Promise.all(
        partitions.slice(start, start + ARMED_AT_ONCE).map(async partition => {
          // Where a log cannot be looked at, the fetch says so, of this partition alone.
          const isArmed = await this.#armOne(partition).catch(() => false)
          if (!isArmed) refused.push(partition)
        }),
      )
    }
    return refused
  }

  end(): void {
    this.#isOver = true
    for (const [key, end] of this.#ends) {
      this.#counts.change(key, -1)
      end?.()
    }
    this.#ends.clear()
  }

  /** Whether it is armed. */
  async #armOne(partition: PartitionId): Promise<boolean> {
    const key = partitionKey(partition)
    // Whoever asks several times at a time is armed by the first that can be, and not before it is.
    while (this.#arming.has(key)) await this.#arming.get(key)
    if (this.#isOver || this.#ends.has(key)) return true
    if (this.#ends.size >= LISTENER_PARTITIONS_MAX) return false
    if (!this.#counts.hasRoomAt(key)) return false
    this.#ends.set(key, undefined)
    this.#counts.change(key, 1)
    const arming = this.#begin(key, partition)
    this.#arming.set(
      key,
      arming.catch(() => {}),
    )
    try {
      await arming
    } finally {
      this.#arming.delete(key)
    }
    return true
  }

  async #begin(key: string, partition: PartitionId): Promise<void> {
    const { topicId, partition: number } = partition
    try {
      const end = await this.#listen(partition, endOffset => {
        if (this.#isOver || !this.#ends.delete(key)) return
        this.#counts.change(key, -1)
        this.#tell({ topicId, partition: number, endOffset })
      })
      // It may have been woken already, or ended.
      if (this.#ends.has(key)) this.#ends.set(key, end)
      else end()
    } catch (error) {
      if (this.#ends.delete(key)) this.#counts.change(key, -1)
      throw error
    }
  }

  /** With all that comes in this turn. */
  #tell(wake: Wake): void {
    this.#wakes.push(wake)
    if (this.#wakes.length > 1) return
    queueMicrotask(() => {
      const wakes = this.#wakes
      this.#wakes = []
      if (!this.#isOver) this.#socket.wake(wakes)
    })
  }
}
