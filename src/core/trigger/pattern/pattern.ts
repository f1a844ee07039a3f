import type { JsonObject } from '../../json.ts'
import { fieldOf, isObject, objectsOf, scalarsOf } from './json.ts'
import { compileLeaf } from './leaf.ts'
import type { Place } from './place.ts'

/**
 * EventBridge's event patterns. Every field of a pattern has to fit: an object by its own fields, a list by one of its
 * entries. A list in a document fits by any of its values; of a list of objects, one object has to fit as a whole.
 * Source: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html, and for what it
 * does not say event-ruler 2.1.0, the library that AWS made public: test/core/trigger/oracle holds us to its answers.
 */
export type Pattern = (root: JsonObject) => boolean

type ObjectTest = (object: JsonObject, document: Document) => boolean

/** How the names of a pattern's fields are made conditions: documents and records differ in that. */
type CompileField<Subject> = (name: string, given: unknown, place: Place) => (subject: Subject) => boolean

/**
 * Makes a pattern over documents. What is not known is refused, and not ignored.
 * @param place of the pattern: the document is what stands there
 * @throws INVALID_REQUEST
 */
export function compilePattern(pattern: JsonObject, place: Place): Pattern {
  const test = compileObject(pattern, place, place.path.length)
  return root => test(root, new Document(root))
}

/**
 * Compiles an object's fields, and `$or`: a list of objects of which one has to fit.
 * @throws INVALID_REQUEST
 */
export function compileFields<Subject>(
  pattern: JsonObject,
  place: Place,
  compileField: CompileField<Subject>,
): (subject: Subject) => boolean {
  const entries = Object.entries(pattern)
  if (entries.length === 0) throw place.refusal('is an empty object, which everything fits: leave it out')
  const tests = entries.map(([name, given]) => {
    if (name !== '$or') return compileField(name, given, place.at(name))
    if (!Array.isArray(given) || given.length < 2 || !given.every(isObject)) {
      throw place.at(name).refusal('is no list of two objects or more, of which one has to fit')
    }
    // Names in messages lead to fields, and "$or" is none.
    const choices = given.map(choice => compileFields(choice, place, compileField))
    return (subject: Subject) => choices.some(choice => choice(subject))
  })
  return subject => tests.every(test => test(subject))
}

/** @param depth how many names of the place lead to the document */
function compileObject(pattern: JsonObject, place: Place, depth: number): ObjectTest {
  const test = compileFields<Standing>(pattern, place, (name, given, at) => {
    if (Array.isArray(given)) {
      const leaf = compileLeaf(given, at)
      const path = at.path.slice(depth)
      return ({ object, document }) => {
        const values = scalarsOf(fieldOf(object, name))
        return values.length > 0 ? leaf.matches(values) : leaf.matchesAbsent && document.lacks(path)
      }
    }
    if (!isObject(given)) {
      const value = JSON.stringify(given)
      throw at.refusal(`is ${value.slice(0, 200)}: put what is to fit into a list, [${value.slice(0, 200)}]`)
    }
    const inner = compileObject(given, at, depth)
    return ({ object, document }) => {
      const objects = objectsOf(fieldOf(object, name))
      return (objects.length > 0 ? objects : [NOTHING]).some(each => inner(each, document))
    }
  })
  return (object, document) => test({ object, document })
}

interface Standing {
  readonly object: JsonObject
  readonly document: Document
}

const NOTHING: JsonObject = {}

/** What is found out once, and not again for each object of a list, of which a record can have a million. */
class Document {
  readonly #root: JsonObject
  readonly #lacks = new Map<readonly string[], boolean>()

  constructor(root: JsonObject) {
    this.#root = root
  }

  /** Whether no object has a value there: that one of a list lacks a field says nothing of the others. */
  lacks(path: readonly string[]): boolean {
    let lacks = this.#lacks.get(path)
    if (lacks === undefined) {
      let found: unknown[] = [this.#root]
      for (const name of path) found = found.flatMap(objectsOf).map(object => fieldOf(object, name))
      lacks = found.flatMap(scalarsOf).length === 0
      this.#lacks.set(path, lacks)
    }
    return lacks
  }
}
