import { toWholeNumber, wholeNumberWords } from '../../../core/numbers.ts'
import { fromPathText } from './path-text.ts'
import { invalid } from './validation.ts'

/**
 * A parameter of a path or a query. Written by hand and not with zod, which bodies need: a function that is sent record
 * batches would load zod for a number in its query, and takes a third longer to start. What is said of a wrong one is
 * what zod says.
 */
export interface Parameter<T> {
  /** @throws Refusal */
  readonly read: (text: unknown) => T
  readonly isOptional: boolean
  /** What OpenAPI says of it: JSON Schema. */
  readonly schema: Readonly<Record<string, unknown>>
}

export type Parameters = Readonly<Record<string, Parameter<unknown>>>

/** What is read of parameters; those that may be left out are undefined then. */
export type Values<P extends Parameters> = { [Name in keyof P]: ReturnType<P[Name]['read']> }

class Refusal extends Error {}

/**
 * Reads parameters, each of which is given as a text, or as a list where it came more than once.
 * @param others whether to refuse or to pass over what has none of their names
 * @throws TidemarkError INVALID_REQUEST, which says where and what
 */
export function readParameters<P extends Parameters>(
  parameters: P,
  given: Readonly<Record<string, string | string[]>>,
  where: 'path' | 'query',
  others: 'refused' | 'passed over',
): Values<P> {
  const values: Record<string, unknown> = {}
  const issues: string[] = []
  for (const [name, parameter] of Object.entries(parameters)) {
    const text = Object.hasOwn(given, name) ? given[name] : undefined
    if (text === undefined && parameter.isOptional) continue
    try {
      values[name] = parameter.read(text)
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      issues.push(`${where}.${name}: ${error.message}`)
    }
  }
  const unknown = Object.keys(given).filter(name => !Object.hasOwn(parameters, name))
  if (unknown.length > 0 && others === 'refused') {
    const names = unknown.map(name => `"${name}"`).join(', ')
    issues.push(`${where}: Unrecognized key${unknown.length > 1 ? 's' : ''}: ${names}`)
  }
  if (issues.length > 0) throw invalid(issues)
  return values as Values<P>
}

export function textParameter(description: string): Parameter<string> {
  return parameter(readText, { type: 'string', description })
}

/** Any text as a part of a path, in the form of `toPathText`. */
export function pathTextParameter(description: string): Parameter<string> {
  return parameter(given => fromPathText(readText(given)), { type: 'string', description })
}

/** Any texts: one, or several where the parameter comes more than once. */
export function textsParameter(description: string): Parameter<string[]> {
  const anyOf = [{ type: 'string' }, { type: 'array', items: { type: 'string' } }]
  return parameter(given => (Array.isArray(given) ? given : [readText(given)]), { anyOf, description })
}

/** A text that `parse` makes something of; `message` says what it takes where that is undefined. */
export function parsedParameter<T>(
  parse: (text: string) => T | undefined,
  message: string,
  documentation: { description: string; examples: readonly string[] },
): Parameter<T> {
  const read = (given: unknown) => parse(readText(given)) ?? refuse(message)
  return parameter(read, { type: 'string', ...documentation })
}

export function choiceParameter<const T extends string>(
  choices: readonly T[],
  description: string,
): Parameter<T> {
  const message = `Invalid option: expected one of ${choices.map(choice => `"${choice}"`).join('|')}`
  const read = (given: unknown) => choices.find(choice => choice === given) ?? refuse(message)
  return parameter(read, { type: 'string', enum: choices, description })
}

/** A whole number in decimal digits; `N` may brand it, since all are safe integers from 0 on. */
export function numberParameter<N extends number = number>(
  description: string,
  largest: number = Number.MAX_SAFE_INTEGER,
): Parameter<N> {
  const read = (given: unknown) => {
    const number = toWholeNumber(readText(given), { max: largest })
    return (
      (number as N | undefined) ?? refuse(`must be ${wholeNumberWords({ max: largest })}, in decimal digits`)
    )
  }
  return parameter(read, { type: 'integer', minimum: 0, description })
}

export function partitionParameter(description: string): Parameter<number> {
  return numberParameter(description, 2 ** 31 - 1)
}

export function optional<T>(parameter: Parameter<T>): Parameter<T | undefined> {
  return { ...parameter, isOptional: true }
}

function parameter<T>(read: Parameter<T>['read'], schema: Parameter<T>['schema']): Parameter<T> {
  return { read, isOptional: false, schema }
}

/** A parameter that comes twice is a list, which none takes: one of them would be ignored. */
function readText(given: unknown): string {
  if (typeof given === 'string') return given
  return refuse(`Invalid input: expected string, received ${given === undefined ? 'undefined' : 'array'}`)
}

function refuse(reason: string): never {
  throw new Refusal(reason)
}
