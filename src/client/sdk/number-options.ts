import { TidemarkError } from '../../core/errors.ts'
import { toWholeNumber, type WholeNumberBounds, wholeNumberWords } from '../../core/numbers.ts'

/**
 * Checks those of some options that are numbers. What is left out, or null, is as nothing was said; Infinity is no bound.
 * @param of what they are the options of, for messages
 * @throws TidemarkError INVALID_REQUEST
 */
export function checkNumbers(
  of: string,
  options: object,
  bounds: Readonly<Record<string, WholeNumberBounds>>,
): void {
  for (const [name, its] of Object.entries(bounds)) {
    const given = (options as Record<string, unknown>)[name] ?? undefined
    if (given === undefined || (given === Number.POSITIVE_INFINITY && its.max === undefined)) continue
    if (typeof given === 'number' && toWholeNumber(given, its) !== undefined) continue
    const shown = typeof given === 'number' ? String(given) : JSON.stringify(given)
    throw new TidemarkError(
      'INVALID_REQUEST',
      `${name} of ${of} is ${wholeNumberWords(its)}, and not ${shown}.`,
    )
  }
}

/** Of `retry`, wherever it stands. */
export function checkRetry(retry: object | undefined): void {
  if (retry) checkNumbers('retry', retry, { maxRetryTime: {}, initialRetryTime: {}, retries: {} })
}
