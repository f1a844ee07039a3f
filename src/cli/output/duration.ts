import { UsageError } from './failure.ts'

const UNITS_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** `500ms`, `2s`, `1.5m`, `1h`, `7d`: in milliseconds. */
export function parseDuration(text: string): number {
  const [, amount, unit] = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(text) ?? []
  if (amount === undefined || unit === undefined) {
    throw new UsageError(`'${text}' is no duration: give a number and ms, s, m, h or d, such as 2s`)
  }
  return Math.round(Number(amount) * UNITS_MS[unit]!)
}

/** In the unit that is read best: `12 ms`, `1.5 s`. */
export function formatDuration(durationMs: number): string {
  if (durationMs < 999.5) return `${durationMs < 9.95 ? durationMs.toFixed(1) : Math.round(durationMs)} ms`
  return `${(durationMs / 1_000).toFixed(1)} s`
}
