import { randomBytes } from 'node:crypto'
import { descriptorsMax } from '../adapters/local/descriptors.ts'
import { shareDescriptors } from '../core/descriptor-shares.ts'
import { TidemarkError } from '../core/errors.ts'
import { type Gateway, type GatewayOptions, openGateway } from '../gateway/gateway.ts'
import { mechanismsFor } from '../gateway/server/sasl/authentication.ts'
import { isLoopback } from './loopback.ts'
import { type Embedded, storeIdOf } from './running-broker.ts'
import { systemClock } from './system.ts'
import { parseUsers, type Users, UsersFile } from './users-file.ts'

/** How Kafka's clients are served. */
export interface EmbeddedGatewayOptions
  extends Pick<
    GatewayOptions,
    'host' | 'port' | 'advertised' | 'nodeId' | 'peers' | 'autoCreate' | 'tls' | 'connectionsMax'
  > {
  /** A file of users, as `tidemark gateway-user` makes it: only they may come. */
  readonly usersFile?: string | undefined
  /** The same as text, where it is in no file. */
  readonly usersText?: string | undefined
  /** Permits to listen beyond this machine although nobody has to prove who he is. */
  readonly insecure?: boolean | undefined
  /** Told of each connection that ends for a reason, in a line; nobody when it is left out. */
  readonly log?: ((line: string) => void) | undefined
  /** What happens to errors that no client can be told of; they go to stderr when it is left out. */
  readonly reportError?: ((error: unknown) => void) | undefined
}

/**
 * Serves Kafka's clients from a broker of this process.
 * @throws POLICY_VIOLATION when it would listen beyond this machine and let everybody in, BROKER_NOT_AVAILABLE when it cannot
 *   listen there, UsersError where the file of users is none
 */
export async function startGateway(embedded: Embedded, options: EmbeddedGatewayOptions): Promise<Gateway> {
  const { host = '127.0.0.1', tls, usersFile, insecure = false, log = () => {} } = options
  const users = await usersOf(options)
  const isPrivate = isLoopback(host)
  if (!isPrivate && users === undefined && tls?.clientCa === undefined && !insecure) {
    throw new TidemarkError(
      'POLICY_VIOLATION',
      `Listening on ${host} lets everybody in the network read and write. Name a file of users, demand certificates of ` +
        'clients, listen on 127.0.0.1, or permit it all the same (--insecure).',
    )
  }
  if (users?.isOpenToOthers) log(`${usersFile} can be read by others than its owner: chmod 600 ${usersFile}`)
  return await openGateway(embedded.broker, {
    ...options,
    host,
    clusterId: await clusterIdOf(embedded),
    connectionsMax: options.connectionsMax ?? shareDescriptors(descriptorsMax()).connections,
    sasl: users && {
      // In the clear, a password is everybody's on the way.
      mechanisms: mechanismsFor(isPrivate || tls !== undefined || insecure),
      users: users.read,
    },
    clock: systemClock,
    log,
    reportError: options.reportError ?? (error => console.error(error)),
  })
}

/** @throws UsersError: what is wrong now would let nobody in later */
async function usersOf({
  usersFile,
  usersText,
}: EmbeddedGatewayOptions): Promise<{ read(): Promise<Users>; isOpenToOthers: boolean } | undefined> {
  if (usersFile !== undefined) {
    const file = new UsersFile(usersFile)
    await file.users()
    return { read: file.users, isOpenToOthers: await file.isOpenToOthers() }
  }
  if (usersText === undefined) return undefined
  const users = parseUsers(usersText)
  return { read: async () => users, isOpenToOthers: false }
}

/** The store's own id, as long as Kafka's are: 22 letters, digits, - and _. One that has none is known for one run only. */
async function clusterIdOf(embedded: Embedded): Promise<string> {
  const id = (await storeIdOf(embedded)) ?? randomBytes(16).toString('hex')
  return Buffer.from(id, 'hex').toString('base64url')
}
