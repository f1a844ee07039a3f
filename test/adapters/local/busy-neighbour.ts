import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'

/** Has the index for itself until it is told to get on, and then nearly all of the time, one short write after the other. */
const PROGRAM = `
  const { DatabaseSync } = require('node:sqlite')
  const { setTimeout: sleep } = require('node:timers/promises')
  const database = new DatabaseSync(process.argv[1], { timeout: 10_000 })
  const write = () => database.exec("INSERT OR REPLACE INTO items VALUES ('neighbour', x'00')")
  const run = async () => {
    for (let turn = 0; ; turn += 1) {
      database.exec('COMMIT')
      await sleep(10)
      database.exec('BEGIN IMMEDIATE')
      write()
      if (turn === 0) process.stdout.write('gets on')
      await sleep(150)
    }
  }
  database.exec('BEGIN IMMEDIATE')
  write()
  process.stdout.write('locked')
  process.stdin.once('data', run)
`

/** Another process that works on a store's index. */
export class BusyNeighbour {
  readonly #process: ChildProcess

  private constructor(process: ChildProcess) {
    this.#process = process
  }

  static async in(directory: string): Promise<BusyNeighbour> {
    const database = join(directory, 'index', 'index.sqlite')
    const child = spawn(process.execPath, ['-e', PROGRAM, '--', database], {
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    process.once('exit', () => child.kill('SIGKILL'))
    await once(child.stdout, 'data')
    return new BusyNeighbour(child)
  }

  /** Resolves when it has committed, and is in again. */
  async getOn(): Promise<void> {
    const getsOn = once(this.#process.stdout!, 'data')
    this.#process.stdin!.write('get on')
    await getsOn
  }

  async kill(): Promise<void> {
    const ended = once(this.#process, 'exit')
    this.#process.kill('SIGKILL')
    await ended
  }
}
