import { FUNCTION_REPORT_MS, FUNCTION_REPORT_REQUESTS_MAX } from '../../src/core/limits.ts'
import type { MetricName, Report } from './telemetry.ts'

/** What requests come to of which each by itself is of no interest: counts as their sums, and how long each took. */
export class GatheredReports {
  readonly #sums = new Map<MetricName, number>()
  #durationsMs: number[] = []
  #toldMs = performance.now()

  add({ metrics: { DurationMs, ...counts } }: Report): void {
    for (const [name, value] of Object.entries(counts)) {
      this.#sums.set(name as MetricName, (this.#sums.get(name as MetricName) ?? 0) + value)
    }
    this.#durationsMs.push(DurationMs ?? 0)
  }

  get isDue(): boolean {
    const { length } = this.#durationsMs
    return length >= FUNCTION_REPORT_REQUESTS_MAX || performance.now() - this.#toldMs >= FUNCTION_REPORT_MS
  }

  /** Gives all of it once: each metric's values. */
  take(): [MetricName, readonly number[]][] {
    const sums = [...this.#sums].map(([name, sum]): [MetricName, readonly number[]] => [name, [sum]])
    const durationsMs = this.#durationsMs
    this.#sums.clear()
    this.#durationsMs = []
    this.#toldMs = performance.now()
    return durationsMs.length === 0 ? [] : [...sums, ['DurationMs', durationsMs]]
  }
}
