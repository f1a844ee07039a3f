import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { COMMANDS } from './installed.ts'

/** Against a hang: longer than the producer itself waits for its last acknowledgements. */
const END_MS_MAX = 180_000

export interface Written {
  /** By partition and number of the record in it; null: never acknowledged. */
  readonly offsets: readonly (readonly (number | null)[])[]
  readonly failures: readonly string[]
  /** How many were still under way when it gave up. */
  readonly left: number
}

/** An idempotent producer of librdkafka's in a process of its own, which writes until it is ended. */
export class SteadyProducer {
  readonly #child: ChildProcessWithoutNullStreams
  readonly #ended: Promise<unknown>
  #acknowledged = 0
  #written: Written | undefined
  #stderr = ''
  #wake: () => void = () => {}

  static async start(bootstrap: string, topic: string, partitions: number): Promise<SteadyProducer> {
    const { command } = await COMMANDS.confluent()
    const program = join(import.meta.dirname, 'programs/steady_producer.py')
    return new SteadyProducer(spawn(command, ['-B', program, bootstrap, topic, String(partitions)]))
  }

  private constructor(child: ChildProcessWithoutNullStreams) {
    this.#child = child
    child.stderr.on('data', (chunk: Buffer) => {
      this.#stderr = (this.#stderr + chunk.toString()).slice(-4_000)
    })
    createInterface({ input: child.stdout }).on('line', line => {
      const told = JSON.parse(line) as Partial<Written> & { acknowledged?: number }
      if (told.acknowledged !== undefined) this.#acknowledged = told.acknowledged
      else this.#written = told as Written
      this.#wake()
    })
    this.#ended = once(child, 'close').then(() => this.#wake())
  }

  /** How many records are acknowledged, as far as it has told. */
  get acknowledged(): number {
    return this.#acknowledged
  }

  /** Until more are acknowledged than now. */
  async progress(): Promise<void> {
    const before = this.#acknowledged
    while (this.#acknowledged === before) {
      if (this.#child.exitCode !== null) throw new Error(`the producer has ended: ${this.#stderr}`)
      await new Promise<void>(resolve => {
        this.#wake = resolve
      })
    }
  }

  /** Lets it send what it has, and end. */
  async end(): Promise<Written> {
    this.#child.stdin.end()
    const insisting = setTimeout(() => this.kill(), END_MS_MAX)
    await this.#ended
    clearTimeout(insisting)
    if (this.#written === undefined) throw new Error(`the producer told nothing at its end: ${this.#stderr}`)
    return this.#written
  }

  kill(): void {
    this.#child.kill('SIGKILL')
  }
}
