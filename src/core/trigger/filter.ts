import { TidemarkError } from '../errors.ts'
import type { JsonObject } from '../json.ts'
import { TRIGGER_FILTER_CHARACTERS_MAX, TRIGGER_FILTER_ITEMS_MAX } from '../limits.ts'
import { checkFields } from './pattern/fields.ts'
import { isObject } from './pattern/json.ts'
import { compileLeaf } from './pattern/leaf.ts'
import { parseDocument } from './pattern/numeral.ts'
import { compileFields, compilePattern } from './pattern/pattern.ts'
import { Place } from './pattern/place.ts'
import type { TriggerRecord } from './trigger.ts'

/**
 * Filters of Lambda's event sources for Kafka: patterns that look at a record's value and key. Ours look at headers,
 * offset and timestamp, too.
 * Source: https://docs.aws.amazon.com/lambda/latest/dg/kafka-filtering.html
 */
type RecordTest = (record: DecodedRecord) => boolean

type CompileField = (given: unknown, place: Place) => RecordTest

const FIELDS: Readonly<Record<string, CompileField>> = {
  value: (given, place) => compileBytes('value', given, place),
  key: (given, place) => compileBytes('key', given, place),
  headers: compileHeaders,
  offset: (given, place) => compileNumber(record => record.offset, given, place),
  timestamp: (given, place) => compileNumber(record => record.timestampMs, given, place),
}

/**
 * Makes a test from patterns, each as JSON: a record passes that fits one of them; without any, all do. It takes time
 * in proportion to the record and the patterns, and throws for no record.
 * @throws INVALID_REQUEST for what is no pattern: which filter, where in it, and what can stand there
 */
export function compileFilters(filters: readonly string[]): (record: TriggerRecord) => boolean {
  if (filters.length > TRIGGER_FILTER_ITEMS_MAX) {
    throw new TidemarkError(
      'INVALID_REQUEST',
      `A trigger has at most ${TRIGGER_FILTER_ITEMS_MAX} filters, and not ${filters.length}: put several patterns into ` +
        'one with "$or".',
    )
  }
  if (filters.length === 0) return () => true
  const tests = filters.map((filter, index) => compileFilter(filter, new Place(index + 1)))
  return record => {
    const decoded = new DecodedRecord(record)
    return tests.some(test => test(decoded))
  }
}

function compileFilter(filter: string, place: Place): RecordTest {
  if (filter.length > TRIGGER_FILTER_CHARACTERS_MAX) {
    throw place.refusal(
      `has ${filter.length} characters, and at most ${TRIGGER_FILTER_CHARACTERS_MAX} are allowed`,
    )
  }
  const pattern = parseDocument(filter)
  if (!isObject(pattern))
    throw place.refusal('is no JSON object: write it as {"value": {"name": ["what fits"]}}')
  const test = compileFields(pattern, place, (name, given, at) => {
    if (Object.hasOwn(FIELDS, name)) return FIELDS[name]!(given, at)
    throw at.refusal(`looks at what a record does not have. It has ${Object.keys(FIELDS).join(', ')}`)
  })
  checkFields(pattern, place)
  return test
}

/** Under an object, the bytes are JSON, and what is no JSON object does not fit; under a list, they are text. */
function compileBytes(name: 'key' | 'value', given: unknown, place: Place): RecordTest {
  if (isObject(given)) {
    const pattern = compilePattern(given, place)
    return record => {
      const document = record.jsonOf(name)
      return isObject(document) && pattern(document)
    }
  }
  if (!Array.isArray(given)) throw place.refusal('is neither an object, for JSON, nor a list, for text')
  const leaf = compileLeaf(given, place)
  // A record without a value is what others call null: both words find it.
  const matchesMissing = leaf.matchesAbsent || given.includes(null)
  return record => {
    const text = record.textOf(name)
    if (text === null) return matchesMissing
    return text !== undefined && leaf.matches([text])
  }
}

/** Each header is a field with its text, or a list of texts where its name comes more than once. */
function compileHeaders(given: unknown, place: Place): RecordTest {
  if (!isObject(given)) throw place.refusal('is no object: write it as {"name": ["what fits"]}')
  const pattern = compilePattern(given, place)
  checkFlat(given, place)
  return record => pattern(record.headers)
}

function checkFlat(pattern: JsonObject, place: Place): void {
  for (const [name, given] of Object.entries(pattern)) {
    if (name === '$or') for (const choice of given as JsonObject[]) checkFlat(choice, place)
    else if (isObject(given))
      throw place.at(name).refusal('is an object, and headers are text: list what fits')
  }
}

function compileNumber(
  numberOf: (record: TriggerRecord) => number,
  given: unknown,
  place: Place,
): RecordTest {
  if (!Array.isArray(given)) throw place.refusal('is no list: write it as [{"numeric": [">=", 0]}]')
  const leaf = compileLeaf(given, place)
  return ({ record }) => leaf.matches([numberOf(record)])
}

const strictDecoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const decoder = new TextDecoder('utf-8', { ignoreBOM: true })

/** A record's parts as filters see them, each decoded once, and not at all where no filter asks for it. */
class DecodedRecord {
  readonly record: TriggerRecord
  #headers: JsonObject | undefined
  readonly #texts: { key?: string | null | undefined; value?: string | null | undefined } = {}
  readonly #documents: { key?: unknown; value?: unknown } = {}

  constructor(record: TriggerRecord) {
    this.record = record
  }

  /** Null where there is none; undefined where it is no UTF-8. */
  textOf(name: 'key' | 'value'): string | null | undefined {
    if (!(name in this.#texts)) this.#texts[name] = decodeStrictly(this.record[name])
    return this.#texts[name]
  }

  /** Undefined where there is no JSON. */
  jsonOf(name: 'key' | 'value'): unknown {
    if (!(name in this.#documents)) {
      const text = this.textOf(name)
      this.#documents[name] = typeof text === 'string' ? parseDocument(text) : undefined
    }
    return this.#documents[name]
  }

  get headers(): JsonObject {
    this.#headers ??= headersOf(this.record)
    return this.#headers
  }
}

function headersOf({ headers }: TriggerRecord): JsonObject {
  const texts = new Map<string, (string | null)[]>()
  for (const { key, value } of headers) {
    const text = value === null ? null : decoder.decode(value)
    const known = texts.get(key)
    if (known) known.push(text)
    else texts.set(key, [text])
  }
  return Object.fromEntries(texts)
}

function decodeStrictly(bytes: Uint8Array | null): string | null | undefined {
  if (bytes === null) return null
  try {
    return strictDecoder.decode(bytes)
  } catch (error) {
    if (error instanceof TypeError) return undefined
    throw error
  }
}
