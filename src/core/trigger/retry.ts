import { TRIGGER_BACKOFF_FIRST_MS, TRIGGER_BACKOFF_MS_MAX } from '../limits.ts'
import { advance, type Offset } from '../numbers.ts'
import type { Progress } from './progress.ts'

/** What came of a call, in terms of the batch. */
export type Judged =
  | { readonly kind: 'done' }
  /** `firstFailed`: the first record that the function's answer names; null: it did not say. */
  | { readonly kind: 'failed'; readonly error: string; readonly firstFailed: Offset | null }
  /** The function did not get the batch, which is not at fault. */
  | { readonly kind: 'not-called'; readonly error: string }

export interface CalledBatch {
  /** Of its records, ascending, at least one. Others between them fit no filter. */
  readonly offsets: readonly Offset[]
  /** Everything before this offset is dealt with once the batch is. */
  readonly end: Offset
}

export interface RetryRules {
  /** How often a failing batch is tried again; null: without end. */
  readonly retries: number | null
  readonly bisects: boolean
}

export type Decision =
  /** Commit, and call what comes next at once: the batch is done, or was taken apart. */
  | { readonly kind: 'go on'; readonly commitTo: Offset; readonly progress: Progress | null }
  /** Commit, and try again after a pause (`pauseMs`). */
  | { readonly kind: 'wait'; readonly commitTo: Offset; readonly progress: Progress }
  /**
   * Tell of the records from `from` to before `commitTo`, and commit then. Where telling fails, `untold` is what to
   * note down at `from`: who finds it tells, and calls nobody.
   */
  | {
      readonly kind: 'give up'
      readonly from: Offset
      readonly commitTo: Offset
      readonly progress: Progress | null
      readonly untold: Progress
    }

/** What to do after a call, where `progress` is what was noted down before it. */
export function decide(
  rules: RetryRules,
  batch: CalledBatch,
  progress: Progress | null,
  judged: Judged,
  nowMs: number,
): Decision {
  const { end } = batch
  const first = batch.offsets[0]!
  if (judged.kind === 'done') return { kind: 'go on', commitTo: end, progress: progressBehind(progress, end) }

  const failing = failed(progress, judged.error, nowMs)
  if (judged.kind === 'not-called') {
    return { kind: 'wait', commitTo: first, progress: { ...failing, ends: endsWith(progress, end) } }
  }

  const from = judged.firstFailed ?? first
  // What the function got over is done, and what fails now has failed for the first time.
  const attempts = from > first ? 0 : failing.attempts
  const ends = endsWith(progress, end)
  const at = rules.bisects ? splitAt(batch, from, judged.firstFailed !== null) : undefined
  if (at !== undefined) {
    const halved = { ...failing, attempts, failures: 0, ends: [at, ...ends] }
    return { kind: 'go on', commitTo: from, progress: halved }
  }

  const again = { ...failing, attempts: attempts + 1, failures: from > first ? 1 : failing.failures, ends }
  if (!isExhausted(again, rules.retries)) return { kind: 'wait', commitTo: from, progress: again }
  // A record that the function named goes alone: of the others nobody knows that they would fail.
  const commitTo = judged.firstFailed === null ? end : advance(from, 1)
  return {
    kind: 'give up',
    from,
    commitTo,
    progress: progressBehind(again, commitTo),
    untold: { ...again, ends: commitTo < end ? [commitTo, ...ends] : ends },
  }
}

/** Whether a batch has failed as often as it may: it is given up without another call. */
export function isExhausted(progress: Progress | null, retries: number | null): boolean {
  return progress !== null && retries !== null && progress.attempts > retries
}

/** What stays noted down once everything before `offset` is dealt with. */
export function progressBehind(progress: Progress | null, offset: Offset): Progress | null {
  const ends = progress?.ends.filter(end => end > offset) ?? []
  return progress && ends.length > 0 ? { ...progress, attempts: 0, failures: 0, ends } : null
}

/** One more try that came to nothing, whose batch is as before: after a pause everything is tried again. */
export function failed(progress: Progress | null, error: string, nowMs: number): Progress {
  const { attempts = 0, failures = 0, sinceMs = nowMs, ends = [] } = progress ?? {}
  return { attempts, failures: failures + 1, sinceMs, ends, error }
}

/**
 * How long to wait after so many failures in a row, in milliseconds: twice as long each time up to a limit, and up to
 * half of it less by chance, so that many partitions do not call in step.
 * @param fraction from 0 to less than 1
 */
export function pauseMs(failures: number, fraction: number): number {
  const longestMs = Math.min(
    TRIGGER_BACKOFF_MS_MAX,
    TRIGGER_BACKOFF_FIRST_MS * 2 ** Math.max(0, failures - 1),
  )
  return Math.ceil(longestMs * (1 - fraction / 2))
}

/** The ends with this batch's own as the first, so that it is the same batch when it is tried again. */
function endsWith(progress: Progress | null, end: Offset): Offset[] {
  return [end, ...(progress?.ends ?? []).filter(each => each > end)]
}

/** Where to take a failing batch apart; undefined where what fails stands alone. */
function splitAt({ offsets }: CalledBatch, from: Offset, isNamed: boolean): Offset | undefined {
  const left = offsets.filter(offset => offset >= from)
  if (left.length < 2) return undefined
  // The one that was named is alone at once; else halves find out.
  return isNamed ? left[1]! : left[Math.ceil(left.length / 2)]!
}
