import { fileURLToPath } from 'node:url'
import type { Target } from './broker-process.ts'

export const MARK = 'TOLD-MEMORY '
const BYTES_PER_MB = 1_048_576
/** Against a hang. */
const TELL_MS_MAX = 30_000

/** What a process holds, after it has tidied up. */
export interface ToldMemory {
  /** What JavaScript's objects and their buffers take: what a leak grows. */
  readonly heldMb: number
  readonly residentMb: number
  /** Descriptors of sockets, and all others: files, pipes, … */
  readonly sockets: number
  readonly files: number
  /** What its event loop waits for, by kind: sockets, timers, … */
  readonly active: Readonly<Record<string, number>>
}

/** The environment of a broker that tells its memory when it is asked to. */
export const TELLS_MEMORY: NodeJS.ProcessEnv = {
  NODE_OPTIONS: `--import ${fileURLToPath(new URL('tell-memory-process.ts', import.meta.url))}`,
}

/** Hears what a broker tells of its memory among its other lines. */
export class MemoryListener {
  #told: (memory: ToldMemory) => void = () => {}

  /** @returns whether the line was one of these */
  take(line: string): boolean {
    if (!line.startsWith(MARK)) return false
    const { rss, heapUsed, external, sockets, files, active } = JSON.parse(line.slice(MARK.length))
    const heldMb = (heapUsed + external) / BYTES_PER_MB
    this.#told({ heldMb, residentMb: rss / BYTES_PER_MB, sockets, files, active })
    return true
  }

  /** Asks a broker that was started with `TELLS_MEMORY`, and whose lines come here. */
  async ask({ figures }: Pick<Target, 'figures'>): Promise<ToldMemory> {
    const told = new Promise<ToldMemory>((resolve, reject) => {
      this.#told = resolve
      setTimeout(() => reject(new Error('it does not tell its memory')), TELL_MS_MAX).unref()
    })
    process.kill(figures.pid, 'SIGUSR2')
    return await told
  }
}
