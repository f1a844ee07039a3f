import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import type { Broker } from '../../contract/broker.ts'
import type { GroupBroker } from '../../contract/groups.ts'
import type { HttpLogger } from '../../contract/http/settings.ts'
import type { TransactionBroker } from '../../contract/transactions.ts'
import type { TriggerBroker } from '../../contract/triggers.ts'
import type { Embedded } from '../../embedded/embedded.ts'
import type { RunningTriggers } from '../../embedded/triggers/run-triggers.ts'
import type { DevSettings, Report, RunningBroker } from '../commands/dev.ts'
import { CommandFailure, UsageError } from '../output/failure.ts'
import type { AwsStoreAddress } from './aws-store-address.ts'
import type { BrokerAddress, HttpAddress, StoreAccess } from './broker-address.ts'
import { checkPortCanBeAsked } from './listen-address.ts'

export interface Connection {
  broker: Broker & GroupBroker & TransactionBroker & TriggerBroker
  close(): Promise<void>
}

/**
 * @param access what the command does to a store that this process opens itself
 * @param reportError told of what fails there in the background
 */
export async function connect(
  address: BrokerAddress,
  access: StoreAccess,
  reportError: (error: unknown) => void,
): Promise<Connection> {
  if ('url' in address) return { broker: await openHttp(address), close: async () => {} }
  return openStore(address, access, reportError)
}

async function openHttp({
  url,
  token,
  signing,
  region,
}: HttpAddress): Promise<Broker & GroupBroker & TransactionBroker & TriggerBroker> {
  const { HttpBroker } = await import('../../client/http-broker.ts')
  if (token !== null) return new HttpBroker({ url, token })
  const { signingScopeOf } = await import('../../adapters/aws/signing/signing-scope.ts')
  const scope = signingScopeOf(url)
  if (signing === 'never' || (signing === 'by-host' && scope === undefined)) return new HttpBroker({ url })
  if (scope === undefined && region === null) {
    throw new UsageError(`the host of ${url} does not tell its AWS region: give --region, or set AWS_REGION`)
  }
  // Loaded for requests that are signed, and for no others: it is as large as all the rest.
  const { signedByAws } = await import('../../adapters/aws/signing/request-signer.ts')
  return new HttpBroker({ url, sign: signedByAws(region === null ? { url } : { url, region }) })
}

/** Nothing goes on in the background. */
const QUIET = { flushes: 'elsewhere', settles: 'elsewhere' } as const

/**
 * A store that this process opens itself.
 * @param isQuiet whether nothing is done in it but what the command does
 */
export async function openStore(
  address: { directory: string } | AwsStoreAddress,
  access: StoreAccess,
  reportError: (error: unknown) => void,
  isQuiet = false,
): Promise<Embedded> {
  if ('table' in address) return openAwsStore(address, access, reportError)
  const { directory } = address
  // A mistyped directory must not look like an empty store.
  if (access !== 'create' && !existsSync(directory)) {
    throw new CommandFailure(
      `there is no directory ${directory}; \`tidemark dev --dir ${directory}\` would make it`,
    )
  }
  const { openEmbedded } = await import('../../embedded/embedded.ts')
  return openEmbedded({ directory, access, reportError, ...(isQuiet && QUIET) })
}

async function openAwsStore(
  { table, bucket, region, endpoint }: AwsStoreAddress,
  access: StoreAccess,
  reportError: (error: unknown) => void,
): Promise<Embedded> {
  const { openAws, openAwsToRebuild } = await import('../../embedded/aws.ts')
  const open = access === 'rebuild' ? openAwsToRebuild : openAws
  return await open({
    table,
    bucket,
    // The deployed functions see to that. So a command that only reads needs no permission to write.
    flushes: 'elsewhere',
    states: access !== 'read',
    reportError,
    ...(region === null ? {} : { region }),
    ...(endpoint === null ? {} : { endpoint }),
  })
}

/** A broker on a directory, behind HTTP. */
export async function startBroker(
  { directory, listen, kafka, token, insecure, allowedHosts, tellAccess }: DevSettings,
  report: Report,
): Promise<RunningBroker> {
  const reportError = (error: unknown) => report('work in the background failed', error)
  const logger: HttpLogger = {
    error: (message, { error, method, path }) => report(`${method} ${path}: ${message}`, error),
  }
  const [
    { openEmbedded },
    { hostOf },
    { createHttpApp },
    { UrlSigner },
    { checkListenHost, startHttpServer },
    { shareConnections },
    { serveKafka },
    { openListeners },
  ] = await Promise.all([
    import('../../embedded/embedded.ts'),
    import('../../embedded/running-broker.ts'),
    import('../../contract/http/app.ts'),
    import('../../contract/http/trust/signed-url.ts'),
    import('../../embedded/http-server.ts'),
    import('../../embedded/server-limits.ts'),
    import('./serve-kafka.ts'),
    import('../../embedded/waking/open-listeners.ts'),
  ])
  // Before the store is opened, and perhaps made.
  checkListenHost(listen.host, token !== null, insecure)
  await checkPortCanBeAsked(listen.port)
  // A secret for this run alone: who was told where bytes lie asks again after a restart.
  const signer = new UrlSigner({ secret: randomBytes(32) })
  const store = await openEmbedded({
    directory,
    reportError,
    locator: { locate: async (key, position, bytes) => signer.sign(key, position, bytes, Date.now()) },
  })
  try {
    const objects = { signer, get: store.objects.get.bind(store.objects) }
    const settings = token === null ? { allowedHosts } : { allowedHosts, token }
    const listeners = openListeners(store)
    const ports = { broker: store.broker, objects, health: store.health, waking: listeners, logger }
    const app = createHttpApp(ports, settings)
    const connections = shareConnections()
    const server = await startHttpServer(app, {
      ...listen,
      insecure,
      replaceGlobals: true,
      reportError,
      tellAccess,
      listeners,
      ...(kafka && { limits: connections.http }),
    })
    const trust = { hasToken: token !== null, insecure }
    const served =
      kafka &&
      (await serveKafka(store, kafka, { ...trust, connectionsMax: connections.gateway }, report).catch(
        async error => {
          await server.close()
          throw error
        },
      ))
    const { url } = server
    let running: RunningTriggers | undefined
    return {
      url,
      kafka: served?.at,
      kafkaProblem: served?.problem,
      health: store.health,
      async runTriggers(triggers, listener) {
        const { runFileTriggers } = await import('../../embedded/triggers/run-file-triggers.ts')
        // So that a handler that produces finds its broker.
        const address =
          token === null ? { TIDEMARK_BROKER: url } : { TIDEMARK_BROKER: url, TIDEMARK_TOKEN: token }
        const settings = { bootstrapServers: new URL(url).host, environment: { ...process.env, ...address } }
        running = await runFileTriggers(store, triggers, settings, listener)
      },
      async close() {
        // Calls under way are waited for below, and would else try for longer than whoever ends us waits.
        hostOf(store).prepareEnd()
        // Handlers first: those under way may have something to produce.
        await running?.stop()
        // The server first, so that what it has accepted reaches the store that is flushed then.
        await Promise.all([server.close(), served?.close()])
        await store.close()
      },
    }
  } catch (error) {
    await store.close()
    throw error
  }
}
