/**
 * A wall clock that a test sets while the program runs, as somebody does who corrects the time of a machine. Nothing else
 * changes: timers and `performance.now()` go on. Such a program loads this file before its own.
 */
import { readFileSync, writeFileSync } from 'node:fs'

const VARIABLE = 'TIDEMARK_TEST_CLOCK_FILE'
/** How often a program looks whether its clock was set. */
const LOOK_MS = 20

export interface SettableClock {
  /** For the programs that are to go by it. */
  readonly environment: NodeJS.ProcessEnv
  /** Sets it to so much ahead of the machine's, or behind where it is negative. Resolves when programs know. */
  set(aheadMs: number): Promise<void>
}

/** @param file where programs look how far ahead their clock is */
export function settableClock(file: string): SettableClock {
  writeFileSync(file, '0')
  return {
    environment: { NODE_OPTIONS: `--import ${import.meta.url}`, [VARIABLE]: file },
    set: async aheadMs => {
      writeFileSync(file, String(aheadMs))
      await new Promise(resolve => setTimeout(resolve, 5 * LOOK_MS))
    },
  }
}

function goBy(file: string): void {
  const machineNow = Date.now
  let aheadMs = 0
  const look = () => {
    const told = Number(readFileSync(file, 'utf8') || Number.NaN)
    // It may be read while it is written.
    if (Number.isFinite(told)) aheadMs = told
  }
  look()
  setInterval(look, LOOK_MS).unref()
  Date.now = () => machineNow() + aheadMs
  globalThis.Date = new Proxy(Date, {
    construct: (target, args, newTarget) =>
      Reflect.construct(target, args.length === 0 ? [target.now()] : args, newTarget),
  })
}

const file = process.env[VARIABLE]
if (file) goBy(file)
