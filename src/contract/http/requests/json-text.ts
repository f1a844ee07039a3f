/**
 * "JSON.parse source text access", which the compiler's library does not know yet: a reviver is told how a
 * number was spelled, and JSON.stringify writes what rawJSON made as it is.
 */
const json = JSON as unknown as {
  parse(
    text: string,
    reviver: (key: string, value: unknown, context: { source?: string }) => unknown,
  ): unknown
  rawJSON(text: string): unknown
  isRawJSON(value: unknown): value is { rawJSON: string }
}

/** Only such numbers can change on the way through a double; the same in a string matches too, harmlessly. */
const MAY_CHANGE = /\d[\d.]{15}|\d[eE]|-0|\.\d*0(?!\d)/

/**
 * Parses JSON so that JSON.stringify gives every number back as it was spelled: a 64 bit id in a record must
 * not change its last digits on the way through a double.
 * @throws SyntaxError
 */
export function parseJson(text: string): unknown {
  // A reviver is called for every value and takes several times as long, so only texts that need it pay.
  if (!MAY_CHANGE.test(text)) return JSON.parse(text)
  return json.parse(text, (_key, value, { source }) =>
    typeof value === 'number' && source !== undefined && String(value) !== source
      ? json.rawJSON(source)
      : value,
  )
}

/**
 * The same with plain numbers, but for what stands under the name `json`, which is handed on: whole numbers may be written
 * as 5.0 or 1e3 there, as everywhere in JSON.
 * @throws SyntaxError
 */
export function parseBodyJson(text: string): unknown {
  const parsed = parseJson(text)
  return MAY_CHANGE.test(text) ? withPlainNumbers(parsed) : parsed
}

function withPlainNumbers(value: unknown): unknown {
  // Plus 0: what is left of -0 is 0.
  if (json.isRawJSON(value)) return Number(value.rawJSON) + 0
  if (Array.isArray(value)) return value.map(withPlainNumbers)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([name, each]) => [name, name === 'json' ? each : withPlainNumbers(each)]),
  )
}
