import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

/** A process that lives no longer than this one. */
export interface Guarded {
  /** What it has printed last, for the message when it fails. */
  lastOutput(): string
  readonly hasEnded: boolean
  /** Ends it and all that it started. */
  stop(): Promise<void>
}

const OUTPUT_CHARACTERS_MAX = 4_000

/** Starts a command that ends with this process, also when this one is killed. */
export function startGuarded(
  command: readonly string[],
  options: { cwd?: string; env?: NodeJS.ProcessEnv } = {},
): Guarded {
  const guard = join(import.meta.dirname, 'guard.ts')
  const child: ChildProcess = spawn(process.execPath, [guard, ...command], {
    ...options,
    stdio: ['pipe', 'pipe', 'pipe'],
    detached: true,
  })
  let output = ''
  const keep = (chunk: Buffer) => {
    output = `${output}${chunk}`.slice(-OUTPUT_CHARACTERS_MAX)
  }
  child.stdout!.on('data', keep)
  child.stderr!.on('data', keep)
  let hasEnded = false
  const ended = once(child, 'exit').then(() => {
    hasEnded = true
  })
  return {
    lastOutput: () => output,
    get hasEnded() {
      return hasEnded
    },
    async stop() {
      child.stdin!.destroy()
      await ended
    },
  }
}

/** A port that nobody listened on a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('the server has no port')
  return address.port
}

/**
 * Waits until `url` answers with anything.
 * @throws Error when the process ends before, or the time is over
 */
export async function untilAnswers(url: string, guarded: Guarded, timeoutMs: number): Promise<void> {
  const endMs = Date.now() + timeoutMs
  for (;;) {
    try {
      await (await fetch(url, { signal: AbortSignal.timeout(5_000) })).arrayBuffer()
      return
    } catch (error) {
      if (guarded.hasEnded) throw new Error(`it ended: ${guarded.lastOutput()}`, { cause: error })
      if (Date.now() > endMs) throw new Error(`no answer: ${guarded.lastOutput()}`, { cause: error })
      await sleep(100)
    }
  }
}
