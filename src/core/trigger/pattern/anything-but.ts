import { isObject, type Scalar, type ScalarTest } from './json.ts'
import { isNumeral } from './numeral.ts'
import type { Place } from './place.ts'
import { compileEqualsIgnoreCase, compilePrefix, compileSuffix, compileWildcard } from './text.ts'

type CompileText = (operand: unknown, place: Place) => ScalarTest

const TEXT_OPERATORS: Readonly<Record<string, CompileText>> = {
  prefix: compilePrefix,
  suffix: compileSuffix,
  'equals-ignore-case': compileEqualsIgnoreCase,
  wildcard: compileWildcard,
}

/**
 * `{"anything-but": "a"}`, a list of texts or of numbers, or one of `prefix`, `suffix`, `equals-ignore-case` and
 * `wildcard` with a text or a list of texts. A field that is not there is nothing, and not anything else.
 */
export function compileAnythingBut(operand: unknown, place: Place): ScalarTest {
  const isExcluded = isObject(operand) ? compileTextOperator(operand, place) : compileList(operand, place)
  return value => !isExcluded(value)
}

function compileList(operand: unknown, place: Place): ScalarTest {
  const values: unknown[] = Array.isArray(operand) ? operand : [operand]
  const lost = values.find(isNumeral)
  if (lost) throw place.incomparable(lost.text)
  const isOfKind = (kind: string) => values.every(value => typeof value === kind)
  if (values.length === 0 || !(isOfKind('string') || isOfKind('number'))) throw wrong(place)
  const excluded = new Set<unknown>(values)
  return (value: Scalar) => excluded.has(value)
}

function compileTextOperator(operand: Readonly<Record<string, unknown>>, place: Place): ScalarTest {
  const [entry, ...others] = Object.entries(operand)
  if (!entry || others.length > 0 || !Object.hasOwn(TEXT_OPERATORS, entry[0])) throw wrong(place)
  const [name, given] = entry
  const texts: unknown[] = Array.isArray(given) ? given : [given]
  if (texts.length === 0 || !texts.every(text => typeof text === 'string')) throw wrong(place)
  if ((name === 'prefix' || name === 'suffix') && texts.includes('')) {
    throw place.refusal(`has an "anything-but" with an empty ${name}, which every text has`)
  }
  const tests = texts.map(text => TEXT_OPERATORS[name]!(text, place))
  return value => tests.some(test => test(value))
}

function wrong(place: Place) {
  return place.refusal(
    'has an "anything-but" that cannot be read: give a text, a number, a list of texts or of numbers, or one of ' +
      `${Object.keys(TEXT_OPERATORS).join(', ')} with a text or a list of texts`,
  )
}
