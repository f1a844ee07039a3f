import { type KafkaErrorName, TidemarkError } from '../../core/errors.ts'

/** What outages tell; `of` is what failed, or was the last to work again. */
export interface OutageListener<Work, Row> {
  /** Something fails that is tried again. Told once for each kind of work and error, until the kind works again. */
  began(error: TidemarkError, during: Work, of: Row): void
  /** It has failed for so long that its owner cannot go on. @returns whether that is told, which it is once */
  lasts?(error: TidemarkError, during: Work): boolean
  /** Nothing of this kind fails any more. */
  over(during: Work, of: Row, durationMs: number): void
}

export interface OutageSettings<Work> {
  /** After how many milliseconds of failures in a row not to try again. */
  giveUpAfterMs: number
  /** After how many milliseconds without success a failure lasts. */
  lastsAfterMs: (during: Work) => number
}

/** Failures in a row of one thing. */
interface FailingRow {
  /** The last time that it worked, or was not tried yet. */
  sinceMs: number
  firstMs: number
  error: TidemarkError
}

/** All that fails at one kind of work. */
interface Outage<Row> {
  beganMs: number
  rows: Map<Row, FailingRow>
  told: Set<KafkaErrorName>
  lastsTimer: NodeJS.Timeout | undefined
  hasLasted: boolean
}

/** Failures that may pass: each trouble is told once when it begins, once when it lasts, and once when it is over. */
export class Outages<Work extends string, Row extends object = object> {
  readonly #settings: OutageSettings<Work>
  readonly #listener: OutageListener<Work, Row>
  readonly #outages = new Map<Work, Outage<Row>>()

  constructor(settings: OutageSettings<Work>, listener: OutageListener<Work, Row>) {
    this.#settings = settings
    this.#listener = listener
  }

  isFailing(during: Work): boolean {
    return this.#outages.has(during)
  }

  /**
   * @param of what failures count by: each partition's fetches are a row of their own
   * @param sinceMs the last time that it worked, by the clock that only goes forward; now unless it is given
   * @returns whether to try again
   */
  failed(during: Work, of: Row, error: unknown, sinceMs = performance.now()): boolean {
    if (!isPassing(error)) return false
    const nowMs = performance.now()
    const outage = this.#outages.get(during) ?? openOutage<Row>(sinceMs)
    this.#outages.set(during, outage)
    const before = outage.rows.get(of)
    // To give up is counted from the first failure on: a machine that slept has not failed for long.
    const row = { sinceMs, firstMs: nowMs, ...before, error }
    outage.rows.set(of, row)
    if (nowMs - row.firstMs > this.#settings.giveUpAfterMs) return false
    if (!outage.told.has(error.kafkaName)) {
      outage.told.add(error.kafkaName)
      this.#listener.began(error, during, of)
    }
    this.#watch(during, outage)
    return true
  }

  passed(during: Work, of: Row): void {
    const outage = this.#outages.get(during)
    if (!outage) return
    outage.rows.delete(of)
    if (outage.rows.size > 0) return
    clearTimeout(outage.lastsTimer)
    this.#outages.delete(during)
    this.#listener.over(during, of, performance.now() - outage.beganMs)
  }

  /** It is not tried any more. Where nothing else fails, the next success at such work tells that it is over. */
  forget(of: Row): void {
    for (const { rows } of this.#outages.values()) rows.delete(of)
  }

  /** Tells nothing more of what fails now. */
  close(): void {
    for (const { lastsTimer } of this.#outages.values()) clearTimeout(lastsTimer)
    this.#outages.clear()
  }

  #watch(during: Work, outage: Outage<Row>): void {
    const afterMs = this.#settings.lastsAfterMs(during)
    if (outage.hasLasted || outage.lastsTimer || !Number.isFinite(afterMs)) return
    const dueMs = Math.min(...[...outage.rows.values()].map(({ sinceMs }) => sinceMs)) + afterMs
    outage.lastsTimer = setTimeout(
      () => {
        outage.lastsTimer = undefined
        const nowMs = performance.now()
        const lasting = [...outage.rows.values()].find(({ sinceMs }) => nowMs - sinceMs >= afterMs)
        if (lasting) outage.hasLasted = this.#listener.lasts?.(lasting.error, during) ?? true
        // Another row has begun later than the one that the timer was set for.
        else if (outage.rows.size > 0) this.#watch(during, outage)
      },
      Math.max(0, Math.ceil(dueMs - performance.now())),
    )
  }
}

function openOutage<Row>(beganMs: number): Outage<Row> {
  return { beganMs, rows: new Map(), told: new Set(), lastsTimer: undefined, hasLasted: false }
}

/** Worth another try: also a broker that broke down over one request. */
export function isPassing(error: unknown): error is TidemarkError {
  return error instanceof TidemarkError && (error.retriable || error.kafkaName === 'UNKNOWN_SERVER_ERROR')
}
