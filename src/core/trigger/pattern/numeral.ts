/**
 * A number that is lost between doubles, such as an id beyond 2^53: as it is written. It equals what is written in the
 * same way, and is neither more nor less than anything, as event-ruler has it.
 */
export class Numeral {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }

  /** For messages. */
  toJSON(): string {
    return this.text
  }
}

export function isNumeral(value: unknown): value is Numeral {
  return value instanceof Numeral
}

/**
 * "JSON.parse source text access", which the compiler's library does not know yet: a reviver is told how a number was
 * spelled.
 */
type Reviver = (key: string, value: unknown, context?: { source?: string }) => unknown

/** Only such numbers can be lost: up to 15 digits, doubles keep. The same in a string matches too, harmlessly. */
const MAY_BE_LOST = /\d[\d.]{15}|\d[eE][+-]?\d{3}/

/**
 * What JSON stands for, with Numerals in place of numbers that a double would change; undefined where it is none. Texts
 * that are nested thousands deep get doubles.
 */
export function parseDocument(text: string): unknown {
  try {
    // A reviver is called for every value and takes several times as long, so only texts that need it pay.
    if (!MAY_BE_LOST.test(text)) return JSON.parse(text)
    return parseKeepingDigits(text)
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

function parseKeepingDigits(text: string): unknown {
  const keep: Reviver = (_, value, context) =>
    typeof value === 'number' && context?.source !== undefined && !isKept(context.source, value)
      ? new Numeral(context.source)
      : value
  try {
    return JSON.parse(text, keep)
  } catch (error) {
    // A reviver goes into the depth on the stack; the parser alone does not.
    if (error instanceof RangeError) return JSON.parse(text)
    throw error
  }
}

/** Whether the double that was read prints as the number that was written, in whichever form. */
function isKept(source: string, value: number): boolean {
  return Number.isFinite(value) && sameDecimal(source, String(value))
}

function sameDecimal(one: string, other: string): boolean {
  const [digits, exponent] = decimalOf(one)
  const [otherDigits, otherExponent] = decimalOf(other)
  return digits === otherDigits && (digits === '' || exponent === otherExponent)
}

/** The digits without zeros around them, and which power of ten the last of them stands for. Signs never change. */
function decimalOf(text: string): [digits: string, exponent: number] {
  const [, whole, fraction = '', exponent = '0'] = /^-?(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(text)!
  const digits = `${whole}${fraction}`
  // Not by an expression for zeros at the end, which would look at each run of zeros anew.
  let end = digits.length
  while (end > 0 && digits[end - 1] === '0') end -= 1
  return [digits.slice(0, end).replace(/^0+/, ''), Number(exponent) - fraction.length + digits.length - end]
}
