import { isObject } from '../../json.ts'
import type { ScalarTest } from './json.ts'
import type { Place } from './place.ts'

/** `{"prefix": "a"}` or `{"prefix": {"equals-ignore-case": "a"}}`. */
export function compilePrefix(operand: unknown, place: Place): ScalarTest {
  return compileAffix('prefix', operand, place, (text, prefix) => text.startsWith(prefix))
}

/** `{"suffix": "a"}` or `{"suffix": {"equals-ignore-case": "a"}}`. */
export function compileSuffix(operand: unknown, place: Place): ScalarTest {
  return compileAffix('suffix', operand, place, (text, suffix) => text.endsWith(suffix))
}

/** `{"equals-ignore-case": "a"}`. */
export function compileEqualsIgnoreCase(operand: unknown, place: Place): ScalarTest {
  if (typeof operand !== 'string')
    throw place.refusal('gives "equals-ignore-case" something else than a text')
  const wanted = folded(operand)
  return value => typeof value === 'string' && folded(value) === wanted
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
): ScalarTest {
  if (typeof operand === 'string') return value => typeof value === 'string' && holds(value, operand)
  if (isObject(operand) && Object.keys(operand).length === 1) {
    const ignoringCase = operand['equals-ignore-case']
    if (typeof ignoringCase === 'string') {
      const wanted = folded(ignoringCase)
      return value => typeof value === 'string' && holds(folded(value), wanted)
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

/** Upper case and not lower: a Greek text's last sigma has a form of its own there. */
function folded(text: string): string {
  return text.toUpperCase()
}
