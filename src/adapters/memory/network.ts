import type { Clock } from '../../ports/clock.ts'
import { NotApplied, OutcomeUnknown } from '../../ports/outcome.ts'

/** What can become of a call to a store that is somewhere else. */
export type Fault =
  | 'none'
  /** Takes long, both ways. */
  | 'slow'
  /** The store says that it did not do it. */
  | 'refused'
  /** Times out, and was never done. */
  | 'lost request'
  /** Times out, but was done. */
  | 'lost answer'
  /** Times out, and is done later. */
  | 'late'
  /** Is done, and done once more later, by something in between that repeats requests. */
  | 'duplicate'
  /** The calling process dies before the call gets there. */
  | 'crash before'
  /** The calling process dies when it is done, before the answer. */
  | 'crash after'

/** Draws what becomes of the next call, so that a seed can replay a run. */
export interface FaultSource {
  /** @param writes whether the call changes anything; only then can its outcome be unknown */
  nextFault(writes: boolean): Fault
  /** How long a call is under way in one direction, in milliseconds. */
  nextDelayMs(fault: Fault): number
}

const TIMEOUT_MS = 500

/** A process that can die: what it waits for then never comes. */
export class SimulatedProcess {
  readonly died: Promise<void>
  #isAlive = true
  #reportDeath!: () => void

  constructor() {
    this.died = new Promise(resolve => {
      this.#reportDeath = resolve
    })
  }

  get isAlive(): boolean {
    return this.#isAlive
  }

  kill(): void {
    this.#isAlive = false
    this.#reportDeath()
  }

  /** The value as this process gets to know it: never, if it is dead by then. */
  async receive<T>(value: Promise<T>): Promise<T> {
    try {
      return await value
    } finally {
      if (!this.#isAlive) await never()
    }
  }
}

/** The clock as a process sees it: it hears no alarm after its death. */
export function clockOf(process: SimulatedProcess, clock: Clock): Clock {
  return {
    nowMs: () => clock.nowMs(),
    monotonicMs: () => clock.monotonicMs(),
    sleep: (durationMs, signal) => process.receive(clock.sleep(durationMs, signal)),
    turn: () => process.receive(clock.turn()),
  }
}

/**
 * What lies between a process and something that is elsewhere. Every call takes time and may meet a fault; what is called
 * still does what it does atomically.
 */
export class Network {
  readonly #process: SimulatedProcess
  readonly #faults: FaultSource
  readonly #clock: Clock

  constructor(process: SimulatedProcess, faults: FaultSource, clock: Clock) {
    this.#process = process
    this.#faults = faults
    this.#clock = clock
  }

  /** A call that changes nothing. */
  read<T>(call: () => Promise<T>): Promise<T> {
    return this.#process.receive(this.#send(call, this.#faults.nextFault(false)))
  }

  /** A call that may be made twice, or late, when nobody waits for it any more. */
  write<T>(call: () => Promise<T>): Promise<T> {
    return this.#process.receive(this.#send(call, this.#faults.nextFault(true)))
  }

  async #send<T>(call: () => Promise<T>, fault: Fault): Promise<T> {
    if (fault === 'crash before') {
      this.#process.kill()
      return await never()
    }
    await this.#travel(fault)
    switch (fault) {
      case 'refused':
        throw new NotApplied('refused by the simulation')
      case 'lost request':
        return await this.#timeOut()
      case 'lost answer':
        await call()
        return await this.#timeOut()
      case 'late':
        void this.#clock.sleep(TIMEOUT_MS + this.#faults.nextDelayMs('slow')).then(call)
        return await this.#timeOut()
      case 'duplicate':
        void this.#clock.sleep(this.#faults.nextDelayMs('slow')).then(call)
        break
      case 'crash after':
        await call()
        this.#process.kill()
        return await never()
    }
    const answer = await call()
    await this.#travel(fault)
    return answer
  }

  #travel(fault: Fault): Promise<void> {
    return this.#clock.sleep(this.#faults.nextDelayMs(fault))
  }

  async #timeOut(): Promise<never> {
    await this.#clock.sleep(TIMEOUT_MS)
    throw new OutcomeUnknown('timed out in the simulation')
  }
}

function never(): Promise<never> {
  return new Promise(() => {})
}
