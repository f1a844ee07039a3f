import type { Command } from 'commander'
import type { Broker } from '../contract/broker.ts'
import type { GroupBroker } from '../contract/groups.ts'
import type { TriggerBroker } from '../contract/triggers.ts'
import { type AddressOptions, chooseAddress } from './address/broker-address.ts'
import { resultUntil } from './interruption.ts'
import { EXIT_OK } from './output/failure.ts'
import type { Terminal } from './output/terminal.ts'

export type BrokerCommand = (broker: Broker & GroupBroker & TriggerBroker) => Promise<number>

export interface UseSettings {
  /** Whether a directory that does not exist becomes a store. */
  mayCreate?: boolean
  /** Whether the command sees to Ctrl-C; any other is abandoned then. */
  endsByItself?: boolean
}

/** One run of the command line. */
export class Session {
  readonly terminal: Terminal
  readonly environment: NodeJS.ProcessEnv
  exitCode = EXIT_OK

  constructor(terminal: Terminal, environment: NodeJS.ProcessEnv) {
    this.terminal = terminal
    this.environment = environment
  }

  /**
   * Lets a command run on the broker that the options name, and keeps its exit code.
   * @param prepare what it does, by its options and arguments
   */
  onBroker<Options, Arguments extends unknown[]>(
    command: Command,
    prepare: (options: Options, ...given: Arguments) => Promise<BrokerCommand>,
    settings: UseSettings = {},
  ): void {
    command.action(async (...given) => {
      const options = command.optsWithGlobals<Options & AddressOptions>()
      // Behind the arguments stand the options and the command.
      const prepared = await prepare(options, ...(given.slice(0, -2) as Arguments))
      await this.#useBroker(options, prepared, settings)
    })
  }

  async #useBroker(
    options: AddressOptions,
    command: BrokerCommand,
    { mayCreate = false, endsByItself = false }: UseSettings,
  ): Promise<void> {
    const address = chooseAddress(options, this.environment)
    // Loaded now and not above: `--help` needs neither a database nor an HTTP client.
    const [{ connect }, { patiently }] = await Promise.all([
      import('./address/connect.ts'),
      import('./address/patience.ts'),
    ])
    const { broker: connected, close } = await connect(address, mayCreate)
    // A store that this process opens has a patience of its own.
    const broker = 'url' in address ? patiently(connected, this.terminal) : connected
    try {
      const exitCode = command(broker)
      this.exitCode = await (endsByItself ? exitCode : resultUntil(exitCode, this.terminal.interrupted))
    } finally {
      await close()
    }
  }
}
