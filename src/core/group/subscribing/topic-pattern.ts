import { TidemarkError } from '../../errors.ts'
import { TOPIC_PATTERN_CHARACTERS_MAX, TOPIC_PATTERN_PLACES_MAX } from '../../limits.ts'

/**
 * Regular expressions for topic names, and a matcher of its own for them. A pattern comes from any client, and is held
 * against every topic by whichever broker looks: JavaScript's matcher tries again and again, and can take hours over
 * a short name. This one goes through a name once, with all places of the pattern where it could be at a time.
 *
 * Known are characters, `.`, classes (`[a-z]`, `[^-]`), `\d \w \s \D \W \S` and other characters after `\`, groups,
 * `|`, `^`, `$`, and `*`, `+`, `?`, `{n}`, `{n,}`, `{n,m}`.
 */
type Pattern =
  | { readonly kind: 'character'; readonly matches: CharacterTest }
  | { readonly kind: 'start' | 'end' }
  | { readonly kind: 'sequence' | 'choice'; readonly parts: readonly Pattern[] }
  | { readonly kind: 'repeat'; readonly part: Pattern; readonly min: number; readonly max: number }

type CharacterTest = (character: string) => boolean

/**
 * A test for names that match the pattern as a whole. Its time grows with the name's length only.
 * @throws INVALID_REQUEST where the pattern is too long or cannot be read
 */
export function compilePattern(pattern: string): (name: string) => boolean {
  if (pattern.length > TOPIC_PATTERN_CHARACTERS_MAX) {
    throw new TidemarkError(
      'INVALID_REQUEST',
      `A topic pattern has at most ${TOPIC_PATTERN_CHARACTERS_MAX} characters; this one has ${pattern.length}.`,
    )
  }
  const { places, first } = toPlaces(pattern, new PatternReader(pattern).read())
  return name => matchesWhole(places, first, name)
}

function refusal(pattern: string, problem: string): TidemarkError {
  // Quoted as JSON and not as it came: this text goes into logs.
  return new TidemarkError('INVALID_REQUEST', `The topic pattern ${JSON.stringify(pattern)} ${problem}.`)
}

const DIGIT: CharacterTest = character => /^\d$/.test(character)
const WORD: CharacterTest = character => /^\w$/.test(character)
const SPACE: CharacterTest = character => /^\s$/.test(character)
const not =
  (test: CharacterTest): CharacterTest =>
  character =>
    !test(character)

const ESCAPED: Readonly<Record<string, CharacterTest>> = {
  d: DIGIT,
  w: WORD,
  s: SPACE,
  D: not(DIGIT),
  W: not(WORD),
  S: not(SPACE),
}

class PatternReader {
  readonly #pattern: string
  #position = 0

  constructor(pattern: string) {
    this.#pattern = pattern
  }

