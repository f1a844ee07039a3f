import type { ChildProcessWithoutNullStreams } from 'node:child_process'
import { once } from 'node:events'
import { LineSplitter } from '../../src/cli/producing/line-splitter.ts'
import { spawnTidemark } from '../cli/tidemark-process.ts'
import type { Delivery } from './delivery-ledger.ts'

/** `tidemark consume --group` in a process of its own. */
export class GroupProcess {
  readonly pid: number
  /** null unless it is a static member. */
  readonly instanceId: string | null
  readonly #child: ChildProcessWithoutNullStreams
  readonly #exited: Promise<unknown[]>
  #stderr = ''

  constructor(
    {
      commandLine,
      instanceId,
      environment,
    }: { commandLine: string[]; instanceId: string | null; environment: NodeJS.ProcessEnv },
    onDelivery: (delivery: Delivery) => void,
  ) {
    this.instanceId = instanceId
    this.#child = spawnTidemark(
      [...commandLine, ...(instanceId === null ? [] : ['--instance-id', instanceId])],
      environment,
    )
    this.#exited = once(this.#child, 'close')
    this.pid = this.#child.pid!
    const lines = new LineSplitter()
    this.#child.stdout.on('data', (chunk: Buffer) => {
      for (const line of lines.push(chunk)) {
        const { partition, generation, offset } = JSON.parse(Buffer.from(line).toString())
        onDelivery({ pid: this.pid, partition, generation, offset })
      }
    })
    this.#child.stderr.on('data', chunk => {
      this.#stderr += chunk
    })
  }

  /** What it has told, each line with the process it is from. */
  get notes(): string[] {
    return this.#stderr
      .split('\n')
      .filter(line => line !== '')
      .map(line => `[${this.pid}] ${line}`)
  }

  /** Whether it ended by itself. */
  get hasExited(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal)
  }

  /** Sends the signal, and answers the exit code (null: it was killed) once everything it printed is read. */
  async end(signal: NodeJS.Signals): Promise<number | null> {
    this.#child.kill(signal)
    const [exitCode] = (await this.#exited) as [number | null]
    return exitCode
  }
}
