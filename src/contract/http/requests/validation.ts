import type * as z from 'zod'
import { TidemarkError } from '../../../core/errors.ts'

/** What a problem lists at most, so that a body with a million bad records gets a short answer. */
const ISSUES_MAX = 5

/** Of a parsed object: zod says that an optional member can be undefined, but JSON has no undefined. */
export type Parsed<T> = T extends string | number | bigint | boolean | Uint8Array
  ? T
  : T extends object
    ? { [Key in keyof T]: Parsed<Exclude<T[Key], undefined>> }
    : T

/** @throws INVALID_REQUEST, which says where and what, when `value` is not as `schema` wants it */
export function check<S extends z.ZodType>(schema: S, value: unknown, where: string): Parsed<z.output<S>> {
  const result = schema.safeParse(value)
  if (result.success) return result.data as Parsed<z.output<S>>
  // Only what is listed is described: there can be a million.
  const issues = result.error.issues
  throw invalid(
    issues.slice(0, ISSUES_MAX).map(issue => describe(issue, where)),
    issues.length,
  )
}

export function invalid(issues: readonly string[], count = issues.length): TidemarkError {
  const listed = issues.slice(0, ISSUES_MAX)
  if (count > ISSUES_MAX) listed.push(`and ${count - ISSUES_MAX} more`)
  return new TidemarkError('INVALID_REQUEST', `The request is not valid. ${listed.join('; ')}.`)
}

type Issue = z.core.$ZodIssue

function describe(issue: Issue, where: string): string {
  const { path, message } = mostSpecific(issue)
  const place = path.map(part => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`)).join('')
  return `${where}${place}: ${message}`
}

/** Of a union's alternatives the one that came closest says what is wrong; the others only confuse. */
function mostSpecific(issue: Issue): { path: PropertyKey[]; message: string } {
  if (issue.code !== 'invalid_union') return issue
  const inner = issue.errors.flat().filter(branch => branch.code === 'custom' || branch.path.length > 0)
  if (inner.length === 0) return issue
  const closest = mostSpecific(inner[0]!)
  return { path: [...issue.path, ...closest.path], message: closest.message }
}
