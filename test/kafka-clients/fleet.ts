import { setTimeout as sleep } from 'node:timers/promises'
import { freePort } from '../../localstack/guarded.ts'
import { type DevProcess, startDev, startGatewayProcess } from '../cli/tidemark-process.ts'

/** The gateways of one store, each with a port of its own for good. */
export class Fleet {
  readonly #starts: readonly (() => Promise<DevProcess>)[]
  readonly #running: DevProcess[] = []
  readonly #random: () => number
  readonly bootstrap: string

  static async start(count: number, store: readonly string[], random: () => number): Promise<Fleet> {
    const addresses: string[] = []
    for (let index = 0; index < count; index++) addresses.push(`127.0.0.1:${await freePort()}`)
    const starts = addresses.map((address, index) => {
      const peers = addresses.flatMap((peer, other) =>
        other === index ? [] : ['--peer', `${other + 1}@${peer}`],
      )
      const options = [...store, '--listen', address, '--node-id', String(index + 1), ...peers]
      const asGateway = () => startGatewayProcess(options)
      const [kind, directory] = store
      if (count > 1 || kind !== '--dir' || directory === undefined) return asGateway
      // A command with a broker over HTTP, too, on the same store.
      return () => (random() < 0.5 ? asGateway() : startDev(directory, ['--kafka', address]))
    })
    const fleet = new Fleet(addresses.join(','), starts, random)
    for (const start of starts) fleet.#running.push(await start())
    return fleet
  }

  private constructor(
    bootstrap: string,
    starts: readonly (() => Promise<DevProcess>)[],
    random: () => number,
  ) {
    this.bootstrap = bootstrap
    this.#starts = starts
    this.#random = random
  }

  /** Kills any of them, and starts it again after so long; tells which. */
  async killOne(restartAfterMs: number): Promise<string> {
    const index = Math.floor(this.#random() * this.#running.length)
    await this.#running[index]!.end('SIGKILL')
    await sleep(restartAfterMs)
    this.#running[index] = await this.#starts[index]!()
    return `gateway ${index + 1} was killed, and is back after ${Math.round(restartAfterMs)} ms`
  }

  /** Stops any of them in the middle of whatever it does, and has it go on after so long; tells which. */
  async pauseOne(ms: number): Promise<string> {
    const index = Math.floor(this.#random() * this.#running.length)
    const { child } = this.#running[index]!
    child.kill('SIGSTOP')
    await sleep(ms)
    child.kill('SIGCONT')
    return `gateway ${index + 1} slept for ${Math.round(ms)} ms`
  }

  async end(): Promise<void> {
    await Promise.all(this.#running.splice(0).map(gateway => gateway.end('SIGTERM')))
  }
}
