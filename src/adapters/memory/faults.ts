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
    sleep: (durationMs, signal) => process.receive(clock.sleep(durationMs, signal)),
    turn: () => process.receive(clock.turn()),
  }
}

/**
 * A port as it looks from a process across an unreliable network. Every call takes time and may meet a fault;
 * what the store does, it still does atomically. `writes` names the methods that change something.
 */
export function withFaults<T extends object>(
  port: T,
  writes: readonly (keyof T)[],
  faults: FaultSource,
  process: SimulatedProcess,
  clock: Clock,
): T {
  return new Proxy(port, {
    get(target, name) {
      const method = target[name as keyof T]
      if (typeof method !== 'function') return method
      return (...args: unknown[]) => {
        const apply = () => Reflect.apply(method, target, args) as unknown
        // Listings are not part of any protocol; they pass untouched.
        if (name === 'list' || name === 'partitions') return apply()
        const isWrite = writes.includes(name as keyof T)
        return process.receive(callAcross(apply, isWrite, faults, process, clock))
      }
    },
  })
}

async function callAcross(
  apply: () => unknown,
  isWrite: boolean,
  faults: FaultSource,
  process: SimulatedProcess,
  clock: Clock,
): Promise<unknown> {
  const fault = faults.nextFault(isWrite)
  const travel = () => clock.sleep(faults.nextDelayMs(fault))
  if (fault === 'crash before') {
    process.kill()
    return await never()
  }
  await travel()
  switch (fault) {
    case 'refused':
      throw new NotApplied('refused by the simulation')
    case 'lost request':
      return await timeOut(clock)
    case 'lost answer':
      await apply()
      return await timeOut(clock)
    case 'late':
      void clock.sleep(TIMEOUT_MS + faults.nextDelayMs('slow')).then(apply)
      return await timeOut(clock)
    case 'duplicate':
      void clock.sleep(faults.nextDelayMs('slow')).then(apply)
      return await answer(apply, travel)
    case 'crash after':
      await apply()
      process.kill()
      return await never()
    default:
      return await answer(apply, travel)
  }
}

async function answer(apply: () => unknown, travel: () => Promise<void>): Promise<unknown> {
  const result = await apply()
  await travel()
  return result
}

async function timeOut(clock: Clock): Promise<never> {
  await clock.sleep(TIMEOUT_MS)
  throw new OutcomeUnknown('timed out in the simulation')
}

function never(): Promise<never> {
  return new Promise(() => {})
}
