import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseJson } from '../../../../src/contract/http/requests/json-text.ts'

test('any JSON value is what JSON.parse makes of it', () => {
  fc.assert(
    fc.property(fc.json(), text => {
      expect(JSON.parse(JSON.stringify(parseJson(text)))).toEqual(
        JSON.parse(JSON.stringify(JSON.parse(text))),
      )
    }),
  )
})

test('any number comes back as it was spelled', () => {
  const digits = (max: number) => fc.stringMatching(new RegExp(`^[0-9]{1,${max}}$`))
  const number = fc
    .tuple(
      fc.boolean(),
      fc.bigInt({ min: 0n }),
      fc.option(digits(25)),
      fc.option(fc.tuple(fc.constantFrom('e', 'E', 'e-', 'E+'), digits(3))),
    )
    .map(
      ([isNegative, whole, fraction, exponent]) =>
        `${isNegative ? '-' : ''}${whole}${fraction === null ? '' : `.${fraction}`}${exponent?.join('') ?? ''}`,
    )
  fc.assert(
    fc.property(fc.array(number), numbers => {
      const text = `{"a":[${numbers.join(',')}],"b":"1.0"}`
      expect(JSON.stringify(parseJson(text))).toBe(text)
    }),
    { numRuns: 2_000 },
  )
})

test('numbers that a double holds stay numbers', () => {
  expect(parseJson('[1,1.5,-3,9007199254740991]')).toEqual([1, 1.5, -3, 9007199254740991])
})

test('what is no JSON is a SyntaxError', () => {
  for (const text of ['', '{', '01', '[1e]', '{"a":1234567890123456789'])
    expect(() => parseJson(text)).toThrow(SyntaxError)
})

test.each([
  '-0',
  '1e5',
  '1E5',
  '1.0',
  '1.50',
  '0.10',
  '12345678901234567',
  '0.1234567890123456789',
  '1e400',
  '-0.0',
])('%s alone comes back as it was spelled', text => {
  expect(JSON.stringify(parseJson(text))).toBe(text)
  expect(JSON.stringify(parseJson(`{"a":[${text}]}`))).toBe(`{"a":[${text}]}`)
})
