/**
 * `node guard.ts <command> <arguments…>` runs a command for as long as its own standard input stays open, so
 * that an emulator ends with the process that started it, however that one ends. It leads a process group of
 * its own: a Ctrl-C reaches the starter alone, and what the command has started ends with it. The folder that
 * GUARD_SCRATCH names is removed then.
 */
import { spawn } from 'node:child_process'
import { rmSync } from 'node:fs'

/** How long the command may take to end by itself. */
const STOP_MS = 5_000

const [command, ...args] = process.argv.slice(2)
if (!command) throw new Error('guard: a command is missing')

const child = spawn(command, args, { stdio: ['ignore', 'inherit', 'inherit'] })
child.on('error', error => {
  console.error(`guard: ${error.message}`)
  process.exitCode = 127
  process.stdin.destroy()
})
child.on('exit', endGroup)

process.stdin.resume()
process.stdin.on('close', () => {
  child.kill('SIGTERM')
  setTimeout(endGroup, STOP_MS).unref()
})

/** Ends what the command has started, and this process too. */
function endGroup(): void {
  if (process.env.GUARD_SCRATCH) rmSync(process.env.GUARD_SCRATCH, { recursive: true, force: true })
  process.kill(-process.pid, 'SIGKILL')
}
