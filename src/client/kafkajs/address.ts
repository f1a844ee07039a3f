import type { Broker } from '../../contract/broker.ts'
import type { GroupBroker } from '../../contract/groups.ts'
import { HttpBroker } from '../http-broker.ts'
import type { HttpBrokerSettings, SignRequest } from '../http-transport.ts'
import { KafkaJSError, KafkaJSNonRetriableError, KafkaJSNotImplemented, toKafkaJSError } from './errors.ts'
import type { EmbeddedKafkaConfig, KafkaConfig, SASLOptions } from './types/configuration.ts'

type AnyBroker = Broker & GroupBroker

/** The broker that a configuration names, and where it is. */
export interface NamedBroker {
  broker: AnyBroker
  /** undefined: in this process. */
  url(): Promise<URL | undefined>
}

/** @throws KafkaJSNonRetriableError for what is no address, KafkaJSNotImplemented for ways in that are not there */
export function findBroker(config: KafkaConfig | EmbeddedKafkaConfig): NamedBroker {
  if (config.broker) return { broker: config.broker, url: async () => undefined }
  const { brokers, ssl } = config
  checkWays(config)
  const open = (addresses: unknown) => {
    const url = toUrl(addresses, ssl)
    return { url, broker: new HttpBroker({ url: url.href.replace(/\/$/, ''), ...credentialsOf(config) }) }
  }
  if (typeof brokers !== 'function') {
    const { broker, url } = open(brokers)
    return { broker, url: async () => url }
  }
  // Asked when it is needed, and once, unless that fails.
  let opened: Promise<ReturnType<typeof open>> | undefined
  const late = () => {
    opened ??= (async () => open(await brokers()))().catch(error => {
      opened = undefined
      if (error instanceof KafkaJSError) throw error
      throw new KafkaJSNonRetriableError(`The brokers function failed: ${messageOf(error)}`, { cause: error })
    })
    return opened
  }
  return { broker: lateBroker(async () => (await late()).broker), url: async () => (await late()).url }
}

/** A broker whose methods wait until it is there. */
function lateBroker(open: () => Promise<AnyBroker>): AnyBroker {
  return new Proxy({} as AnyBroker, {
    get(_, name) {
      // Whoever awaits the broker itself asks whether it is a promise.
      if (typeof name === 'symbol' || name === 'then') return undefined
      return async (...args: unknown[]) => Reflect.get(await open(), name).apply(await open(), args)
    },
  })
}

/** The first of them; without a scheme it is http, or https with `ssl`. */
function toUrl(addresses: unknown, ssl: KafkaConfig['ssl']): URL {
  const [address] = Array.isArray(addresses) ? addresses : []
  if (typeof address !== 'string' || address === '') {
    throw new KafkaJSNonRetriableError('brokers is no list of addresses: give the URL of Tidemark in it.')
  }
  const text = /^\w+:\/\//.test(address) ? address : `${ssl ? 'https' : 'http'}://${address}`
  if (!/^https?:/.test(text) || !URL.canParse(text)) {
    throw new KafkaJSNonRetriableError(`${JSON.stringify(address)} is no URL, and no host:port.`)
  }
  if (ssl && text.startsWith('http:')) {
    throw new KafkaJSNonRetriableError(`ssl is set, and ${address} is not encrypted: give an https URL.`)
  }
  return new URL(text)
}

const TLS_OWN = ['ca', 'cert', 'key', 'pfx', 'rejectUnauthorized', 'servername', 'checkServerIdentity']

function checkWays(config: KafkaConfig): void {
  const { ssl } = config
  const own = TLS_OWN.filter(name => typeof ssl === 'object' && Object.hasOwn(ssl, name))
  if (own.length > 0) {
    throw new KafkaJSNotImplemented(
      `ssl cannot have ${own.join(', ')}: whom Node trusts, NODE_EXTRA_CA_CERTS says.`,
    )
  }
  if (Object.hasOwn(config, 'socketFactory')) {
    throw new KafkaJSNotImplemented('There are no sockets here: leave socketFactory out.')
  }
}

function credentialsOf({ sasl, token, sign }: KafkaConfig): Omit<HttpBrokerSettings, 'url'> {
  const signs = sign ?? (sasl?.mechanism === 'oauthbearer' ? bearerOf(sasl) : undefined)
  if (signs) return { sign: signs }
  if (token !== undefined) return { token }
  if (sasl === undefined) return {}
  if (sasl.mechanism === 'plain') return { token: sasl.password }
  throw new KafkaJSNotImplemented(
    `There is no ${JSON.stringify(sasl.mechanism)} here: give a token, sign (signedByAws of tidemark/aws), or the mechanism plain or oauthbearer.`,
  )
}

function bearerOf({ oauthBearerProvider }: SASLOptions & { mechanism: 'oauthbearer' }): SignRequest {
  return async ({ headers }) => ({
    ...headers,
    authorization: `Bearer ${(await oauthBearerProvider()).value}`,
  })
}

function messageOf(error: unknown): string {
  const told = toKafkaJSError(error)
  return told instanceof Error ? told.message : String(told)
}
