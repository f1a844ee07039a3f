import { TidemarkError } from '../errors.ts'

/**
 * A test for whole topic names.
 * @throws INVALID_REQUEST where the pattern cannot be read
 */
export function compilePattern(pattern: string): (name: string) => boolean {
  try {
    const expression = new RegExp(`^(?:${pattern})$`, 'u')
    return name => expression.test(name)
  } catch (error) {
    throw new TidemarkError(
      'INVALID_REQUEST',
      `The topic pattern ${JSON.stringify(pattern)} cannot be read.`,
      'no',
      {
        cause: error,
      },
    )
  }
}
