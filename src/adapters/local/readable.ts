import { execFile } from 'node:child_process'

/** Reads files from one end to the other, for so many milliseconds; prints the error of the one that cannot be read. */
const PROGRAM = `
  const { closeSync, openSync, readSync } = require('node:fs')
  const buffer = Buffer.allocUnsafe(1024 * 1024)
  const [ms, ...paths] = process.argv.slice(1)
  const untilMs = performance.now() + Number(ms)
  for (const path of paths) {
    try {
      const file = openSync(path)
      while (readSync(file, buffer) > 0 && performance.now() < untilMs);
      closeSync(file)
    } catch ({ code, message }) {
      if (code !== 'ENOENT') {
        process.stdout.write(JSON.stringify({ code, message }))
        break
      }
    }
  }
`

/** How long reading may take; then the files count as readable. */
const READ_MS_MAX = 2_000
/** The same with the beginning of a process, which on a busy machine takes seconds: nothing is told as damage because of that. */
const LOOK_MS_MAX = 20_000

/**
 * Whether files can be read from one end to the other: the file system's error where one cannot; one that is missing can.
 *
 * Another process looks, since this one must not: whoever closes a file gives up all locks that its process has on it, those
 * of SQLite on its database among them.
 */
export async function findUnreadable(paths: readonly string[]): Promise<Error | undefined> {
  const printed = await new Promise<string>(resolve => {
    const options = { timeout: LOOK_MS_MAX, env: {} }
    execFile(
      process.execPath,
      ['--eval', PROGRAM, '--', String(READ_MS_MAX), ...paths],
      options,
      (_, stdout) => resolve(stdout),
    )
  })
  if (printed === '') return undefined
  const { code, message } = JSON.parse(printed) as { code: string; message: string }
  return Object.assign(new Error(message), { code })
}
