import { TidemarkError } from '../../../../src/core/errors.ts'
import { compileFilters } from '../../../../src/core/trigger/filter.ts'
import { record } from '../records.ts'

export type Answer = boolean | 'refused'

/** Answers to patterns with events: of each pattern a sign for each event. */
export type Table = readonly { events: readonly string[]; answers: Readonly<Record<string, string>> }[]

/** In a table: "+" fits, "-" does not, "x" is refused when the rule is made. */
export function signOf(answer: Answer): string {
  return answer === 'refused' ? 'x' : answer ? '+' : '-'
}

/** What our filter says of a pattern for a value, both as JSON text. */
export function answerOf(pattern: string, event: string): Answer {
  try {
    return compileFilters([`{"value":${pattern}}`])(record({ value: event }))
  } catch (error) {
    if (error instanceof TidemarkError) return 'refused'
    throw error
  }
}
