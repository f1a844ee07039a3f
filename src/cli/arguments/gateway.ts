import type { Command } from 'commander'
import { type AddressOptions, chooseAddress } from '../address/broker-address.ts'
import { KAFKA_LISTEN_DEFAULT, type ListenAddress, parseListenAddress } from '../address/listen-address.ts'
import type { GatewayCommandSettings } from '../commands/gateway.ts'
import { UsageError } from '../output/failure.ts'
import type { Session } from '../session.ts'
import { argument, examples, parseWholeNumber, repeated, wholeNumber } from './argument.ts'

interface GatewayCommandOptions extends AddressOptions {
  listen?: ListenAddress
  advertise?: ListenAddress
  nodeId?: number
  peer?: Peer[]
  /** true: without a number. */
  autoCreate?: number | true
  users?: string
  tlsCert?: string
  tlsKey?: string
  tlsClientCa?: string
  insecure?: boolean
}

interface Peer extends ListenAddress {
  nodeId: number
}

const NODE_ID_DEFAULT = 1

export function addGateway(program: Command, session: Session): void {
  program
    .command('gateway')
    .summary("serve Kafka's clients from a store")
    .description(
      "Serves Kafka's clients, and nobody else, from the store in the directory --dir, or on AWS with --aws, until\n" +
        'Ctrl-C. Any number of gateways may serve one store: give each its own --node-id, and name the others with --peer,\n' +
        'so that clients go on with another one when one is gone.\n\n' +
        'Clients connect to the address that they are told (--advertise), whichever one they came to first.\n\n' +
        'With --users, clients prove who they are (SASL SCRAM-SHA-512 or SCRAM-SHA-256; PLAIN only over TLS or on this\n' +
        'machine). With --tls-cert and --tls-key they are served over TLS; with --tls-client-ca they have to show a\n' +
        'certificate, too.',
    )
    .option(
      '--listen <host:port>',
      `where to listen; port 0 lets the system choose (default: ${KAFKA_LISTEN_DEFAULT})`,
      argument(parseListenAddress),
    )
    .option(
      '--advertise <host:port>',
      'where clients reach this gateway (default: where it listens)',
      argument(parseAdvertised),
    )
    .option(
      '--node-id <number>',
      `its number among the gateways of the store (default: ${NODE_ID_DEFAULT})`,
      wholeNumber(0),
    )
    .option(
      '--peer <id@host:port>',
      'another gateway of the store, by its number and where clients reach it; may be repeated',
      repeated(parsePeer),
    )
    .option(
      '--auto-create [partitions]',
      'make topics that clients ask for (with 1 partition unless a number is given)',
      argument(text => parseWholeNumber(text, 1)),
    )
    .option(
      '--users <file>',
      'let in only users in this file (see `tidemark gateway-user`; default: what TIDEMARK_USERS holds of one)',
    )
    .option('--tls-cert <file>', "serve over TLS: the gateway's certificate, in PEM")
    .option('--tls-key <file>', 'its key, in PEM')
    .option('--tls-client-ca <file>', 'let in only clients whose certificate one of these has signed, in PEM')
    .option('--insecure', 'listen on an address that others can reach, and let everybody in')
    .addHelpText(
      'after',
      examples(
        'tidemark gateway --dir .tidemark',
        'tidemark gateway --aws --outputs outputs.json --listen 127.0.0.1:9092',
        'tidemark gateway --aws --table tidemark --bucket tidemark-segments --listen 0.0.0.0:9092 \\\n' +
          '      --advertise kafka.example.org:9092 --users users.json --tls-cert cert.pem --tls-key key.pem',
        'tidemark gateway --dir .tidemark --listen 127.0.0.1:9093 --node-id 2 --peer 1@127.0.0.1:9092',
      ),
    )
    .action(async (_local: unknown, command: Command) => {
      const options = command.optsWithGlobals<GatewayCommandOptions>()
      const address = chooseAddress(options, session.environment)
      if ('url' in address) {
        throw new UsageError(
          'a gateway serves a store itself: name its directory with --dir, or its table and bucket with --aws',
        )
      }
      const settings = gatewaySettings(options, session.environment)
      const [{ serveGateway }, { openStore }] = await Promise.all([
        import('../commands/gateway.ts'),
        import('../address/connect.ts'),
      ])
      const open = () => openStore(address, 'create', error => session.reportAside(error))
      session.exitCode = await serveGateway(open, settings, session.terminal)
    })
}

function gatewaySettings(
  options: GatewayCommandOptions,
  environment: NodeJS.ProcessEnv,
): GatewayCommandSettings {
  const { nodeId = NODE_ID_DEFAULT, peer: peers = [], autoCreate, tlsCert, tlsKey, tlsClientCa } = options
  const ids = [nodeId, ...peers.map(peer => peer.nodeId)]
  const twice = ids.find((id, index) => ids.indexOf(id) !== index)
  if (twice !== undefined) throw new UsageError(`two gateways have the number ${twice}: give each its own`)
  if ((tlsCert === undefined) !== (tlsKey === undefined)) {
    throw new UsageError('a certificate is nothing without its key: give --tls-cert and --tls-key')
  }
  if (tlsClientCa !== undefined && tlsCert === undefined) {
    throw new UsageError('clients show certificates over TLS only: give --tls-cert and --tls-key, too')
  }
  return {
    listen: options.listen ?? parseListenAddress(KAFKA_LISTEN_DEFAULT),
    advertised: options.advertise,
    nodeId,
    peers,
    autoCreate: autoCreate === undefined ? undefined : { partitions: autoCreate === true ? 1 : autoCreate },
    usersFile: options.users,
    usersText: environment.TIDEMARK_USERS || undefined,
    tls:
      tlsCert === undefined || tlsKey === undefined
        ? undefined
        : { certFile: tlsCert, keyFile: tlsKey, clientCaFile: tlsClientCa },
    insecure: options.insecure ?? false,
  }
}

function parseAdvertised(text: string): ListenAddress {
  const address = parseListenAddress(text)
  if (address.port === 0) throw new UsageError(`'${text}' is no address that a client can connect to`)
  return address
}

function parsePeer(text: string): Peer {
  const [, id, address] = /^(\d{1,9})@(.+)$/.exec(text) ?? []
  if (id === undefined || address === undefined) {
    throw new UsageError(`'${text}' is no gateway: give its number and its address, such as 2@127.0.0.1:9093`)
  }
  return { nodeId: Number(id), ...parseAdvertised(address) }
}
