import { describe, expect, test } from 'vitest'
import { toWholeNumber, wholeNumberProblem } from '../../src/core/numbers.ts'

describe('what is wrong with a number', () => {
  test.each([
    [
      '9223372036854775808',
      {},
      'is larger than 9007199254740991; it must be a whole number from 0 on, below 2^53',
    ],
    ['9'.repeat(400), {}, 'is larger than 9007199254740991; it must be a whole number from 0 on, below 2^53'],
    [
      '2147483648',
      { max: 2 ** 31 - 1 },
      'is larger than 2147483647; it must be a whole number from 0 to 2147483647',
    ],
    ['-1', {}, 'is negative; it must be a whole number from 0 on, below 2^53'],
    ['0', { min: 1, max: 9 }, 'is smaller than 1; it must be a whole number from 1 to 9'],
    ['1.5', { max: 9 }, 'is written as a fraction; it must be a whole number from 0 to 9'],
    ['5.0', { max: 9 }, 'is written as a fraction; it must be a whole number from 0 to 9'],
    ['+5', { max: 9 }, 'has a plus sign; it must be a whole number from 0 to 9'],
    [
      ' 5',
      { max: 9 },
      'has a blank before or behind it (a + in a query is one); it must be a whole number from 0 to 9',
    ],
    ['', { max: 9 }, 'is empty; it must be a whole number from 0 to 9'],
    ['1e3', { max: 9 }, 'is not in decimal digits; it must be a whole number from 0 to 9'],
    ['0x10', { max: 9 }, 'is not in decimal digits; it must be a whole number from 0 to 9'],
    ['５', { max: 9 }, 'is not in decimal digits; it must be a whole number from 0 to 9'],
    [2 ** 53, {}, 'is larger than 9007199254740991; it must be a whole number from 0 on, below 2^53'],
    [Number.POSITIVE_INFINITY, { max: 9 }, 'is larger than 9; it must be a whole number from 0 to 9'],
    [-1, { max: 9 }, 'is negative; it must be a whole number from 0 to 9'],
    [1.5, { max: 9 }, 'is a fraction; it must be a whole number from 0 to 9'],
    [Number.NaN, { max: 9 }, 'is no number; it must be a whole number from 0 to 9'],
    [null, { max: 9 }, 'is no number; it must be a whole number from 0 to 9'],
  ])('%j of %j %s', (given, bounds, problem) => {
    expect(toWholeNumber(given, bounds)).toBeUndefined()
    expect(wholeNumberProblem(given, bounds)).toBe(problem)
  })
})

test('zeros at the beginning change nothing, and no zero is negative', () => {
  expect(toWholeNumber('007')).toBe(7)
  expect(toWholeNumber('-0')).toBe(0)
})
