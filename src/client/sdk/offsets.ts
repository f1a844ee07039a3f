import { TidemarkError } from '../../core/errors.ts'
import { type Offset, toOffset, toWholeNumber, wholeNumberWords } from '../../core/numbers.ts'

/** Of its digits; a number is taken, too. @throws TidemarkError INVALID_REQUEST */
export function parseOffset(given: unknown): Offset {
  const offset = toWholeNumber(given)
  if (offset !== undefined) return toOffset(offset)
  throw new TidemarkError(
    'INVALID_REQUEST',
    `${JSON.stringify(given)} is not an offset: give the digits of ${wholeNumberWords()}.`,
  )
}
