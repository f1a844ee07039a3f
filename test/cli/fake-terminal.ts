import { Writable } from 'node:stream'
import type { Terminal } from '../../src/cli/output/terminal.ts'

export interface FakeTerminal extends Terminal {
  /** What was printed so far. */
  printed: () => Buffer
  noted: () => string
  interrupt: () => void
  closeOutput: (error: Error) => void
}

export function fakeTerminal(input: (string | Uint8Array)[] = []): FakeTerminal {
  const output = collector()
  const notes = collector()
  const interrupted = new AbortController()
  const outputClosed = new AbortController()
  return {
    input: chunks(input),
    output: output.stream,
    notes: notes.stream,
    interrupted: interrupted.signal,
    outputClosed: outputClosed.signal,
    printed: output.bytes,
    noted: () => notes.bytes().toString(),
    interrupt: () => interrupted.abort(),
    closeOutput: error => outputClosed.abort(error),
  }
}

export async function* chunks(parts: Iterable<string | Uint8Array>): AsyncGenerator<Uint8Array> {
  for (const part of parts) yield typeof part === 'string' ? Buffer.from(part) : part
}

function collector() {
  const parts: Buffer[] = []
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      parts.push(chunk)
      done()
    },
  })
  return { stream, bytes: () => Buffer.concat(parts) }
}
