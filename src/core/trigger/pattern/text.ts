import { isObject, type ScalarTest } from './json.ts'
import type { Place } from './place.ts'

/** `{"prefix": "a"}` or `{"prefix": {"equals-ignore-case": "a"}}`. */
export function compilePrefix(operand: unknown, place: Place): ScalarTest {
  return compileAffix(
    'prefix',
    operand,
    place,
    (text, prefix) => text.startsWith(prefix),
    (text, variants) => endsOf(text, variants).size > 0,
  )
}

/** `{"suffix": "a"}` or `{"suffix": {"equals-ignore-case": "a"}}`. */
export function compileSuffix(operand: unknown, place: Place): ScalarTest {
  return compileAffix(
    'suffix',
    operand,
    place,
    (text, suffix) => text.endsWith(suffix),
    (text, variants) => startsOf(text, variants).size > 0,
  )
}

/** `{"exactly": "a"}`: the text, also where it looks like an address. */
export function compileExactly(operand: unknown, place: Place): ScalarTest {
  if (typeof operand !== 'string') throw place.refusal('gives "exactly" something else than a text')
  return value => value === operand
}

/** `{"equals-ignore-case": "a"}`. */
export function compileEqualsIgnoreCase(operand: unknown, place: Place): ScalarTest {
  if (typeof operand !== 'string')
    throw place.refusal('gives "equals-ignore-case" something else than a text')
  const variants = variantsOf(operand)
  return value => typeof value === 'string' && endsOf(value, variants).has(value.length)
}

/**
 * `{"wildcard": "a*b"}`, where `*` stands for any characters, none among them; `\*` and `\\` stand for themselves.
 * Pieces between stars are looked for one after the other, each as early as it comes: no other way could match where
 * this one does not, so that there is nothing to try again.
 */
export function compileWildcard(operand: unknown, place: Place): ScalarTest {
  if (typeof operand !== 'string') throw place.refusal('gives "wildcard" something else than a text')
  const [first, ...others] = piecesOf(operand, place)
  const last = others.pop()
  if (last === undefined) return value => value === first
  return value => {
    if (typeof value !== 'string' || !value.startsWith(first!)) return false
    let position = first!.length
    for (const piece of others) {
      const found = value.indexOf(piece, position)
      if (found === -1) return false
      position = found + piece.length
    }
    return value.length - last.length >= position && value.endsWith(last)
  }
}

function compileAffix(
  name: string,
  operand: unknown,
  place: Place,
  holds: (text: string, affix: string) => boolean,
  holdsIgnoringCase: (text: string, variants: Variants) => boolean,
): ScalarTest {
  if (typeof operand === 'string') return value => typeof value === 'string' && holds(value, operand)
  if (isObject(operand) && Object.keys(operand).length === 1) {
    const ignoringCase = operand['equals-ignore-case']
    if (typeof ignoringCase === 'string') {
      const variants = variantsOf(ignoringCase)
      return value => typeof value === 'string' && holdsIgnoringCase(value, variants)
    }
  }
  throw place.refusal(`gives "${name}" something else than a text or {"equals-ignore-case": text}`)
}

/** What stands between the stars. */
function piecesOf(wildcard: string, place: Place): string[] {
  const pieces = ['']
  for (let position = 0; position < wildcard.length; position += 1) {
    const character = wildcard[position]!
    const next = wildcard[position + 1]
    if (character === '*') {
      if (next === '*') throw place.refusal('has two stars in a row in a "wildcard": one is enough')
      pieces.push('')
      continue
    }
    if (character === '\\') {
      if (next !== '*' && next !== '\\') {
        throw place.refusal('has a backslash in a "wildcard" that escapes no star and no backslash')
      }
      position += 1
    }
    pieces[pieces.length - 1] += wildcard[position]!
  }
  return pieces
}

/** How each character of a text may be written. */
type Variants = readonly (readonly string[])[]

/**
 * Each character as it is, in lower and in upper case, by itself as event-ruler has it: "ß" may be written "SS", and
 * "SS" not "ß". Characters of two units stand for themselves.
 */
function variantsOf(text: string): Variants {
  return text.split('').map(unit => [...new Set([unit, unit.toLowerCase(), unit.toUpperCase()])])
}

/** Where the variants can end that a text begins with: more than one place where they differ in length. */
function endsOf(text: string, variants: Variants): Set<number> {
  let ends = new Set([0])
  for (const spellings of variants) {
    const next = new Set<number>()
    for (const end of ends) {
      for (const spelling of spellings) if (text.startsWith(spelling, end)) next.add(end + spelling.length)
    }
    if (next.size === 0) return next
    ends = next
  }
  return ends
}

/** The same from the end. */
function startsOf(text: string, variants: Variants): Set<number> {
  let starts = new Set([text.length])
  for (const spellings of variants.toReversed()) {
    const next = new Set<number>()
    for (const start of starts) {
      for (const spelling of spellings) if (text.endsWith(spelling, start)) next.add(start - spelling.length)
    }
    if (next.size === 0) return next
    starts = next
  }
  return starts
}
