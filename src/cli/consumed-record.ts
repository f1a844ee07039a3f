import type { LogRecord } from '../core/record/index.ts'

/** A record with the place it was read from. */
export interface ConsumedRecord {
  topic: string
  partition: number
  record: LogRecord
}

/** The bytes that stand for a record in the output. */
export type FormatRecord = (consumed: ConsumedRecord) => Uint8Array[]

const NEWLINE = Uint8Array.of(10)
const NOTHING = new Uint8Array(0)

/** The default: the value byte for byte, and a newline. */
export const formatValueLine: FormatRecord = ({ record }) => [record.value ?? NOTHING, NEWLINE]
