import type { Broker } from '../contract/broker.ts'
import type { GroupBroker } from '../contract/groups.ts'
import type { TriggerBroker } from '../contract/triggers.ts'
import { type AddressOptions, chooseAddress, type StoreAccess } from './address/broker-address.ts'
import { resultUntil } from './interruption.ts'
import { EXIT_OK } from './output/failure.ts'
import type { Terminal } from './output/terminal.ts'

export interface UseSettings {
  /** What the command does to a store that this process opens: `write` unless set. `create` makes one where there is none. */
  access?: StoreAccess
  /** Whether the command sees to Ctrl-C; any other is abandoned then. */
  endsByItself?: boolean
}

/** For commands that change nothing. */
export const READING: UseSettings = { access: 'read' }

/** One run of the command line. */
export class Session {
  readonly terminal: Terminal
  readonly environment: NodeJS.ProcessEnv
  exitCode = EXIT_OK
  /** Whether failures are told with their stacks. */
  isVerbose = false

  constructor(terminal: Terminal, environment: NodeJS.ProcessEnv) {
    this.terminal = terminal
    this.environment = environment
  }

  /** Runs a command on the broker that the options name, and keeps its exit code. */
  async useBroker(
    options: AddressOptions,
    command: (broker: Broker & GroupBroker & TriggerBroker) => Promise<number>,
    settings: UseSettings = {},
  ): Promise<void> {
    const address = chooseAddress(options, this.environment)
    // Loaded now and not above: `--help` needs neither a database nor an HTTP client.
    const { connect } = await import('./address/connect.ts')
    const { access = 'write', endsByItself = false } = settings
    const { broker, close } = await connect(address, access)
    try {
      const exitCode = command(broker)
      this.exitCode = await (endsByItself ? exitCode : resultUntil(exitCode, this.terminal.interrupted))
    } finally {
      await close()
    }
  }
}
