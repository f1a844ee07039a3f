import { TRANSACTION_ITEMS_REMEMBERED_MAX } from '../../core/limits.ts'
import type { Transaction } from '../../core/transaction/transaction.ts'
import { Room } from '../finishing/room.ts'

/** The transactional ids that this process serves: those that were used last. */
export class Rooms {
  readonly #rooms = new Map<string, Room>()
  /** Work in rooms, answered or not: the store must not be taken from under it. */
  readonly #working = new Set<Promise<unknown>>()

  /**
   * Does something with a transactional id, after what was begun before. What it gives to `answer` is told at once; then it may go on.
   */
  enter<T>(
    transactionalId: string,
    work: (room: Room, answer: (value: T) => void) => Promise<T>,
  ): Promise<T> {
    const room = this.#roomOf(transactionalId)
    room.waiting += 1
    return new Promise((resolve, reject) => {
      const done = room.lane
        .run(() => work(room, resolve))
        .then(resolve, reject)
        .finally(() => {
          room.waiting -= 1
          this.#working.delete(done)
        })
      this.#working.add(done)
    })
  }

  /** What is known of all that are in use. */
  *known(): Generator<Transaction> {
    for (const { known } of this.#rooms.values()) if (known) yield known
  }

  /** Resolves when all is done that was begun. */
  async settled(): Promise<void> {
    while (this.#working.size > 0) await Promise.allSettled(this.#working)
  }

  #roomOf(transactionalId: string): Room {
    const known = this.#rooms.get(transactionalId)
    if (known) {
      // Behind all others: those before it go first.
      this.#rooms.delete(transactionalId)
      this.#rooms.set(transactionalId, known)
      return known
    }
    for (const [id, { waiting }] of this.#rooms) {
      if (this.#rooms.size < TRANSACTION_ITEMS_REMEMBERED_MAX) break
      if (waiting === 0) this.#rooms.delete(id)
    }
    const room = new Room(transactionalId)
    this.#rooms.set(transactionalId, room)
    return room
  }
}
