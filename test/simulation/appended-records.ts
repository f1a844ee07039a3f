import { decodeBatches, type LogRecord } from '../../src/core/record/index.ts'

/** A record as it was appended. */
export type AppendedRecord = Pick<LogRecord, 'key' | 'value' | 'timestampMs'>

interface StoredRecord extends AppendedRecord {
  /** When the head was put that has it. */
  readonly atMs: number
}

interface AppendedLog {
  /** The bytes of each run that was appended, by its first offset. */
  readonly runs: Map<number, Uint8Array>
  readonly records: Map<number, StoredRecord>
  /** The last record of each key. */
  readonly lastOf: Map<string, number>
  /** The next record of the same key, of each that has one. */
  readonly laterOf: Map<number, number>
}

/** Every record of every log, as it was when the head that has it was put. */
export class AppendedRecords {
  readonly #logs = new Map<string, AppendedLog>()

  /** @param run batches, whatever offsets they bear */
  note(log: string, baseOffset: number, run: Uint8Array, atMs: number): void {
    const { runs, records, lastOf, laterOf } = this.#of(log)
    runs.set(baseOffset, run)
    for (const [index, { key, value, timestampMs }] of decodeBatches(run).entries()) {
      const offset = baseOffset + index
      records.set(offset, { key, value, timestampMs, atMs })
      if (!key) continue
      const name = Buffer.from(key).toString('latin1')
      const before = lastOf.get(name)
      if (before !== undefined) laterOf.set(before, offset)
      lastOf.set(name, offset)
    }
  }

  /** The run that begins there. */
  runAt(log: string, baseOffset: number): Uint8Array | undefined {
    return this.#of(log).runs.get(baseOffset)
  }

  recordAt(log: string, offset: number): AppendedRecord | undefined {
    return this.#of(log).records.get(offset)
  }

  /** The next record of the same key. */
  laterOf(log: string, offset: number): number | undefined {
    return this.#of(log).laterOf.get(offset)
  }

  /** The last record of each key, by the key's bytes in Latin-1. */
  lastOf(log: string): ReadonlyMap<string, number> {
    return this.#of(log).lastOf
  }

  /** When it was appended. */
  appendedMs(log: string, offset: number): number | undefined {
    return this.#of(log).records.get(offset)?.atMs
  }

  #of(log: string): AppendedLog {
    const known = this.#logs.get(log)
    if (known) return known
    const made: AppendedLog = {
      runs: new Map(),
      records: new Map(),
      lastOf: new Map(),
      laterOf: new Map(),
    }
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
