import { parseUrl } from '../../core/since-node-22.ts'
import { UsageError } from '../output/failure.ts'
import {
  type AwsStoreAddress,
  type AwsStoreOptions,
  awsOptionsGiven,
  chooseAwsStore,
} from './aws-store-address.ts'
import { readStackOutputs, type StackOutputs } from './stack-outputs.ts'

export const DEFAULT_BROKER_URL = 'http://127.0.0.1:8082'

/** The options that every command understands. */
export interface AddressOptions extends AwsStoreOptions {
  broker?: string
  token?: string
  sigv4?: boolean
  dir?: string
  aws?: boolean
  outputs?: string
}

/** What a command may do to a store. One that only reads leaves no trace; `rebuild` is for one whose index is lost. */
export type StoreAccess = 'read' | 'write' | 'create' | 'rebuild'

/** A broker behind HTTP. */
export interface HttpAddress {
  url: string
  token: string | null
  /** With AWS credentials. `by-host`: where the host is one of API Gateway's or Lambda's. */
  signing: 'always' | 'by-host' | 'never'
  /** What signatures are for; null: what the host name tells. */
  region: string | null
}

/** Where the broker is: behind HTTP, or in this process, on a directory or on AWS. */
export type BrokerAddress = HttpAddress | { directory: string } | AwsStoreAddress

/**
 * Options go before variables, and a store that was named before the variable's broker.
 * @throws UsageError where the options name no broker, or two
 */
export function chooseAddress(options: AddressOptions, environment: NodeJS.ProcessEnv): BrokerAddress {
  checkOneBroker(options)
  if (options.dir !== undefined) return { directory: options.dir }
  const outputs = options.outputs === undefined ? {} : readStackOutputs(options.outputs)
  if (options.aws) return chooseAwsStore(options, outputs, environment)
  return chooseHttp(options, outputs, environment)
}

function checkOneBroker(options: AddressOptions): void {
  const { broker, dir, aws, outputs } = options
  if (aws && (broker !== undefined || dir !== undefined)) {
    throw new UsageError(
      `--aws and ${dir === undefined ? '--broker' : '--dir'} name two stores: give one of them`,
    )
  }
  if (broker !== undefined && dir !== undefined)
    throw new UsageError('--broker and --dir name two brokers: give one of them')
  if (outputs !== undefined && (broker !== undefined || dir !== undefined)) {
    throw new UsageError('--outputs names a broker, and so does the other option: give one of them')
  }
  if (aws && (options.token !== undefined || options.sigv4)) {
    throw new UsageError('--aws asks no broker, so there is nothing for --token or --sigv4 to do')
  }
  const alone = aws ? [] : awsOptionsGiven(options)
  if (alone.length > 0) throw new UsageError(`${alone.join(' and ')} say where a store on AWS is: add --aws`)
}

function chooseHttp(
  options: AddressOptions,
  outputs: StackOutputs,
  environment: NodeJS.ProcessEnv,
): HttpAddress {
  if (options.outputs !== undefined && outputs.apiUrl === undefined) {
    throw new UsageError(`${options.outputs} tells no ApiUrl; with --aws its table and bucket can be used`)
  }
  const text = options.broker ?? outputs.apiUrl ?? (environment.TIDEMARK_BROKER || DEFAULT_BROKER_URL)
  const url = parseBrokerUrl(text)
  if (options.sigv4 && options.token !== undefined) {
    throw new UsageError('a request carries a token or a signature: give --token or --sigv4')
  }
  const token = options.sigv4 ? null : chooseToken(options, environment)
  const region = options.region ?? outputs.region ?? null
  if (options.sigv4) {
    const fallback = environment.AWS_REGION || environment.AWS_DEFAULT_REGION || null
    return { url, token, signing: 'always', region: region ?? fallback }
  }
  return { url, token, signing: token === null ? 'by-host' : 'never', region }
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
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(text)?.[1]
  if (scheme !== undefined && !/^https?$/i.test(scheme)) {
    throw new UsageError(`'${text}' is no broker: it is asked over http or https, and not over ${scheme}`)
  }
  // kcat's and Kafka's tools take host:port, and so does muscle memory.
  const url = parseUrl(scheme === undefined ? `http://${text}` : text)
  if (!url?.hostname) throw new UsageError(`'${text}' is no broker: give a URL such as ${DEFAULT_BROKER_URL}`)
  if (url.username !== '' || url.password !== '') {
    throw new UsageError("a broker's URL carries no user and password: give --token, or set TIDEMARK_TOKEN")
  }
  if (url.search !== '' || url.hash !== '') {
    throw new UsageError(`a broker's URL ends before '${url.search}${url.hash}': leave that out`)
  }
  return url.href.replace(/\/$/, '')
}
