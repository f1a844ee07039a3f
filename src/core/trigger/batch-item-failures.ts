import { isObject } from '../json.ts'
import { type Offset, toOffset } from '../numbers.ts'
import { partitionKey } from './event.ts'

export type Failures =
  | { readonly kind: 'none' }
  /** What comes before this offset is done. */
  | { readonly kind: 'from'; readonly offset: Offset }
  | { readonly kind: 'all'; readonly reason: string }

/**
 * Reads a partial answer: `{"batchItemFailures":[{"itemIdentifier":{"partition":"orders-0","offset":100}}]}`. An
 * answer without failures means success. What names no record of the batch means that all of it failed.
 * Source: https://docs.aws.amazon.com/lambda/latest/dg/kafka-retry-configurations.html ("PartialBatchResponse").
 * Beside that form a plain offset is understood, as Kinesis' sequence numbers are given: an event here has records of
 * one partition only.
 * @param answer what the function's JSON stands for; undefined where it gave none
 * @param firstOffset of the batch's records
 * @param lastOffset of the batch's records
 */
export function readFailures(
  answer: unknown,
  topic: string,
  partition: number,
  firstOffset: Offset,
  lastOffset: Offset,
): Failures {
  if (answer === undefined || answer === null) return { kind: 'none' }
  // Not success: it may well be a list of failures in a form that nobody reads.
  if (!isObject(answer)) return all(`is no object, but ${shown(answer)}`)
  const items = answer.batchItemFailures ?? []
  if (!Array.isArray(items)) return all(`has batchItemFailures that are no list, but ${shown(items)}`)

  const partitionName = partitionKey(topic, partition)
  let lowest: number | undefined
  for (const item of items) {
    const offset = isObject(item) ? offsetOf(item.itemIdentifier, partitionName) : undefined
    if (offset === undefined) {
      const form = `{"itemIdentifier":{"partition":${JSON.stringify(partitionName)},"offset":${firstOffset}}}`
      return all(`has ${shown(item)} among batchItemFailures, where ${form} would be understood`)
    }
    if (offset < firstOffset || offset > lastOffset) {
      return all(`names offset ${offset}, and the batch has ${firstOffset} to ${lastOffset}`)
    }
    lowest = Math.min(offset, lowest ?? offset)
  }
  return lowest === undefined ? { kind: 'none' } : { kind: 'from', offset: toOffset(lowest) }
}

/** undefined: it is none of this partition. */
function offsetOf(identifier: unknown, partitionName: string): number | undefined {
  if (isObject(identifier)) {
    return identifier.partition === partitionName ? wholeNumber(identifier.offset) : undefined
  }
  const isDigits = typeof identifier === 'string' && /^\d+$/.test(identifier)
  return wholeNumber(isDigits ? Number(identifier) : identifier)
}

function wholeNumber(value: unknown): number | undefined {
  return Number.isSafeInteger(value) ? (value as number) : undefined
}

function all(problem: string): Failures {
  return { kind: 'all', reason: `the function's answer ${problem}` }
}

/** As JSON, and short: it goes into logs. */
function shown(value: unknown): string {
  const json = JSON.stringify(value) ?? 'nothing'
  return json.length <= 100 ? json : `${json.slice(0, 100)}…`
}
