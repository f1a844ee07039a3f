/**
 * A clock that goes faster than the machine's, for programs that mostly wait: session time-outs and pauses pass sooner,
 * and are as long as ever by the clock that all of them go by. Such a program loads this file before its own.
 */
import { syncBuiltinESMExports } from 'node:module'
import timers from 'node:timers'
import timersPromises from 'node:timers/promises'

const VARIABLE = 'TIDEMARK_TEST_CLOCK'

export interface QuickClock {
  /** For the programs that are to go by it. */
  readonly environment: NodeJS.ProcessEnv
  /** Milliseconds since the epoch, by this clock. */
  nowMs(): number
  /** Waits for so long by this clock. */
  sleep(durationMs: number): Promise<void>
}

/** @param rate how many seconds pass in one; 1: the machine's clock */
export function quickClock(rate: number): QuickClock {
  const sinceMs = Date.now()
  const setting = `${rate}@${sinceMs}`
  const sleep = timersPromises.setTimeout
  return {
    environment: rate === 1 ? {} : { NODE_OPTIONS: `--import ${import.meta.url}`, [VARIABLE]: setting },
    nowMs: () => sinceMs + (Date.now() - sinceMs) * rate,
    sleep: durationMs => sleep(durationMs / rate),
  }
}

function quicken(rate: number, sinceMs: number): void {
  const machine = { now: Date.now, performanceNow: performance.now.bind(performance) }
  Date.now = () => Math.floor(sinceMs + (machine.now() - sinceMs) * rate)
  performance.now = () => machine.performanceNow() * rate
  for (const name of ['setTimeout', 'setInterval'] as const) {
    const start = globalThis[name] as (
      callback: () => void,
      durationMs?: number,
      ...more: unknown[]
    ) => unknown
    const startQuick = (callback: () => void, durationMs = 0, ...more: unknown[]) =>
      start(callback, durationMs / rate, ...more)
    Object.assign(globalThis, { [name]: startQuick })
    Object.assign(timers, { [name]: startQuick })
  }
  const { setTimeout: sleep } = timersPromises
  timersPromises.setTimeout = (durationMs = 0, ...more) => sleep(durationMs / rate, ...more)
  syncBuiltinESMExports()
}

const setting = process.env[VARIABLE]
if (setting) {
  const [rate, sinceMs] = setting.split('@').map(Number)
  quicken(rate!, sinceMs!)
}
