import type { Broker } from '../contract/broker.ts'
import { type AddressOptions, chooseAddress } from './broker-address.ts'
import { EXIT_OK } from './failure.ts'
import type { Terminal } from './terminal.ts'

/** One run of the command line. */
export class Session {
  readonly terminal: Terminal
  readonly environment: NodeJS.ProcessEnv
  exitCode = EXIT_OK

  constructor(terminal: Terminal, environment: NodeJS.ProcessEnv) {
    this.terminal = terminal
    this.environment = environment
  }

  /** Runs a command on the broker that the options name, and keeps its exit code. */
  async useBroker(
    options: AddressOptions,
    command: (broker: Broker) => Promise<number>,
    settings: { mayCreate?: boolean } = {},
  ): Promise<void> {
    const address = chooseAddress(options, this.environment)
    // Loaded now and not above: `--help` needs neither a database nor an HTTP client.
    const { connect } = await import('./connect.ts')
    const { broker, close } = await connect(address, settings.mayCreate ?? false)
    try {
      this.exitCode = await command(broker)
    } finally {
      await close()
    }
  }
}
