import type { LogRecord } from '../../core/record/record.ts'

/** A record with the place it was read from. */
export interface ConsumedRecord {
  topic: string
  partition: number
  /** In a group: under which ownership it was read. */
  generation?: number
  record: LogRecord
}

/** The bytes that stand for a record in the output; of a large one, a piece at a time. */
export type FormatRecord = (consumed: ConsumedRecord) => Iterable<Uint8Array>

const NEWLINE = Uint8Array.of(10)
const NOTHING = new Uint8Array(0)

/** The default: the value byte for byte, and a newline. */
export const formatValueLine: FormatRecord = ({ record }) => [record.value ?? NOTHING, NEWLINE]

/**
 * The value byte for byte, and a newline between two values but none after the last: what came from a file that
 * does not end with a newline makes the same file again.
 */
export function formatJoinedValues(): FormatRecord {
  let isFirst = true
  return ({ record }) => {
    const value = record.value ?? NOTHING
    if (!isFirst) return [NEWLINE, value]
    isFirst = false
    return [value]
  }
}
