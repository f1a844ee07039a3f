/** How a line becomes a record's key and value. */
export interface LineSyntax {
  /** What stands between key and value; null: the whole line is the value. */
  keySeparator: Uint8Array | null
  /** A key or value that reads like this is null (Kafka's `null.marker`): the way to write a tombstone. */
  nullMarker: Uint8Array | null
}

export interface KeyAndValue {
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
