import { FUNCTION_REPORT_MS, FUNCTION_REPORT_REQUESTS_MAX } from '../../src/core/limits.ts'
import type { MetricName, Report } from './report.ts'

/** What requests come to of which each by itself is of no interest: counts as their sums, and how long each took. */
export class GatheredReports {
  readonly #sums = new Map<MetricName, number>()
  #durationsMs: number[] = []
  #count = 0
  #toldMs = performance.now()

  add({ metrics: { DurationMs, ...counts } }: Report): void {
    for (const [name, value] of Object.entries(counts)) {
      this.#sums.set(name as MetricName, (this.#sums.get(name as MetricName) ?? 0) + value)
    }
    if (DurationMs !== undefined) this.#durationsMs.push(DurationMs)
    this.#count += 1
  }

  get isDue(): boolean {
    const isLong = performance.now() - this.#toldMs >= FUNCTION_REPORT_MS
    return isLong || this.#count >= FUNCTION_REPORT_REQUESTS_MAX
  }

  /** Gives all of it once: each metric's values. */
  take(): [MetricName, readonly number[]][] {
    const sums = [...this.#sums].map(([name, sum]): [MetricName, readonly number[]] => [name, [sum]])
    const durationsMs = this.#durationsMs
    this.#sums.clear()
    this.#durationsMs = []
    this.#count = 0
    this.#toldMs = performance.now()
    return durationsMs.length === 0 ? sums : [...sums, ['DurationMs', durationsMs]]
  }
}
