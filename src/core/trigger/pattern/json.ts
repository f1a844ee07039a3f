import { isObject as isAnyObject, type JsonObject } from '../../json.ts'
import { isNumeral, type Numeral } from './numeral.ts'

export type Scalar = string | number | Numeral | boolean | null

/** Of what `parseDocument` made. */
export function isObject(value: unknown): value is JsonObject {
  return isAnyObject(value) && !isNumeral(value)
}

/** A scalar's test; whoever knows what a test is for makes one. */
export type ScalarTest = (value: Scalar) => boolean

/** A field's value; what only the prototype has, a document does not have. */
export function fieldOf(value: JsonObject, name: string): unknown {
  return Object.hasOwn(value, name) ? value[name] : undefined
}

/** The objects that a value is, or has in lists, however deep these lie in each other. */
export function objectsOf(value: unknown): JsonObject[] {
  return itemsOf(value).filter(isObject)
}

/** The same for what is no object. */
export function scalarsOf(value: unknown): Scalar[] {
  return itemsOf(value).filter((item): item is Scalar => !isObject(item) && item !== undefined)
}

function itemsOf(value: unknown): unknown[] {
  if (!Array.isArray(value)) return [value]
  // Without recursion: a record's value comes from any producer, and can be lists in lists a million times.
  const items: unknown[] = []
  const waiting: unknown[] = [value]
  while (waiting.length > 0) {
    const next = waiting.pop()
    if (Array.isArray(next)) for (const item of next) waiting.push(item)
    else items.push(next)
  }
  return items
}
