import type { VirtualClock } from '../../../src/adapters/memory/virtual-clock.ts'
import { partitionKey } from '../../../src/core/topic/partition-id.ts'
import type { LanedWakeUp, WakeUps } from '../../../src/ports/wake-ups.ts'

/** How long a queue remembers what was sent for an occasion: that of SQS. */
const REMEMBERED_MS = 5 * 60_000

/** A wake-up that somebody works on. */
export interface Received {
  readonly wakeUp: LanedWakeUp
  readonly sentMs: number
  /** Of this receiving of it: an earlier one’s says nothing any more. */
  readonly receipt: number
}

interface Message {
  readonly wakeUp: LanedWakeUp
  readonly sentMs: number
  hiddenUntilMs: number
  receipt: number
}

/** How occasions are told apart. */
export type DedupeKey = (wakeUp: LanedWakeUp, occasion: string) => string

export const dedupeKeyOf: DedupeKey = ({ triggerId, partition }, occasion) =>
  `${triggerId}#${partitionKey(partition)}#${occasion}`

/** A FIFO queue as SQS has them: messages of a lane wait for the first of it, and one that is not deleted comes again. */
export class WakeUpQueue implements WakeUps {
  readonly #clock: VirtualClock
  readonly #keyOf: DedupeKey
  readonly #lanes = new Map<string, Message[]>()
  readonly #remembered = new Map<string, number>()
  #arrival = new AbortController()
  #receipts = 0
  sent = 0

  constructor(clock: VirtualClock, keyOf: DedupeKey) {
    this.#clock = clock
    this.#keyOf = keyOf
  }

  async wake(wakeUps: readonly LanedWakeUp[], occasion: string): Promise<void> {
    const nowMs = this.#clock.monotonicMs()
    for (const wakeUp of wakeUps) {
      const key = this.#keyOf(wakeUp, occasion)
      if ((this.#remembered.get(key) ?? 0) > nowMs) continue
      this.#remembered.set(key, nowMs + REMEMBERED_MS)
      const lane = `${wakeUp.triggerId}#${wakeUp.lane}`
      const messages = this.#lanes.get(lane) ?? []
      messages.push({ wakeUp, sentMs: this.#clock.nowMs(), hiddenUntilMs: 0, receipt: 0 })
      this.#lanes.set(lane, messages)
      this.sent += 1
    }
    this.#arrive()
  }

  /** Waits for a wake-up, and hides it and its lane for so long. */
  async receive(visibilityMs: number): Promise<Received> {
    for (;;) {
      const nowMs = this.#clock.monotonicMs()
      const firsts = [...this.#lanes.values()].flatMap(messages => messages.slice(0, 1))
      const due = firsts.find(({ hiddenUntilMs }) => hiddenUntilMs <= nowMs)
      if (due) {
        this.#receipts += 1
        due.receipt = this.#receipts
        due.hiddenUntilMs = nowMs + visibilityMs
        return { wakeUp: due.wakeUp, sentMs: due.sentMs, receipt: due.receipt }
      }
      const nextMs = Math.min(...firsts.map(({ hiddenUntilMs }) => hiddenUntilMs), nowMs + 3_600_000)
      await this.#clock.sleep(nextMs - nowMs, this.#arrival.signal)
    }
  }

  /** Shows it again after so long. False: somebody else has received it since, or it is gone. */
  hide({ wakeUp, receipt }: Received, durationMs: number): boolean {
    const message = this.#find(wakeUp, receipt)
    if (message) message.hiddenUntilMs = this.#clock.monotonicMs() + durationMs
    this.#arrive()
    return message !== undefined
  }

  delete({ wakeUp, receipt }: Received): void {
    if (!this.#find(wakeUp, receipt)) return
    this.#lanes.get(`${wakeUp.triggerId}#${wakeUp.lane}`)!.shift()
    this.#arrive()
  }

  #find({ triggerId, lane }: LanedWakeUp, receipt: number): Message | undefined {
    const first = this.#lanes.get(`${triggerId}#${lane}`)?.[0]
    return first?.receipt === receipt ? first : undefined
  }

  #arrive(): void {
    // With a reason: making an error for each arrival takes longer than all the rest.
    this.#arrival.abort('arrived')
    this.#arrival = new AbortController()
  }
}
