import { FETCH_PARTITIONS_MAX, LISTENER_MESSAGE_BYTES_MAX } from '../../../core/limits.ts'
import {
  INT32_MAX,
  toWholeNumber,
  type WholeNumberBounds,
  wholeNumberProblem,
} from '../../../core/numbers.ts'
import type { FetchPartition } from '../../broker.ts'
import { invalid } from './validation.ts'

/** What a request to fetch many partitions says. */
export interface FetchBody {
  readonly partitions: readonly FetchPartition[]
  readonly maxBytes?: number
  readonly minBytes?: number
  readonly maxWaitMs?: number
  readonly locate?: boolean
  readonly listener?: string
}

type Read = (value: unknown) => string | undefined

const number =
  (bounds: WholeNumberBounds = {}): Read =>
  value =>
    typeof value === 'number' && toWholeNumber(value, bounds) !== undefined
      ? undefined
      : wholeNumberProblem(typeof value === 'string' ? undefined : value, bounds)
const ofType =
  (type: 'string' | 'boolean'): Read =>
  value =>
    typeof value === type ? undefined : `Invalid input: expected ${type}`

const PARTITION = {
  topic: ofType('string'),
  topicId: ofType('string'),
  partition: number({ max: INT32_MAX }),
  offset: number(),
  maxBytes: number(),
  arm: ofType('boolean'),
  armFrom: number(),
}
const REQUEST = {
  maxBytes: number(),
  minBytes: number(),
  maxWaitMs: number(),
  locate: ofType('boolean'),
  listener: (value: unknown) =>
    typeof value === 'string' && value.length > LISTENER_MESSAGE_BYTES_MAX
      ? `Too big: expected string to have <=${LISTENER_MESSAGE_BYTES_MAX} characters`
      : ofType('string')(value),
}

/**
 * Checks a body by hand, and says of it what zod would: a function that is asked for records would load zod for a few
 * numbers, and takes a third longer to start.
 * @param topic of all partitions, which do not name any then
 * @throws TidemarkError INVALID_REQUEST, which says where and what
 */
export function readFetchBody(body: unknown, topic?: string): FetchBody {
  const issues: string[] = []
  if (!isObject(body)) throw invalid(['body: Invalid input: expected object'])
  const { partitions, ...rest } = body
  checkMembers(rest, REQUEST, [], 'body', issues)
  if (!Array.isArray(partitions)) throw invalid(['body.partitions: Invalid input: expected array'])
  if (partitions.length > FETCH_PARTITIONS_MAX)
    issues.push(`body.partitions: Too big: expected array to have <=${FETCH_PARTITIONS_MAX} items`)
  else {
    const { topic: _, ...ofTopic } = PARTITION
    const known = topic === undefined ? PARTITION : ofTopic
    for (const [index, partition] of partitions.entries())
      checkMembers(partition, known, ['partition', 'offset'], `body.partitions[${index}]`, issues)
  }
  if (issues.length > 0) throw invalid(issues)
  const asked = partitions as FetchPartition[]
  const named = topic === undefined ? asked : asked.map(each => ({ ...each, topic }))
  return { ...(rest as Omit<FetchBody, 'partitions'>), partitions: named }
}

function checkMembers(
  given: unknown,
  known: Readonly<Record<string, Read>>,
  needed: readonly string[],
  where: string,
  issues: string[],
): void {
  if (!isObject(given)) {
    issues.push(`${where}: Invalid input: expected object`)
    return
  }
  for (const [name, read] of Object.entries(known)) {
    if (!Object.hasOwn(given, name) && !needed.includes(name)) continue
    const problem = read(given[name])
    if (problem !== undefined) issues.push(`${where}.${name}: ${problem}`)
  }
  const unknown = Object.keys(given).filter(name => !Object.hasOwn(known, name))
  if (unknown.length > 0) {
    const names = unknown.map(name => `"${name}"`).join(', ')
    issues.push(`${where}: Unrecognized key${unknown.length > 1 ? 's' : ''}: ${names}`)
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
