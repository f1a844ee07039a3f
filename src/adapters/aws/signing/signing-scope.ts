import { parseUrl } from '../../../core/since-node-22.ts'
/** What a signature is made for: it is valid for one service in one region. */
export interface SigningScope {
  readonly region: string
  readonly service: 'execute-api' | 'lambda'
}

/** `<id>.execute-api.<region>.amazonaws.com`, the same over a VPC endpoint, in China, and with IPv6. */
const API_GATEWAY_HOST = /(?:^|\.)execute-api\.([a-z0-9-]+)\.(?:(?:vpce\.)?amazonaws\.com(?:\.cn)?|api\.aws)$/
/** `<id>.lambda-url.<region>.on.aws` */
const FUNCTION_URL_HOST = /\.lambda-url\.([a-z0-9-]+)\.on\.aws$/

/** The scope that a host name of AWS's own tells; undefined for any other host, a custom domain among them. */
export function signingScopeOf(url: string): SigningScope | undefined {
  const host = parseUrl(url)?.hostname ?? ''
  const api = API_GATEWAY_HOST.exec(host)
  if (api?.[1]) return { region: api[1], service: 'execute-api' }
  const functionUrl = FUNCTION_URL_HOST.exec(host)
  return functionUrl?.[1] ? { region: functionUrl[1], service: 'lambda' } : undefined
}
