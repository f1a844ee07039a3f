import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import * as z from 'zod'
import {
  choiceParameter,
  numberParameter,
  optional,
  parsedParameter,
  partitionParameter,
  readParameters,
  textParameter,
} from '../../../../src/contract/http/requests/parameters.ts'
import { check } from '../../../../src/contract/http/requests/validation.ts'
import { wholeNumberProblem } from '../../../../src/core/numbers.ts'

const PARAMETERS = {
  word: textParameter('A word.'),
  count: numberParameter('How many.'),
  partition: optional(partitionParameter('Which.')),
  mode: optional(choiceParameter(['fast', 'slow'], 'How.')),
}

/** The same as zod has it: what its messages are is what ours are to be. */
const number = (largest: number) =>
  z
    .string()
    .refine(text => /^\d+$/.test(text) && Number(text) <= largest, {
      error: ({ input }) => wholeNumberProblem(input, { max: largest }),
    })
    .transform(Number)
const shape = {
  word: z.string(),
  count: number(Number.MAX_SAFE_INTEGER),
  partition: number(2 ** 31 - 1).optional(),
  mode: z.enum(['fast', 'slow']).optional(),
}

function outcome(read: () => unknown): unknown {
  try {
    return read()
  } catch (error) {
    return (error as Error).message
  }
}

const value = fc.oneof(
  fc.constantFrom('0', '12', '2147483647', '2147483648', '9007199254740993', '-1', '1e3', '', 'fast', 'SLOW'),
  fc.string(),
  fc.array(fc.constantFrom('1', 'fast'), { minLength: 2, maxLength: 3 }),
)
const given = fc.record(
  { word: value, count: value, partition: value, mode: value, other: value, 'an"other': value, x: value },
  { requiredKeys: [] },
)

describe('parameters', () => {
  test('are read and refused as zod would', () => {
    fc.assert(
      fc.property(given, parameters => {
        expect(outcome(() => readParameters(PARAMETERS, parameters, 'query', 'refused'))).toEqual(
          outcome(() => check(z.strictObject(shape), parameters, 'query')),
        )
        expect(outcome(() => readParameters(PARAMETERS, parameters, 'path', 'passed over'))).toEqual(
          outcome(() => check(z.object(shape), parameters, 'path')),
        )
      }),
      { numRuns: 500 },
    )
  })

  test('are not taken from what every object has', () => {
    const parameters = { constructor: textParameter('A name that objects have.') }
    expect(() => readParameters(parameters, {}, 'query', 'refused')).toThrow(/received undefined/)
    expect(() => readParameters({}, { constructor: 'x' }, 'query', 'refused')).toThrow(
      'query: Unrecognized key: "constructor"',
    )
  })

  test('that are parsed say what they take', () => {
    const parameters = {
      at: parsedParameter(
        text => (text === 'now' ? 1 : undefined),
        () => 'must be now',
        {
          description: 'When.',
          examples: [],
        },
      ),
    }
    expect(readParameters(parameters, { at: 'now' }, 'query', 'refused')).toEqual({ at: 1 })
    expect(() => readParameters(parameters, { at: 'then' }, 'query', 'refused')).toThrow(
      'query.at: must be now',
    )
  })

  test('no more than five issues are listed', () => {
    const many = Object.fromEntries(Array.from({ length: 7 }, (_, index) => [`p${index}`, textParameter('')]))
    expect(() => readParameters(many, {}, 'query', 'refused')).toThrow(/p4: [^;]*; and 2 more\.$/)
  })
})
