import { decodeBatches, type LogRecord } from '../../src/core/record/index.ts'

/** A record as it was appended. */
export type AppendedRecord = Pick<LogRecord, 'key' | 'value' | 'timestampMs'>

interface AppendedLog {
  /** The bytes of each run that was appended, by its first offset. */
  readonly runs: Map<number, Uint8Array>
  readonly records: Map<number, AppendedRecord>
}

/** Every record of every log, as it was when the head that has it was put. */
export class AppendedRecords {
  readonly #logs = new Map<string, AppendedLog>()

  /** @param run batches, whatever offsets they bear */
  note(log: string, baseOffset: number, run: Uint8Array): void {
    const { runs, records } = this.#of(log)
    runs.set(baseOffset, run)
    for (const [index, record] of decodeBatches(run).entries()) records.set(baseOffset + index, record)
  }

  /** The run that begins there. */
  runAt(log: string, baseOffset: number): Uint8Array | undefined {
    return this.#of(log).runs.get(baseOffset)
  }

  recordAt(log: string, offset: number): AppendedRecord | undefined {
    return this.#of(log).records.get(offset)
  }

  #of(log: string): AppendedLog {
    const known = this.#logs.get(log)
    if (known) return known
    const made: AppendedLog = { runs: new Map(), records: new Map() }
    this.#logs.set(log, made)
    return made
  }
}

/** Whether two records are the same, wherever they stand. */
export function isSameRecord(one: AppendedRecord, other: AppendedRecord): boolean {
  return (
    one.timestampMs === other.timestampMs &&
    isSameBytes(one.key, other.key) &&
    isSameBytes(one.value, other.value)
  )
}

function isSameBytes(one: Uint8Array | null, other: Uint8Array | null): boolean {
  if (one === null || other === null) return one === other
  return Buffer.compare(one, other) === 0
}
