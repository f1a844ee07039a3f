import { existsSync } from 'node:fs'
import type { Broker } from '../contract/broker.ts'
import type { HttpLogger } from '../contract/http/settings.ts'
import type { BrokerAddress } from './broker-address.ts'
import type { DevSettings, RunningBroker } from './commands/dev.ts'
import { CommandFailure } from './failure.ts'

export interface Connection {
  broker: Broker
  close(): Promise<void>
}

/** @param mayCreate whether a directory that does not exist becomes a new store */
export async function connect(address: BrokerAddress, mayCreate: boolean): Promise<Connection> {
  if ('directory' in address) return openStore(address.directory, mayCreate)
  const { HttpBroker } = await import('../client/http-broker.ts')
  const { url, token } = address
  return { broker: new HttpBroker(token === null ? { url } : { url, token }), close: async () => {} }
}

export async function openStore(directory: string, mayCreate: boolean) {
  // A mistyped directory must not look like an empty store.
  if (!mayCreate && !existsSync(directory)) {
    throw new CommandFailure(
      `there is no directory ${directory}; \`tidemark dev --dir ${directory}\` would make it`,
    )
  }
  const { openEmbedded } = await import('../embedded/embedded.ts')
  return openEmbedded({ directory })
}

/** A broker on a directory, behind HTTP. */
export async function startBroker({
  directory,
  listen,
  token,
  insecure,
}: DevSettings): Promise<RunningBroker> {
  const [{ createHttpApp }, { startHttpServer }] = await Promise.all([
    import('../contract/http/app.ts'),
    import('../embedded/http-server.ts'),
  ])
  const store = await openStore(directory, true)
  try {
    const app = createHttpApp({ broker: store.broker, logger }, token === null ? {} : { token })
    const server = await startHttpServer(app, { ...listen, insecure })
    return {
      url: server.url,
      async close() {
        // The server first, so that what it has accepted reaches the store that is flushed then.
        await server.close()
        await store.close()
      },
    }
  } catch (error) {
    await store.close()
    throw error
  }
}

const logger: HttpLogger = {
  error(message, { error, method, path }) {
    console.error(`${method} ${path}: ${message}:`, error)
  },
}
