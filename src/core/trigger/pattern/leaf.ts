import { compileAnythingBut } from './anything-but.ts'
import { compileAddress, compileCidr } from './cidr.ts'
import { isObject, type Scalar, type ScalarTest } from './json.ts'
import { isNumeral } from './numeral.ts'
import { compileNumeric } from './numeric.ts'
import type { Place } from './place.ts'
import {
  compileEqualsIgnoreCase,
  compileExactly,
  compilePrefix,
  compileSuffix,
  compileWildcard,
} from './text.ts'

/** What a list at the end of a pattern's path asks of a field. */
export interface Leaf {
  /** Whether one of the field's values fits one of the list's entries. */
  matches(values: readonly Scalar[]): boolean
  readonly matchesAbsent: boolean
}

const OPERATORS: Readonly<Record<string, (operand: unknown, place: Place) => ScalarTest>> = {
  exactly: compileExactly,
  prefix: compilePrefix,
  suffix: compileSuffix,
  'equals-ignore-case': compileEqualsIgnoreCase,
  wildcard: compileWildcard,
  'anything-but': compileAnythingBut,
  numeric: compileNumeric,
  cidr: compileCidr,
  exists: compileExists,
}

/** @throws INVALID_REQUEST for what is no list of values and operators */
export function compileLeaf(list: readonly unknown[], place: Place): Leaf {
  if (list.length === 0) {
    throw place.refusal(
      'has an empty list, which nothing fits: list values or operators, or leave the field out',
    )
  }
  const tests = list.map(entry => compileEntry(entry, place))
  return {
    matches: values => values.some(value => tests.some(test => test(value))),
    matchesAbsent: list.some(entry => isObject(entry) && entry.exists === false),
  }
}

function compileEntry(entry: unknown, place: Place): ScalarTest {
  if (Array.isArray(entry)) throw place.refusal('has a list in a list: list values and operators')
  if (isNumeral(entry)) return value => isNumeral(value) && value.text === entry.text
  if (typeof entry === 'string') return compileAddress(entry) ?? (value => value === entry)
  // Numbers are equal by value, however they were written.
  if (!isObject(entry)) return value => value === entry
  const names = Object.keys(entry)
  const name = names[0]
  if (name === undefined || names.length > 1 || !Object.hasOwn(OPERATORS, name)) {
    const known = Object.keys(OPERATORS).join(', ')
    throw place.refusal(
      `lists ${JSON.stringify(entry).slice(0, 200)}: an operator is an object with one of ${known} in it`,
    )
  }
  return OPERATORS[name]!(entry[name], place)
}

/** `{"exists": true}`; of `false`, what is there fits nothing. */
function compileExists(operand: unknown, place: Place): ScalarTest {
  if (typeof operand !== 'boolean') throw place.refusal('gives "exists" something else than true or false')
  return () => operand
}
