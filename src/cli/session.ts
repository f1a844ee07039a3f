import type { Command } from 'commander'
import type { Broker } from '../contract/broker.ts'
import type { GroupBroker } from '../contract/groups.ts'
import type { TransactionBroker } from '../contract/transactions.ts'
import type { TriggerBroker } from '../contract/triggers.ts'
import { type AddressOptions, chooseAddress, type StoreAccess } from './address/broker-address.ts'
import { resultUntil } from './interruption.ts'
import { describeAside, EXIT_OK } from './output/failure.ts'
import { note, type Terminal } from './output/terminal.ts'

/** @param isHere whether the store is opened by this process, and nobody is asked for it */
export type BrokerCommand = (
  broker: Broker & GroupBroker & TransactionBroker & TriggerBroker,
  isHere: boolean,
) => Promise<number>

export interface UseSettings {
  /** What the command does to a store that this process opens: `write` unless set. `create` makes one where there is none. */
  access?: StoreAccess
  /** Whether the command sees to Ctrl-C; any other is abandoned then. */
  endsByItself?: boolean
}

/** How long what fails beside a command waits for whether the command does. */
const ASIDE_PAUSE_MS = 1_000

/** For commands that change nothing. */
export const READING: UseSettings = { access: 'read' }

/** One run of the command line. */
export class Session {
  readonly terminal: Terminal
  readonly environment: NodeJS.ProcessEnv
  exitCode = EXIT_OK
  /** Whether failures are told with their stacks. */
  isVerbose = false
  readonly #asides = new Map<string, NodeJS.Timeout>()

  constructor(terminal: Terminal, environment: NodeJS.ProcessEnv) {
    this.terminal = terminal
    this.environment = environment
  }

  /** Tells what went wrong beside what the command does, which may succeed all the same: once, and not at once. */
  reportAside(error: unknown): void {
    const line = describeAside('tidemark: work in the background failed', error, this.isVerbose)
    if (this.#asides.has(line)) return
    const timer = setTimeout(() => note(this.terminal, line), ASIDE_PAUSE_MS)
    this.#asides.set(line, timer.unref())
  }

  /** Whatever made the command fail is told then, and most often is what else failed. */
  forgetAsides(): void {
    for (const timer of this.#asides.values()) clearTimeout(timer)
  }

  /**
   * Lets a command run on the broker that the options name, and keeps its exit code.
   * @param prepare what it does, by its options and arguments
   * @param settings or what they are, by its options
   */
  onBroker<Options, Arguments extends unknown[]>(
    command: Command,
    prepare: (options: Options, ...given: Arguments) => Promise<BrokerCommand>,
    settings: UseSettings | ((options: Options) => UseSettings) = {},
  ): void {
    command.action(async (...given) => {
      const options = command.optsWithGlobals<Options & AddressOptions>()
      // Behind the arguments stand the options and the command.
      const prepared = await prepare(options, ...(given.slice(0, -2) as Arguments))
      await this.#useBroker(options, prepared, typeof settings === 'function' ? settings(options) : settings)
    })
  }

  async #useBroker(
    options: AddressOptions,
    command: BrokerCommand,
    { access = 'write', endsByItself = false }: UseSettings,
  ): Promise<void> {
    const address = chooseAddress(options, this.environment)
    // Loaded now and not above: `--help` needs neither a database nor an HTTP client.
    const [{ connect }, { patiently }] = await Promise.all([
      import('./address/connect.ts'),
      import('./address/patience.ts'),
    ])
    const { broker: connected, close } = await connect(address, access, error => this.reportAside(error))
    // A store that this process opens has a patience of its own.
    const broker = 'url' in address ? patiently(connected, this.terminal) : connected
    try {
      const exitCode = command(broker, !('url' in address))
      this.exitCode = await (endsByItself ? exitCode : resultUntil(exitCode, this.terminal.interrupted))
    } finally {
      await close()
    }
  }
}
