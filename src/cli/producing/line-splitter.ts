const NEWLINE = 10

/**
 * Cuts chunks of bytes into lines at \n and only there: a \r belongs to its line, and bytes that are no
 * UTF-8 stay what they are. Lines are views of the chunks wherever they do not cross a border.
 */
export class LineSplitter {
  // Parts and not one growing buffer: a long line must not be copied once a chunk.
  #pending: Uint8Array[] = []
  #pendingBytes = 0

  /** The bytes of a line whose end has not been seen. */
  get pendingBytes(): number {
    return this.#pendingBytes
  }

  /** The lines that end within `chunk`. */
  push(chunk: Uint8Array): Uint8Array[] {
    const lines: Uint8Array[] = []
    let from = 0
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, from)) {
      lines.push(this.#complete(chunk.subarray(from, end)))
      from = end + 1
    }
    if (from < chunk.length) {
      this.#pending.push(chunk.subarray(from))
      this.#pendingBytes += chunk.length - from
    }
    return lines
  }

  /** The last line, where the input ended without a newline. */
  end(): Uint8Array | null {
    return this.#pendingBytes === 0 ? null : this.#complete(new Uint8Array(0))
  }

  #complete(last: Uint8Array): Uint8Array {
    if (this.#pendingBytes === 0) return last
    const line = Buffer.concat([...this.#pending, last])
    this.#pending = []
    this.#pendingBytes = 0
    return line
  }
}
