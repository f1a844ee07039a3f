import { EXIT_INTERRUPTED } from './failure.ts'
import type { Terminal } from './terminal.ts'

/** One Ctrl-C can arrive twice within this time: from the terminal itself, and passed on by npx. */
const SAME_SIGNAL_MS = 300

/** The terminal of this process. A second Ctrl-C ends the process at once. */
export function openProcessTerminal(): Terminal {
  const interrupted = new AbortController()
  let firstMs = Number.POSITIVE_INFINITY
  const onSignal = () => {
    if (!interrupted.signal.aborted) {
      firstMs = performance.now()
      interrupted.abort()
    } else if (performance.now() - firstMs > SAME_SIGNAL_MS) process.exit(EXIT_INTERRUPTED)
  }
  process.on('SIGINT', onSignal)
  process.on('SIGTERM', onSignal)

  const outputClosed = new AbortController()
  process.stdout.on('error', error => outputClosed.abort(error))
  // Without anyone to read the notes there is nobody to tell.
  process.stderr.on('error', () => {})

  return {
    // Through a getter: merely touching process.stdin opens it.
    get input() {
      return process.stdin
    },
    output: process.stdout,
    notes: process.stderr,
    interrupted: interrupted.signal,
    outputClosed: outputClosed.signal,
  }
}
