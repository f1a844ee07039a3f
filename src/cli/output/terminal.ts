import type { Writable } from 'node:stream'
import { describeFailure } from './failure.ts'

/** What a command has to do with the outside, besides the broker. */
export interface Terminal {
  input: AsyncIterable<Uint8Array>
  /** Only what was asked for goes here, so that it can be piped on. */
  output: Writable & { isTTY?: boolean }
  /** Notes, progress and summaries. */
  notes: Writable & { isTTY?: boolean }
  /** Aborted by the first Ctrl-C or SIGTERM. */
  interrupted: AbortSignal
  /** Aborted when nobody reads the output any more (`| head`) or it cannot be written; the reason is the error. */
  outputClosed: AbortSignal
}

/** Writes, and waits while the reader is slower than we are. */
export async function write(terminal: Terminal, bytes: Uint8Array | string): Promise<void> {
  const { output, outputClosed } = terminal
  if (outputClosed.aborted || output.destroyed) return
  if (output.write(bytes)) return
  await new Promise<void>(resolve => {
    const done = () => {
      output.off('drain', done)
      output.off('close', done)
      outputClosed.removeEventListener('abort', done)
      resolve()
    }
    output.once('drain', done)
    output.once('close', done)
    outputClosed.addEventListener('abort', done)
  })
}

/** Resolves once all that was written has left this process, or cannot any more (see `outputClosed`). */
export async function flushed({ output, outputClosed }: Terminal): Promise<void> {
  if (outputClosed.aborted || output.destroyed) return
  await new Promise<void>(resolve => {
    const done = () => {
      outputClosed.removeEventListener('abort', done)
      resolve()
    }
    outputClosed.addEventListener('abort', done)
    output.write('', done)
  })
}

export function note(terminal: Terminal, line: string): void {
  terminal.notes.write(`${line}\n`)
}

export function noteFailure(terminal: Terminal, error: unknown, isVerbose = false): void {
  for (const line of describeFailure(error, isVerbose)) note(terminal, line)
}

/** A reader that went away is no failure, as it is none for `cat`; a full disk is one. */
export function throwIfOutputFailed(terminal: Terminal): void {
  if (!terminal.outputClosed.aborted) return
  const { reason } = terminal.outputClosed
  if ((reason as NodeJS.ErrnoException | undefined)?.code !== 'EPIPE') throw reason
}
