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
  begin(): Promise<unknown>
  /** Calls `apply` and commits what it has changed; that is not durable yet. */
  commit(apply: () => void): undefined | Promise<unknown>
  /** Makes durable all that is committed. */
  sync(): Promise<unknown>
}

/**
 * Makes changes, one transaction after the other. Those that last at once share a sync: while one is under way, others of them wait,
 * and then share the next transaction. Those that only last in order wait for no sync.
 */
export class WriteLoop {
  readonly #steps: WriteSteps
  readonly #rounds: LoopRounds
  #waiting: Write[] = []
  /** Of those, how many wait for no sync. */
  #inOrder = 0
  #along: Along[] = []
  #alongTimer: NodeJS.Timeout | undefined
  #isWriting = false
  #written: Promise<void> = Promise.resolve()
  #syncing: Promise<void> | undefined
  #synced: Promise<unknown> | undefined

  constructor(steps: WriteSteps, rounds: LoopRounds) {
    this.#steps = steps
    this.#rounds = rounds
  }

  /** Resolves when what is committed is durable, or cannot be made so; undefined where nothing waits for that. */
  get synced(): Promise<unknown> | undefined {
    return this.#synced
  }

  /** Changes that are asked for in one turn are in one transaction. */
  write<T>(apply: () => T, lasting: Lasting = 'at once'): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ apply, resolve, reject, lasting })
      if (lasting === 'in order') this.#inOrder += 1
      this.#goOn()
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

  /** Resolves when nobody waits any more. */
  async idle(): Promise<void> {
    while (this.#isWriting || this.#syncing) await (this.#isWriting ? this.#written : this.#syncing)
  }

  #goOn(): void {
    if (!this.#isWriting && this.#isDue) this.#written = this.#writeWaiting()
  }

  get #isDue(): boolean {
    return this.#syncing ? this.#inOrder > 0 : this.#waiting.length > 0
  }

  /** One transaction after the other: the one after a failed one must never begin. */
  async #writeWaiting(): Promise<void> {
    this.#isWriting = true
    // Whatever else is written in this turn comes along.
    await undefined
    while (this.#isDue) {
      await this.#rounds.begin(1)
      const begun = await this.#steps.begin()
      // Whoever has come meanwhile, too.
      const writes = this.#take()
      this.#rounds.add(writes.length)
      const answers: (() => void)[] = []
      const along = this.#along.slice()
      const failure =
        begun ??
        (await this.#steps.commit(() => {
          for (const each of along) each.apply()
          for (const write of writes) answers.push(apply(write))
        }))
      if (failure !== undefined) {
        for (const { reject } of writes) reject(failure)
        continue
      }
      this.#along = this.#along.slice(along.length)
      for (const each of along) each.done()
      const isAtOnce = ({ lasting }: Write) => lasting === 'at once'
      for (const [index, answer] of answers.entries()) if (!isAtOnce(writes[index]!)) answer()
      if (!writes.some(isAtOnce)) continue
      const unsynced = [...writes.keys()].filter(index => isAtOnce(writes[index]!))
      this.#syncing = this.#sync(
        unsynced.map(index => ({ answer: answers[index]!, reject: writes[index]!.reject })),
      )
    }
    this.#isWriting = false
  }

  #take(): Write[] {
    const isDue = ({ lasting }: Write) => !this.#syncing || lasting === 'in order'
    const writes = this.#waiting.filter(isDue).slice(0, WRITES_MAX)
    const taken = new Set(writes)
    this.#waiting = this.#waiting.filter(write => !taken.has(write))
    this.#inOrder = this.#waiting.filter(({ lasting }) => lasting === 'in order').length
    return writes
  }

  async #sync(writes: readonly { answer: () => void; reject: (error: unknown) => void }[]): Promise<void> {
    this.#synced = this.#steps.sync()
    const failure = await this.#synced
    this.#synced = undefined
    for (const { answer, reject } of writes) failure === undefined ? answer() : reject(failure)
    // Whoever was just answered may have more: it comes along, and does not sync by itself when those who wait have synced.
    for (let turns = this.#waiting.length > 0 ? ANSWERED_TURNS : 0; turns > 0; turns -= 1) await turn()
    this.#syncing = undefined
    this.#goOn()
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
