import type { ScalarTest } from './json.ts'
import { isNumeral } from './numeral.ts'
import type { Place } from './place.ts'

type Comparison = (value: number, bound: number) => boolean

const LOWER: Readonly<Record<string, Comparison>> = { '>': (a, b) => a > b, '>=': (a, b) => a >= b }
const UPPER: Readonly<Record<string, Comparison>> = { '<': (a, b) => a < b, '<=': (a, b) => a <= b }
const ALONE: Readonly<Record<string, Comparison>> = { '=': (a, b) => a === b }

/** `{"numeric": ["=", 5]}`, `{"numeric": [">", 0]}`, `{"numeric": [">", 0, "<=", 5]}`. */
export function compileNumeric(operand: unknown, place: Place): ScalarTest {
  if (!Array.isArray(operand)) throw wrong(place)
  const [name, bound, otherName, otherBound] = operand
  if (operand.length === 2) {
    const comparison = find({ ...ALONE, ...LOWER, ...UPPER }, name, bound, place)
    return value => typeof value === 'number' && comparison(value, bound)
  }
  if (operand.length !== 4) throw wrong(place)
  const lower = find(LOWER, name, bound, place)
  const upper = find(UPPER, otherName, otherBound, place)
  if (bound >= otherBound) {
    throw place.refusal('has a "numeric" range in which nothing lies: the lower bound comes first')
  }
  return value => typeof value === 'number' && lower(value, bound) && upper(value, otherBound)
}

function find(
  comparisons: Readonly<Record<string, Comparison>>,
  name: unknown,
  bound: unknown,
  place: Place,
): Comparison {
  const comparison = typeof name === 'string' && Object.hasOwn(comparisons, name) && comparisons[name]
  if (isNumeral(bound)) throw place.incomparable(bound.text)
  if (!comparison || typeof bound !== 'number') throw wrong(place)
  return comparison
}

function wrong(place: Place) {
  return place.refusal(
    'has a "numeric" that cannot be read: give ["=", 5], one bound such as [">", 0], or a lower and an upper one, ' +
      '[">=", 0, "<", 5]',
  )
}
