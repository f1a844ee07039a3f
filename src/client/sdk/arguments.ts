import { TidemarkError } from '../../core/errors.ts'
import { type Offset, toOffset, toWholeNumber, wholeNumberWords } from '../../core/numbers.ts'

/**
 * What programs without types hand in. Whatever is not of the shape that is asked for is refused here, in words, before
 * anything is done.
 */

/** Of its digits; a number is taken, too. @throws TidemarkError INVALID_REQUEST */
export function parseOffset(given: unknown): Offset {
  const offset = toWholeNumber(given)
  if (offset !== undefined) return toOffset(offset)
  throw new TidemarkError(
    'INVALID_REQUEST',
    `${shown(given)} is not an offset: give the digits of ${wholeNumberWords()}.`,
  )
}

/** @throws TidemarkError INVALID_REQUEST */
export function checkName(name: unknown, what: string): void {
  if (typeof name === 'string' && name !== '') return
  throw new TidemarkError('INVALID_REQUEST', `${shown(name)} is no ${what}: give its name.`)
}

/** @throws TidemarkError INVALID_REQUEST when it is no list, or something in it has no name */
export function checkNames(names: unknown, what: string): void {
  checkList(names, `${what}s`)
  for (const name of names) checkName(name, what)
}

/** @throws TidemarkError INVALID_REQUEST */
export function checkList(list: unknown, of: string): asserts list is unknown[] {
  if (Array.isArray(list)) return
  throw new TidemarkError('INVALID_REQUEST', `Give a list of ${of}, not ${shown(list)}.`)
}

/** @throws TidemarkError INVALID_REQUEST when it is no object; `what` it should be */
export function given<T extends object>(value: T, what: string): T {
  if (typeof value === 'object' && value !== null) return value
  throw new TidemarkError('INVALID_REQUEST', `Give ${what}, not ${shown(value)}.`)
}

/** @throws TidemarkError INVALID_REQUEST when it is no list, or something in it is no object */
export function givenEach<T extends object>(list: readonly T[], what: string, of: string): readonly T[] {
  checkList(list, of)
  for (const each of list) given(each, what)
  return list
}

/** @throws TidemarkError INVALID_REQUEST when it names no partition */
export function checkPlace({ topic, partition }: { topic: string; partition: number }): void {
  checkName(topic, 'topic')
  checkPartition(partition)
}

/** @throws TidemarkError INVALID_REQUEST */
export function checkPartition(partition: number): void {
  if (Number.isSafeInteger(partition) && partition >= 0) return
  const message = `${shown(partition)} is no partition: give its number.`
  throw new TidemarkError('INVALID_REQUEST', message)
}

/** As it stands in a program, as far as JSON can say it. */
export function shown(value: unknown): string {
  try {
    return JSON.stringify(value) ?? String(value)
  } catch {
    // What holds itself, or a bigint.
    return String(value)
  }
}
