import { TidemarkError } from '../../core/errors.ts'
import { type Offset, toOffset } from '../../core/numbers.ts'

/**
 * What programs without types hand in. Whatever is not of the shape that is asked for is refused here, in words, before
 * anything is done.
 */

/** @throws TidemarkError INVALID_REQUEST */
export function parseOffset(text: string): Offset {
  if (/^\d{1,16}$/.test(String(text)) && Number.isSafeInteger(Number(text))) return toOffset(Number(text))
  throw new TidemarkError('INVALID_REQUEST', `${JSON.stringify(text)} is not an offset: give its digits.`)
}

/** @throws TidemarkError INVALID_REQUEST */
export function checkName(name: unknown, what: string): void {
  if (typeof name === 'string' && name !== '') return
  throw new TidemarkError('INVALID_REQUEST', `${JSON.stringify(name)} is no ${what}: give its name.`)
}

/** @throws TidemarkError INVALID_REQUEST when it is no list, or something in it has no name */
export function checkNames(names: unknown, what: string): void {
  checkList(names, `${what}s`)
  for (const name of names) checkName(name, what)
}

/** @throws TidemarkError INVALID_REQUEST */
export function checkList(list: unknown, of: string): asserts list is unknown[] {
  if (Array.isArray(list)) return
  throw new TidemarkError('INVALID_REQUEST', `Give a list of ${of}, not ${JSON.stringify(list)}.`)
}
