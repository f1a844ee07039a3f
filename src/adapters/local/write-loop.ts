import { setImmediate as turn } from 'node:timers/promises'
import type { Lasting } from '../items/items.ts'
import { isSqliteError } from './local-failures.ts'
import type { LoopRounds } from './loop-rounds.ts'

/** Changes of one transaction, which nothing comes in between of in this process. */
const WRITES_MAX = 1_000
/** Rounds of the event loop in which whoever hears an answer asks for its next change: one for the call, one for what gathers them. */
const ANSWERED_TURNS = 2

/** A change that waits for its transaction. */
interface Write {
  /** Tells the answer. */
  readonly apply: () => unknown
  readonly resolve: (answer: never) => void
  readonly reject: (error: unknown) => void
  readonly lasting: Lasting
}

/** When a change that comes along is made at the latest, where nobody asks for another. */
const ALONG_MS_MAX = 10

/**
 * A change that is made before any that is asked for later, or in the same step, and of which nobody hears: it is part of each transaction until
 * one is committed. So nothing that relies on it is ever there without it.
 */
export interface Along {
  readonly apply: () => void
  /** It is committed. */
  readonly done: () => void
}

/** What it takes to make changes. Each tells the error where it fails, for those whose changes they are. */
export interface WriteSteps {
  /** @param isSynced whether what is committed then must be on the disk at once */
  begin(isSynced: boolean): Promise<unknown>
  /** Calls `apply` and commits what it has changed. */
  commit(apply: () => void): undefined | Promise<unknown>
}

/**
 * Makes changes, one transaction after the other. Those that are asked for in one turn, or while another transaction is under way,
 * share one.
 */
export class WriteLoop {
  readonly #steps: WriteSteps
  readonly #rounds: LoopRounds
  #waiting: Write[] = []
  #along: Along[] = []
  #alongTimer: NodeJS.Timeout | undefined
  #isWriting = false
  #written: Promise<void> = Promise.resolve()

  constructor(steps: WriteSteps, rounds: LoopRounds) {
    this.#steps = steps
    this.#rounds = rounds
  }

  write<T>(apply: () => T, lasting: Lasting = 'at once'): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ apply, resolve, reject, lasting })
      if (!this.#isWriting) this.#written = this.#writeWaiting()
    })
  }

  writeAlong(along: Along): void {
    this.#along.push(along)
    this.#alongTimer ??= setTimeout(() => {
      this.#alongTimer = undefined
      // Whoever relies on it hears of what is wrong.
      if (this.#along.length > 0) this.write(() => {}, 'in order').catch(() => {})
    }, ALONG_MS_MAX)
    this.#alongTimer.unref()
  }

  /** Resolves when nobody waits any more; nothing is to be asked for afterwards. */
  async close(): Promise<void> {
    clearTimeout(this.#alongTimer)
    await this.#written
  }

  /** One transaction after the other: the one after a failed one must never begin. */
  async #writeWaiting(): Promise<void> {
    this.#isWriting = true
    // Whatever else is written in this turn comes along.
    await undefined
    while (this.#waiting.length > 0) {
      await this.#rounds.begin(1)
      const isSynced = this.#waiting.slice(0, WRITES_MAX).some(lastsAtOnce)
      const begun = await this.#steps.begin(isSynced)
      const writes = this.#take(isSynced)
      this.#rounds.add(writes.length)
      const failure = begun ?? (await this.#commit(writes))
      if (failure !== undefined) for (const { reject } of writes) reject(failure)
      // Whoever was just answered may have more: it comes along, and does not sync by itself when those who wait have synced.
      for (let turns = isSynced && this.#waiting.length > 0 ? ANSWERED_TURNS : 0; turns > 0; turns -= 1)
        await turn()
    }
    this.#isWriting = false
  }

  /** Whoever has come meanwhile, too; but he may need more than this transaction gives. */
  #take(isSynced: boolean): Write[] {
    const firstLeft = isSynced ? -1 : this.#waiting.findIndex(lastsAtOnce)
    return this.#waiting.splice(0, firstLeft < 0 ? WRITES_MAX : Math.min(firstLeft, WRITES_MAX))
  }

  /** Answers all of them, or tells why none is done. */
  async #commit(writes: readonly Write[]): Promise<unknown> {
    const answers: (() => void)[] = []
    const along = this.#along.slice()
    const failure = await this.#steps.commit(() => {
      for (const { apply } of along) apply()
      for (const write of writes) answers.push(apply(write))
    })
    if (failure !== undefined) return failure
    this.#along = this.#along.slice(along.length)
    for (const { done } of along) done()
    for (const answer of answers) answer()
    return undefined
  }
}

/**
 * Tells what the writer is to hear when the transaction is committed. A change that cannot be made of what stands there
 * fails alone, before it has written anything.
 */
function apply({ apply: change, resolve, reject }: Write): () => void {
  try {
    const answer = change() as never
    return () => resolve(answer)
  } catch (error) {
    if (isSqliteError(error)) throw error
    reject(error)
    return () => {}
  }
}

function lastsAtOnce({ lasting }: Write): boolean {
  return lasting === 'at once'
}
