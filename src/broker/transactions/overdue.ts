import { TRANSACTION_TIMEOUT_MS_MAX, TRANSACTION_WATCH_MS_MAX } from '../../core/limits.ts'
import { deadlineMs, type Transaction } from '../../core/transaction/transaction.ts'
import type { Ports } from '../../ports/index.ts'
import { lookAfterAll, lookAfterOne } from '../finishing/look-after.ts'
import { TransactionCall } from '../finishing/transaction-call.ts'
import { makeRoom } from '../settling/make-room.ts'
import type { TopicDirectory } from '../topics/topic-directory.ts'

const WANTED = { makeRoom, forgets: false }

/**
 * Aborts open transactions that are past their deadlines, and finishes those that were decided and left. It looks through all of the store
 * once, when it begins; then at those that this process has to do with. What fails is tried again.
 */
export class Overdue {
  readonly #ports: Ports
  readonly #directory: TopicDirectory
  readonly #reportError: (error: unknown) => void
  /** By transactional id: when to look at it again, by the wall clock. */
  readonly #due = new Map<string, number>()
  readonly #ending = new AbortController()
  #waking = new AbortController()
  readonly #ended: Promise<void>

  constructor(ports: Ports, directory: TopicDirectory, reportError: (error: unknown) => void) {
    this.#ports = ports
    this.#directory = directory
    this.#reportError = reportError
    this.#ended = this.#run()
  }

  /** Takes note of how one stands. */
  note(transaction: Transaction): void {
    const { transactionalId, state, updatedMs } = transaction
    if (state === 'open') this.#noteDue(transactionalId, deadlineMs(transaction))
    else if (state === 'committing' || state === 'aborting')
      this.#noteDue(transactionalId, updatedMs + TRANSACTION_WATCH_MS_MAX)
    else this.#due.delete(transactionalId)
  }

  async close(): Promise<void> {
    this.#ending.abort()
    this.#waking.abort()
    await this.#ended
  }

  #noteDue(transactionalId: string, dueMs: number): void {
    const isFirst = this.#due.size === 0
    this.#due.set(transactionalId, dueMs)
    if (isFirst) this.#waking.abort()
  }

  async #run(): Promise<void> {
    let hasLookedAtAll = await this.#lookAtAll()
    const { clock } = this.#ports
    while (!this.#ending.signal.aborted) {
      this.#waking = new AbortController()
      // Where nothing is open nobody looks: the first one that opens wakes it.
      const isIdle = hasLookedAtAll && this.#due.size === 0
      const pauseMs = isIdle ? Number.POSITIVE_INFINITY : TRANSACTION_WATCH_MS_MAX
      await waitFor(this.#ports, pauseMs, this.#waking.signal)
      hasLookedAtAll ||= await this.#lookAtAll()
      const nowMs = clock.nowMs()
      for (const [transactionalId, dueMs] of [...this.#due]) {
        if (this.#ending.signal.aborted) return
        // What is due later than anything can be was noted by a clock that has been set back since.
        if (dueMs > nowMs && dueMs - nowMs <= TRANSACTION_TIMEOUT_MS_MAX) continue
        await this.#lookAt(transactionalId)
      }
    }
  }

  /** Tells whether it could. */
  #lookAtAll(): Promise<boolean> {
    if (this.#ending.signal.aborted) return Promise.resolve(false)
    return this.#report(async () => {
      const { open, failures } = await lookAfterAll(this.#call(), WANTED)
      for (const { transactionalId, deadlineMs } of open) this.#due.set(transactionalId, deadlineMs)
      for (const { transactionalId, error } of failures) {
        this.#tryAgain(transactionalId)
        this.#reportError(error)
      }
    })
  }

  async #lookAt(transactionalId: string): Promise<void> {
    this.#due.delete(transactionalId)
    const hasLooked = await this.#report(async () => {
      const { open } = await lookAfterOne(this.#call(), transactionalId, WANTED)
      if (open) this.#due.set(transactionalId, open.deadlineMs)
    })
    if (!hasLooked) this.#tryAgain(transactionalId)
  }

  #tryAgain(transactionalId: string): void {
    this.#due.set(transactionalId, this.#ports.clock.nowMs() + TRANSACTION_WATCH_MS_MAX)
  }

  #call(): TransactionCall {
    return new TransactionCall(this.#ports, this.#directory)
  }

  /** Tells whether it was done. */
  async #report(work: () => Promise<void>): Promise<boolean> {
    try {
      await work()
      return true
    } catch (error) {
      if (!this.#ending.signal.aborted) this.#reportError(error)
      return false
    }
  }
}

async function waitFor({ clock }: Ports, pauseMs: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return
  if (Number.isFinite(pauseMs)) await clock.sleep(pauseMs, signal)
  else await new Promise<void>(resolve => signal.addEventListener('abort', () => resolve(), { once: true }))
}
