import { INT32_MAX, toWholeNumber, wholeNumberProblem } from '../../../core/numbers.ts'
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

/** @param schema what is told of it beside that; the broker is what refuses a text that is not so */
export function textParameter(
  description: string,
  schema: Parameter<string>['schema'] = {},
): Parameter<string> {
  return parameter(readText, { type: 'string', ...schema, description })
}

/** Any text as a part of a path, in the form of `toPathText`. */
export function pathTextParameter(
  description: string,
  schema: Parameter<string>['schema'],
): Parameter<string> {
  return parameter(given => fromPathText(readText(given)), { type: 'string', ...schema, description })
}

/** Any texts: one, or several where the parameter comes more than once. */
export function textsParameter(description: string): Parameter<string[]> {
  const schema = { type: 'array', items: { type: 'string' }, description }
  return parameter(given => (Array.isArray(given) ? given : [readText(given)]), schema)
}

/** A text that `parse` makes something of; where that is undefined, `problem` says what is wrong with it. */
export function parsedParameter<T>(
  parse: (text: string) => T | undefined,
  problem: (text: string) => string,
  schema: Parameter<T>['schema'] & { description: string },
): Parameter<T> {
  const read = (given: unknown) => {
    const text = readText(given)
    return parse(text) ?? refuse(problem(text))
  }
  return parameter(read, schema)
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
  const bounds = { max: largest }
  const read = (given: unknown) => {
    const text = readText(given)
    return (toWholeNumber(text, bounds) as N | undefined) ?? refuse(wholeNumberProblem(text, bounds))
  }
  const format = largest <= INT32_MAX ? 'int32' : 'int64'
  return parameter(read, { type: 'integer', format, minimum: 0, maximum: largest, description })
}

export function partitionParameter(description: string): Parameter<number> {
  return numberParameter(description, INT32_MAX)
}

/** @param byDefault what it counts as where it is left out, for whoever reads the description */
export function optional<T>(parameter: Parameter<T>, byDefault?: T): Parameter<T | undefined> {
  const { schema } = parameter
  return {
    ...parameter,
    isOptional: true,
    schema: byDefault === undefined ? schema : { ...schema, default: byDefault },
  }
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
