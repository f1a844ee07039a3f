import type { JsonObject } from '../../json.ts'
import { isObject } from './json.ts'
import type { Place } from './place.ts'

/** Names that event-ruler keeps for itself inside of "$or". */
const RESERVED = new Set([
  ...[
    'exactly',
    'equals-ignore-case',
    'prefix',
    'suffix',
    'anything-but',
    'exists',
    'wildcard',
    'numeric',
    'cidr',
  ],
  ...['=', '<', '<=', '>', '>=', 'regex', 'not-wildcard', 'not-equals-ignore-case'],
  ...['date-after', 'date-on-or-after', 'date-before', 'date-on-or-before', 'in-date-range'],
  ...['ip-address-in-range', 'ip-address-not-in-range'],
])

/**
 * Refuses what event-ruler refuses of a pattern's fields or reads in its own way: of a field that is named twice, inside
 * of "$or" and beside it, it drops the one that stands first, which nobody means.
 * @throws INVALID_REQUEST
 */
export function checkFields(pattern: JsonObject, place: Place): void {
  fieldsOf(pattern, place, false)
}

/** The paths of all fields, as text. */
function fieldsOf(pattern: JsonObject, place: Place, isInOr: boolean): Set<string> {
  const fields = new Set<string>()
  for (const [name, given] of Object.entries(pattern)) {
    if (name === '$or') continue
    const at = place.at(name)
    if (isInOr && RESERVED.has(name)) throw at.refusal('has a name that is reserved inside of "$or"')
    add(fields, isObject(given) ? fieldsOf(given, at, isInOr) : new Set([JSON.stringify(at.path)]), place)
  }
  const choices = Object.hasOwn(pattern, '$or') ? (pattern.$or as JsonObject[]) : []
  // The choices of one "$or" may look at the same fields: only one of them counts.
  const chosen = new Set(choices.flatMap(choice => [...fieldsOf(choice, place, true)]))
  return add(fields, chosen, place)
}

function add(fields: Set<string>, more: ReadonlySet<string>, place: Place): Set<string> {
  for (const field of more) {
    if (fields.has(field)) {
      const path = (JSON.parse(field) as string[]).map(name => JSON.stringify(name)).join('.')
      throw place.refusal(
        `looks at ${path} inside of "$or" and beside it: put all of its conditions into one place`,
      )
    }
    fields.add(field)
  }
  return fields
}
