import { request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import { POST_TIMEOUT_MS } from '../../../core/limits.ts'
import type { ListenerSockets } from '../../../ports/listener-sockets.ts'
import { NotApplied, OutcomeUnknown, StoreFailed } from '../../../ports/outcome.ts'
import { type AwsCredentials, signedByAws } from '../signing/request-signer.ts'

interface GatewaySocketsOptions {
  /** The address of the stage: `https://<id>.execute-api.<region>.amazonaws.com/<stage>`. */
  readonly url: string
  /** Where the host does not tell it. */
  readonly region?: string
  readonly credentials?: AwsCredentials
  readonly timeoutMs?: number
}

/** The WebSockets of an API Gateway, by its management API. */
export class GatewaySockets implements ListenerSockets {
  readonly #url: string
  readonly #timeoutMs: number
  readonly #sign: ReturnType<typeof signedByAws>

  /** Sends nothing. @throws TidemarkError where the region is not known */
  constructor({ timeoutMs = POST_TIMEOUT_MS, ...options }: GatewaySocketsOptions) {
    this.#url = options.url.replace(/\/$/, '')
    this.#timeoutMs = timeoutMs
    this.#sign = signedByAws(options)
  }

  async send(socket: string, message: string): Promise<'sent' | 'gone'> {
    const status = await this.#post(`${this.#url}/@connections/${encodeURIComponent(socket)}`, message)
    if (status >= 200 && status < 300) return 'sent'
    if (status === 410) return 'gone'
    const told = `execute-api:ManageConnections was answered with ${status}`
    if (status === 429) throw new NotApplied(told)
    if (status >= 500) throw new OutcomeUnknown(told)
    throw new StoreFailed(`${told}: may this function post to ${this.#url}, and is the clock right?`)
  }

  async #post(url: string, body: string): Promise<number> {
    const proof = await this.#sign({ method: 'POST', url, headers: {}, body })
    const headers = { ...proof, 'content-length': Buffer.byteLength(body) }
    const options = { method: 'POST', headers, signal: AbortSignal.timeout(this.#timeoutMs) }
    return await new Promise<number>((resolve, reject) => {
      const failed = (error: Error) =>
        reject(new OutcomeUnknown(`a post got no answer (${error.message})`, { cause: error }))
      // Node keeps the connections of both.
      const request = url.startsWith('http:') ? requestHttp : requestHttps
      const sent = request(url, options)
      sent.once('response', response => {
        response.once('error', failed)
        response.once('end', () => resolve(response.statusCode!))
        response.resume()
      })
      sent.once('error', failed)
      sent.end(body)
    })
  }
}
