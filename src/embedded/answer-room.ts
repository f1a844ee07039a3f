import type { ServerResponse } from 'node:http'
import { type Claim, Room } from '../contract/http/room.ts'
import type { AnswerMemory } from '../contract/http/settings.ts'
import { TidemarkError } from '../core/errors.ts'
import { HTTP_SMALL_ANSWER_BYTES_MAX, HTTP_SMALL_ANSWERS_BYTES } from '../core/limits.ts'
import type { ServerLimits } from './server-limits.ts'

interface Waiting {
  readonly isSmall: boolean
  /** Whether it is served now. */
  tryTake(): boolean
}

/**
 * The memory that a process has for answers which it reads from its store. An answer has its part from before it is read
 * until the kernel has taken it; those for which there is no room wait, in the order in which they came.
 */
export class AnswerRoom {
  readonly #room: Room
  readonly #largestBytes: number
  readonly #waitMs: number
  readonly #waiting = new Set<Waiting>()

  constructor({ answersBytesMax: bytesMax, answerWaitMs }: ServerLimits) {
    const smallOnlyBytes = Math.min(HTTP_SMALL_ANSWERS_BYTES, bytesMax / 4)
    this.#room = new Room({ bytesMax, smallBytesMax: HTTP_SMALL_ANSWER_BYTES_MAX, smallOnlyBytes })
    this.#largestBytes = bytesMax - smallOnlyBytes
    this.#waitMs = answerWaitMs
  }

  /** Whether somebody waits for what others do not take. */
  get isPressed(): boolean {
    return this.#waiting.size > 0
  }

  /** The memory for one answer, which ends with it. */
  of(response: ServerResponse): AnswerMemory {
    let claim: Claim | undefined
    const resize = (bytes: number) => {
      if (!claim) {
        claim = this.#room.claim()
        response.once('close', () => {
          claim!.release()
          claim = undefined
          this.#serveWaiting()
        })
      }
      // One that is larger than all there is has all of it.
      return claim.resize(Math.min(bytes, this.#largestBytes))
    }
    return {
      take: async (bytes, signal) => {
        const wantedBytes = (claim?.bytes ?? 0) + bytes
        const isSmall = this.#room.isSmall(wantedBytes)
        const tryTake = () => response.destroyed || resize(wantedBytes)
        if (this.#isNext(isSmall) && tryTake()) return
        if (await this.#wait({ isSmall, tryTake }, signal)) return
        // Whoever does not read, and cannot be told apart from who does, is let go.
        if (!response.headersSent) response.setHeader('connection', 'close')
        throw new TidemarkError(
          'THROTTLING_QUOTA_EXCEEDED',
          'Too much is being read right now, or sent to clients that do not take it. Try again later.',
        )
      },
      give: bytes => {
        if (claim) claim.resize(Math.max(0, claim.bytes - bytes))
        this.#serveWaiting()
      },
    }
  }

  /** Whether nobody of that kind has waited for longer. */
  #isNext(isSmall: boolean): boolean {
    for (const waiting of this.#waiting) if (waiting.isSmall === isSmall) return false
    return true
  }

  /** Tells whether there was room before it took too long. */
  #wait(waiting: Waiting, signal: AbortSignal | undefined): Promise<boolean> {
    return new Promise(resolve => {
      const end = (isServed: boolean) => {
        this.#waiting.delete(entry)
        clearTimeout(timer)
        signal?.removeEventListener('abort', giveUp)
        // Who gives up may have been the one for whom others waited.
        if (!isServed) this.#serveWaiting()
        resolve(isServed)
      }
      const giveUp = () => end(false)
      const timer = setTimeout(giveUp, this.#waitMs)
      const entry: Waiting = {
        isSmall: waiting.isSmall,
        tryTake: () => {
          const isServed = waiting.tryTake()
          if (isServed) end(true)
          return isServed
        },
      }
      this.#waiting.add(entry)
      if (signal?.aborted) giveUp()
      else signal?.addEventListener('abort', giveUp)
    })
  }

  /** Large ones do not hold up small ones, nor the other way round. */
  #serveWaiting(): void {
    let smallGoOn = true
    let largeGoOn = true
    for (const waiting of this.#waiting) {
      if (waiting.isSmall ? !smallGoOn : !largeGoOn) continue
      if (waiting.tryTake()) continue
      if (waiting.isSmall) smallGoOn = false
      else largeGoOn = false
      if (!smallGoOn && !largeGoOn) return
    }
  }
}
