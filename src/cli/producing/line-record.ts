import type { RecordInput } from '../../core/record/record.ts'
import { parseJsonLine } from '../consuming/record-json.ts'
import { CommandFailure } from '../output/failure.ts'

/** How a line becomes a record's key and value. */
export interface LineSyntax {
  /** What stands between key and value; null: the whole line is the value. */
  keySeparator: Uint8Array | null
  /** A key or value that reads like this is null (Kafka's `null.marker`): the way to write a tombstone. */
  nullMarker: Uint8Array | null
}

/** What a line asks to be written; `record` has no timestamp where the line tells none. */
export interface LineRecord {
  record: RecordInput
  partition?: number | undefined
}

/** @throws CommandFailure where the line says nothing that can be written */
export type ReadLine = (line: Uint8Array, lineNumber: number) => LineRecord

interface KeyAndValue {
  key: Uint8Array | null
  value: Uint8Array | null
}

/** The key ends at the first separator; a line without one is all value, its key null, as in kcat. */
export function splitLine(line: Uint8Array, syntax: LineSyntax): KeyAndValue {
  const { keySeparator, nullMarker } = syntax
  const buffer = Buffer.from(line.buffer, line.byteOffset, line.byteLength)
  const at = keySeparator === null ? -1 : buffer.indexOf(keySeparator)
  const orNull = (bytes: Buffer) => (nullMarker !== null && bytes.equals(nullMarker) ? null : bytes)
  if (keySeparator === null || at < 0) return { key: null, value: orNull(buffer) }
  return { key: orNull(buffer.subarray(0, at)), value: orNull(buffer.subarray(at + keySeparator.length)) }
}

/** Lines as `consume --json` prints them, of one topic. */
export function jsonLines(): ReadLine {
  let first: { topic: string; lineNumber: number } | undefined
  return (line, lineNumber) => {
    try {
      const { topic, ...read } = parseJsonLine(line)
      if (topic === undefined) return read
      first ??= { topic, lineNumber }
      if (topic === first.topic) return read
      throw new CommandFailure(
        `it is of the topic ${topic}, and line ${first.lineNumber} of ${first.topic}: write one topic at a time`,
      )
    } catch (error) {
      if (!(error instanceof CommandFailure)) throw error
      throw new CommandFailure(`line ${lineNumber}: ${error.message}`)
    }
  }
}