  read(): Pattern {
    const whole = this.#choice()
    if (this.#position < this.#pattern.length) throw this.#refusal('closes a group that is not open')
    return whole
  }

  #choice(): Pattern {
    const parts = [this.#sequence()]
    while (this.#take('|')) parts.push(this.#sequence())
    return parts.length === 1 ? parts[0]! : { kind: 'choice', parts }
  }

  #sequence(): Pattern {
    const parts: Pattern[] = []
    while (this.#position < this.#pattern.length && !this.#isNext('|') && !this.#isNext(')')) {
      parts.push(this.#repeated())
    }
    return parts.length === 1 ? parts[0]! : { kind: 'sequence', parts }
  }

  #repeated(): Pattern {
    const part = this.#atom()
    const times = this.#times()
    if (!times) return part
    // Whether few or many are tried first makes no difference to whether the whole matches.
    this.#take('?')
    if (this.#times()) throw this.#refusal('repeats what is repeated already')
    return { kind: 'repeat', part, ...times }
  }

  #times(): { min: number; max: number } | undefined {
    if (this.#take('*')) return { min: 0, max: Number.POSITIVE_INFINITY }
    if (this.#take('+')) return { min: 1, max: Number.POSITIVE_INFINITY }
    if (this.#take('?')) return { min: 0, max: 1 }
    if (!this.#isNext('{')) return undefined
    const counts = /^\{(\d+)(,(\d*))?\}/.exec(this.#pattern.slice(this.#position))
    if (!counts) throw this.#refusal('has a "{" that does not count: escape it as "\\{"')
    this.#position += counts[0].length
    const min = Number(counts[1])
    const max =
      counts[2] === undefined ? min : counts[3] === '' ? Number.POSITIVE_INFINITY : Number(counts[3])
    if (max < min) throw this.#refusal('repeats something fewer times than it does')
    return { min, max }
  }

  #atom(): Pattern {
    const character = this.#next()
    switch (character) {
      case '(': {
        if (this.#take('?') && !this.#take(':'))
          throw this.#refusal('has a group of a kind that is not known')
        const group = this.#choice()
        if (!this.#take(')')) throw this.#refusal('does not close a group')
        return group
      }
      case '[':
        return { kind: 'character', matches: this.#class() }
      case '.':
        return { kind: 'character', matches: () => true }
      case '^':
        return { kind: 'start' }
      case '$':
        return { kind: 'end' }
      case '\\':
        return { kind: 'character', matches: this.#escaped() }
      case '*':
      case '+':
      case '?':
      case '{':
        throw this.#refusal('repeats nothing')
      case ']':
      case '}':
        throw this.#refusal(`has a "${character}" that closes nothing: escape it as "\\${character}"`)
      default:
        return { kind: 'character', matches: other => other === character }
    }
  }

  /** What comes after a backslash. */
  #escaped(): CharacterTest {
    const character = this.#next()
    const known = ESCAPED[character]
    if (known) return known
    // Letters and digits mean something to other matchers: \b, \1, \p.
    if (/[A-Za-z0-9]/.test(character)) throw this.#refusal(`has a "\\${character}", which is not known`)
    return other => other === character
  }

  /** What comes after an opening bracket. */
  #class(): CharacterTest {
    const isNegated = this.#take('^')
    const tests: CharacterTest[] = []
    while (!this.#take(']')) {
      const from = this.#next()
      // Of a bracket inside, each kind of regular expression makes something else.
      if (from === '[') throw this.#refusal('has a "[" inside of brackets: escape it as "\\["')
      if (from === '\\') tests.push(this.#escaped())
      else if (/^-[^\]]/.test(this.#pattern.slice(this.#position))) {
        this.#take('-')
        const to = this.#next()
        if (to === '\\' || to === '[' || to < from) throw this.#refusal('has a range that goes nowhere')
        tests.push(character => character >= from && character <= to)
      } else tests.push(character => character === from)
    }
    if (tests.length === 0) throw this.#refusal('has brackets with nothing inside')
    return character => tests.some(test => test(character)) !== isNegated
  }

  #isNext(character: string): boolean {
    return this.#pattern[this.#position] === character
  }

  #take(character: string): boolean {
    if (!this.#isNext(character)) return false
    this.#position += 1
    return true
  }

  #next(): string {
    const character = this.#pattern[this.#position]
    if (character === undefined) throw this.#refusal('ends too early')
    this.#position += 1
    return character
  }

  #refusal(problem: string): TidemarkError {
    return refusal(this.#pattern, problem)
  }
}

/** A place in the pattern: a character that moves on to another place, a condition for doing so, or a fork. */
type Place =
  | { readonly kind: 'character'; readonly matches: CharacterTest; readonly next: number }
  | { readonly kind: 'start' | 'end'; readonly next: number }
  | { readonly kind: 'fork'; readonly next: readonly number[] }

/** Where a name that is through has arrived. */
const ARRIVED = -1

function toPlaces(pattern: string, whole: Pattern): { places: readonly Place[]; first: number } {
  const places: Place[] = []
  let steps = 0

  function add(place: Place): number {
    places.push(place)
    return places.length - 1
  }

  /** Puts a part down before `next`, and tells where it begins. */
  function place(part: Pattern, next: number): number {
    // Counted repetitions inside of others multiply, even of nothing.
    steps += 1
    if (steps > TOPIC_PATTERN_PLACES_MAX) throw refusal(pattern, 'is too large, with all its repetitions')
    switch (part.kind) {
      case 'character':
        return add({ kind: 'character', matches: part.matches, next })
      case 'start':
      case 'end':
        return add({ kind: part.kind, next })
      case 'sequence':
        return part.parts.reduceRight((after, one) => place(one, after), next)
      case 'choice':
        return add({ kind: 'fork', next: part.parts.map(one => place(one, next)) })
      case 'repeat': {
        let begin = next
        if (part.max === Number.POSITIVE_INFINITY) {
          const again = [next]
          begin = add({ kind: 'fork', next: again })
          again.push(place(part.part, begin))
        } else {
          for (let count = part.min; count < part.max; count += 1) {
            begin = add({ kind: 'fork', next: [next, place(part.part, begin)] })
          }
        }
        for (let count = 0; count < part.min; count += 1) begin = place(part.part, begin)
        return begin
      }
    }
  }

  const first = place(whole, ARRIVED)
  return { places, first }
}

function matchesWhole(places: readonly Place[], first: number, name: string): boolean {
  /** The places that wait for a character, of all that can be reached from these without one. */
  function reach(from: Iterable<number>, position: number): Set<number> {
    const reached = new Set(from)
    // A set goes on with what is added while it is gone through.
    for (const index of reached) {
      const place = places[index]
      if (place?.kind === 'fork') for (const next of place.next) reached.add(next)
      else if (place?.kind === 'start' && position === 0) reached.add(place.next)
      else if (place?.kind === 'end' && position === name.length) reached.add(place.next)
    }
    return reached
  }

  let current = reach([first], 0)
  for (let position = 0; position < name.length && current.size > 0; position += 1) {
    const after: number[] = []
    for (const index of current) {
      const place = places[index]
      if (place?.kind === 'character' && place.matches(name[position]!)) after.push(place.next)
    }
    current = reach(after, position + 1)
  }
  return current.has(ARRIVED)
}
