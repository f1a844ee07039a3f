import type { Embedded } from '../../embedded/embedded.ts'
import { startGateway } from '../../embedded/gateway.ts'
import { type TlsFileNames, TlsFiles } from '../../embedded/tls-files.ts'
import { formatAddress, type ListenAddress } from '../address/listen-address.ts'
import { settledUntil } from '../interruption.ts'
import { CommandFailure, describeAside, EXIT_OK } from '../output/failure.ts'
import { note, type Terminal, write } from '../output/terminal.ts'

export interface GatewayCommandSettings {
  listen: ListenAddress
  /** Where clients reach it, where that is another address. */
  advertised: ListenAddress | undefined
  nodeId: number
  peers: readonly (ListenAddress & { nodeId: number })[]
  autoCreate: { partitions: number } | undefined
  usersFile: string | undefined
  /** What stands in such a file, where the environment has it. */
  usersText: string | undefined
  tls: TlsFileNames | undefined
  insecure: boolean
}

/** How often the files of a certificate are looked at. */
const CERTIFICATES_LOOK_MS = 10_000

/** Serves Kafka's clients until the terminal interrupts it. */
export async function serveGateway(
  open: () => Promise<Embedded>,
  { listen, tls: names, ...settings }: GatewayCommandSettings,
  terminal: Terminal,
): Promise<number> {
  // Before the store is opened, and perhaps made.
  const files = names && new TlsFiles(names)
  const tls = await files?.read().catch(error => {
    throw new CommandFailure(error.message)
  })
  const store = await open()
  try {
    const gateway = await startGateway(store, {
      ...listen,
      ...settings,
      tls,
      log: line => note(terminal, line),
      reportError: error => note(terminal, describeAside('a request failed unexpectedly', error, true)),
    })
    const renewing = setInterval(
      () => void files?.renew(gateway, line => note(terminal, line)),
      CERTIFICATES_LOOK_MS,
    )
    try {
      const at = formatAddress({ ...listen, port: gateway.port })
      const told = formatAddress(gateway.settings.advertised)
      await write(
        terminal,
        `tidemark (process ${process.pid}) serves Kafka's clients on ${at}${told === at ? '' : `, and tells them ${told}`}\n`,
      )
      await settledUntil(new Promise(() => {}), terminal.interrupted)
      note(terminal, '\nstopping: requests under way may end (Ctrl-C again to end at once)')
    } finally {
      clearInterval(renewing)
      await gateway.close()
    }
  } finally {
    await store.close()
  }
  note(terminal, 'stopped')
  return EXIT_OK
}
