import type { DatabaseSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'
import { STORE_HELD_UP_MS, STORE_TURN_MS_MAX } from '../../core/limits.ts'
import { NotApplied } from '../../ports/outcome.ts'
import { isBusy, isStalled } from './local-failures.ts'
import { describeLockHolder } from './lock-holder.ts'
import type { SharedHeader } from './shared-header.ts'

/** How long a process sleeps between two looks whether it is its turn, at most. */
const TURN_PAUSE_MS_MAX = 4
/** How often whoever waits looks whether others get on, and anew who it is that does not. */
const PROGRESS_LOOK_MS = 100

/** Until the next look. Chance keeps processes that wait from marching in step. */
export async function pauseForTurn(): Promise<void> {
  await sleep(1 + Math.random() * TURN_PAUSE_MS_MAX)
}

/**
 * Among processes, whose turn it is to write: SQLite lets one in at a time, in no order. Where others get on, it pays to
 * wait a while. Where nobody does, because the one who is in was stopped or hangs, waiting here helps nobody: then each
 * write is refused at once, after one look, and those who asked for it decide for how long they go on asking.
 */
export class Turns {
  readonly #database: DatabaseSync
  readonly #path: string
  readonly #header: SharedHeader
  #heldUp: NotApplied | undefined
  /** What had been committed by others when that was noted. */
  #heldUpVersion: unknown
  #toldMs = Number.NEGATIVE_INFINITY

  constructor(database: DatabaseSync, path: string, header: SharedHeader) {
    this.#database = database
    this.#path = path
    this.#header = header
  }

  /** Whether the last that asked for a turn found nobody getting on. */
  get isHeldUp(): boolean {
    return this.#heldUp !== undefined
  }

  /**
   * Begins a transaction that writes.
   * @param check before each try; what it throws is passed on
   * @throws NotApplied where the turn does not come, and SQLite's own error where it is not about the turn
   */
  async take(check: () => void): Promise<void> {
    const startMs = performance.now()
    let progress: { readonly version: unknown; readonly atMs: number } | undefined
    for (;;) {
      check()
      if (this.#begin()) return
      if (this.#isStillHeldUp()) throw this.heldUp()
      const nowMs = performance.now()
      if (nowMs - startMs >= STORE_TURN_MS_MAX) throw this.#tellLate()
      if (!progress || nowMs - progress.atMs >= PROGRESS_LOOK_MS) {
        const version = this.#version()
        if (!progress || progress.version !== version) progress = { version, atMs: nowMs }
        else if (nowMs - progress.atMs >= STORE_HELD_UP_MS) throw this.heldUp()
      }
      await pauseForTurn()
    }
  }

  /** What keeps a write from beginning now, if it is that nobody gets on; looks whether that is over. */
  refusal(): NotApplied | undefined {
    if (!this.#heldUp) return undefined
    if (this.#begin()) this.#database.exec('ROLLBACK')
    return this.#isStillHeldUp() ? this.heldUp() : undefined
  }

  /** Others may have got on again, and leave hardly a moment in which it is nobody's turn: then it pays to wait. */
  #isStillHeldUp(): boolean {
    if (!this.#heldUp) return false
    const version = this.#version()
    if (version !== undefined && version !== this.#heldUpVersion) this.#heldUp = undefined
    return this.#heldUp !== undefined
  }

  #begin(): boolean {
    if (this.#header.isTorn) return false
    try {
      this.#database.exec('BEGIN IMMEDIATE')
    } catch (error) {
      if (isBusy(error)) return false
      if (isStalled(error)) {
        this.#header.watch()
        return false
      }
      throw error
    }
    this.#heldUp = undefined
    return true
  }

  /** Another one whenever another process has committed anything. */
  #version(): unknown {
    if (this.#header.isTorn) return undefined
    try {
      return this.#database.prepare('PRAGMA data_version').get()?.data_version
    } catch {
      return undefined
    }
  }

  /** Takes note that nobody gets on, and tells who does not. */
  heldUp(): NotApplied {
    const nowMs = performance.now()
    if (this.#heldUp && nowMs - this.#toldMs < PROGRESS_LOOK_MS) return this.#heldUp
    this.#toldMs = nowMs
    if (!this.#heldUp) this.#heldUpVersion = this.#version()
    this.#heldUp = new NotApplied(`the index ${this.#path} is held up: it is ${this.#holder()}`)
    return this.#heldUp
  }

  #tellLate(): NotApplied {
    return new NotApplied(
      `the index ${this.#path} could not be locked in ${STORE_TURN_MS_MAX / 1_000} s, while other processes wrote to it; ` +
        `just now it is ${this.#holder()}`,
    )
  }

  #holder(): string {
    return `locked by ${describeLockHolder(this.#path)}`
  }
}
