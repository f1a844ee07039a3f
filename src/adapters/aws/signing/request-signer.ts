import { defaultProvider } from '@aws-sdk/credential-provider-node'
import { Hash } from '@smithy/core/serde'
import { SignatureV4 } from '@smithy/signature-v4'
import { TidemarkError } from '../../../core/errors.ts'
import { credentialsAdvice } from '../credentials-advice.ts'
import { signingScopeOf } from './signing-scope.ts'

/** Who signs, as AWS hands it out. */
export interface AwsCredentials {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  /** Only with credentials that end by themselves. */
  readonly sessionToken?: string
}

export interface RequestSignerOptions {
  /** Where requests go; the host names of API Gateway and of function URLs tell region and service. */
  readonly url: string
  /** In place of the host's; needed where the host does not tell it, as with a custom domain. */
  readonly region?: string
  /** In place of the host's; `execute-api` where the host does not tell it. */
  readonly service?: string
  /** Who signs; unless given, whoever the AWS command line would be here: variables, profile, SSO, role. */
  readonly credentials?: AwsCredentials | (() => Promise<AwsCredentials>)
  /** Milliseconds since 1970; the machine's clock unless given. */
  readonly nowMs?: () => number
}

interface OutgoingRequest {
  readonly method: string
  /** Encoded, with its query. */
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array
}

/**
 * Signs requests with AWS's Signature Version 4, for a broker behind IAM authorization: `new HttpBroker({ url,
 * sign: signedByAws({ url }) })`. What it returns answers the headers to send beside the request's own, and throws
 * CLUSTER_AUTHORIZATION_FAILED where there are no credentials.
 * @throws TidemarkError INVALID_REQUEST when neither the host nor the options tell the region
 */
export function signedByAws(options: RequestSignerOptions) {
  const { url, credentials = defaultProvider(), nowMs = Date.now } = options
  const scope = signingScopeOf(url)
  const region = options.region ?? scope?.region
  if (region === undefined) {
    throw new TidemarkError('INVALID_REQUEST', `The host of ${url} does not tell its AWS region: name it.`)
  }
  const signer = new SignatureV4({
    region,
    service: options.service ?? scope?.service ?? 'execute-api',
    credentials: typeof credentials === 'function' ? found(credentials) : credentials,
    sha256: Hash.bind(null, 'sha256'),
    // The body's hash is part of the signature; only S3 wants it in a header too.
    applyChecksum: false,
  })
  return async ({ method, url, headers, body }: OutgoingRequest): Promise<Record<string, string>> => {
    const { host, protocol, hostname, pathname, searchParams } = new URL(url)
    const { 'content-type': contentType } = headers
    const signed = await signer.sign(
      {
        method,
        protocol,
        hostname,
        // Encoded once already; the signature's own rule encodes it a second time.
        path: pathname,
        query: queryOf(searchParams),
        // Only what nothing on the way changes.
        headers: { host, ...(contentType === undefined ? {} : { 'content-type': contentType }) },
        body,
      },
      { signingDate: new Date(nowMs()) },
    )
    // The platform's fetch sets the host itself, from the same URL.
    const { host: _, ...proof } = signed.headers
    return proof
  }
}

function found(provider: () => Promise<AwsCredentials>): () => Promise<AwsCredentials> {
  return async () => {
    try {
      return await provider()
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      throw new TidemarkError(
        'CLUSTER_AUTHORIZATION_FAILED',
        `There are no AWS credentials to sign with (${reason}): ${credentialsAdvice()}`,
        'no',
        { cause: error },
      )
    }
  }
}

/** A name that comes several times keeps all its values. */
function queryOf(parameters: URLSearchParams): Record<string, string[]> {
  return Object.fromEntries([...parameters.keys()].map(name => [name, parameters.getAll(name)]))
}
