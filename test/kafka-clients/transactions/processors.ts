import { setTimeout as sleep } from 'node:timers/promises'
import { type Command, LineProcess } from '../program.ts'

const RESTART_AFTER_MS = 200

export interface Processing {
  readonly group: string
  readonly from: string
  readonly to: string
  readonly protocol?: 'classic' | 'consumer'
  /** How many records a transaction has at most. */
  readonly each: number
  readonly timeoutMs?: number
}

/** Processes that read one topic and write to another, each in transactions of its own; who ends by himself is started again. */
export class Processors {
  readonly #command: Command
  readonly #processing: Processing
  readonly #running = new Map<string, LineProcess>()
  #hasEnded = false
  /** Records in transactions whose end was acknowledged. */
  processed = 0
  /** How often one could not go on. */
  restarts = 0

  constructor({ command, args }: Command, bootstrap: string, processing: Processing) {
    this.#command = { command, args: [...args, bootstrap] }
    this.#processing = processing
  }

  async start(name: string): Promise<void> {
    const { group } = this.#processing
    const process = new LineProcess(name, this.#command)
    this.#running.set(name, process)
    process.onEvent = ({ processed }) => {
      this.processed += Number(processed ?? 0)
    }
    process.onEnd = () => void this.#ended(name, process)
    await process.ask({ do: 'process', id: `${group}-${name}`, ...this.#processing })
  }

  async kill(name: string): Promise<void> {
    const process = this.#running.get(name)
    this.#running.delete(name)
    await process?.kill()
  }

  async end(): Promise<void> {
    this.#hasEnded = true
    await Promise.all([...this.#running.keys()].map(name => this.kill(name)))
  }

  async #ended(name: string, process: LineProcess): Promise<void> {
    if (this.#hasEnded || this.#running.get(name) !== process) return
    this.restarts += 1
    await sleep(RESTART_AFTER_MS)
    if (!this.#hasEnded && this.#running.get(name) === process) await this.start(name).catch(() => {})
  }
}
