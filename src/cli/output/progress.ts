import type { Terminal } from './terminal.ts'

const INTERVAL_MS = 500
/** Carriage return, and clear to the end of the line. */
const REWRITE_LINE = '\r\x1b[K'

/** Shows `status` over and over on one line, where somebody is looking. */
export function openProgress({ notes }: Terminal, status: () => string): { close(): void } {
  if (!notes.isTTY) return { close() {} }
  const timer = setInterval(() => notes.write(`${REWRITE_LINE}${status()}`), INTERVAL_MS)
  timer.unref()
  return {
    close() {
      clearInterval(timer)
      notes.write(REWRITE_LINE)
    },
  }
}
