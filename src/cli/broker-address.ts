import { UsageError } from './failure.ts'

export const DEFAULT_BROKER_URL = 'http://127.0.0.1:8082'

/** The options that every command understands. */
export interface AddressOptions {
  broker?: string
  token?: string
  dir?: string
}

/** Where the broker is: behind HTTP, or in this process on a directory. */
export type BrokerAddress = { url: string; token: string | null } | { directory: string }

/** Options go before variables, and a directory that was named before the variable's broker. */
export function chooseAddress(options: AddressOptions, environment: NodeJS.ProcessEnv): BrokerAddress {
  if (options.dir !== undefined) {
    if (options.broker !== undefined)
      throw new UsageError('--broker and --dir name two brokers: give one of them')
    return { directory: options.dir }
  }
  const text = options.broker ?? (environment.TIDEMARK_BROKER || DEFAULT_BROKER_URL)
  return { url: parseBrokerUrl(text), token: chooseToken(options, environment) }
}

export function chooseToken(options: AddressOptions, environment: NodeJS.ProcessEnv): string | null {
  // What a shell makes of "$TOKEN" when it is not set: the user wanted protection, and would get none.
  if (options.token === '') throw new UsageError('--token is empty: leave it out, or give one')
  const token = options.token ?? (environment.TIDEMARK_TOKEN || null)
  // The Authorization header ends a token at the first space, and carries nothing beyond ASCII.
  if (token !== null && !/^[!-~]+$/.test(token)) {
    throw new UsageError('the token may hold only ASCII letters, digits and signs, and no space')
  }
  return token
}

function parseBrokerUrl(text: string): string {
  // kcat's and Kafka's tools take host:port, and so does muscle memory.
  const url = URL.parse(/^https?:\/\//.test(text) ? text : `http://${text}`)
  if (!url?.hostname) throw new UsageError(`'${text}' is no broker: give a URL such as ${DEFAULT_BROKER_URL}`)
  return url.href.replace(/\/$/, '')
}
