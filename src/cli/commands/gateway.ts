import { readFile } from 'node:fs/promises'
import type { Embedded } from '../../embedded/embedded.ts'
import { startGateway } from '../../embedded/gateway.ts'
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
  tls: { certFile: string; keyFile: string; clientCaFile: string | undefined } | undefined
  insecure: boolean
}

/** Serves Kafka's clients until the terminal interrupts it. */
export async function serveGateway(
  open: () => Promise<Embedded>,
  { listen, tls: files, ...settings }: GatewayCommandSettings,
  terminal: Terminal,
): Promise<number> {
  // Before the store is opened, and perhaps made.
  const tls = files && {
    cert: await readPem(files.certFile),
    key: await readPem(files.keyFile),
    clientCa: files.clientCaFile === undefined ? undefined : await readPem(files.clientCaFile),
  }
  const store = await open()
  try {
    const gateway = await startGateway(store, {
      ...listen,
      ...settings,
      tls,
      log: line => note(terminal, line),
      reportError: error => note(terminal, describeAside('a request failed unexpectedly', error, true)),
    })
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
      await gateway.close()
    }
  } finally {
    await store.close()
  }
  note(terminal, 'stopped')
  return EXIT_OK
}

async function readPem(file: string): Promise<Buffer> {
  try {
    return await readFile(file)
  } catch (error) {
    throw new CommandFailure(`${file}: ${(error as Error).message}`)
  }
}
