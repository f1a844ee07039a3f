import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'

const PROGRAM = `
  const { DatabaseSync } = require('node:sqlite')
  const database = new DatabaseSync(process.argv[1], { timeout: 10_000 })
  database.exec('BEGIN IMMEDIATE')
  process.stdout.write('locked')
  process.stdin.once('data', () => {
    database.exec('ROLLBACK')
    database.close()
    process.exit()
  })
`

/** Another process that has a store's index for itself, stopped in the middle of a transaction. */
export class StoppedNeighbour {
  readonly #process: ChildProcess

  private constructor(process: ChildProcess) {
    this.#process = process
  }

  static async in(directory: string): Promise<StoppedNeighbour> {
    const database = join(directory, 'index', 'index.sqlite')
    const child = spawn(process.execPath, ['-e', PROGRAM, '--', database, '--token', 'hush'], {
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    process.once('exit', () => child.kill('SIGKILL'))
    await once(child.stdout, 'data')
    child.kill('SIGSTOP')
    return new StoppedNeighbour(child)
  }

  get pid(): number {
    return this.#process.pid!
  }

  /** Lets it go on, and end its transaction with nothing changed. */
  async goOn(): Promise<void> {
    const ended = once(this.#process, 'exit')
    this.#process.stdin!.write('end')
    this.#process.kill('SIGCONT')
    await ended
  }

  async kill(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return
    const ended = once(this.#process, 'exit')
    this.#process.kill('SIGKILL')
    await ended
  }
}
