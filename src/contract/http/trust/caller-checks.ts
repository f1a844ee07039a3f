import { createHash, timingSafeEqual } from 'node:crypto'
import { TidemarkError } from '../../../core/errors.ts'
import { HttpProblem } from '../problems/problem.ts'

/** Names that mean this machine on every machine, so that no foreign DNS server can point them here. */
const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/

/**
 * Refuses requests that came by a name which is not ours. A web page can point a name of its own at
 * 127.0.0.1 and then read and write here as its own origin (DNS rebinding); the Host header gives it away.
 * @param allowed names, or names with a port
 * @throws HttpProblem 403
 */
export function checkHost(host: string | null, allowed: readonly string[]): void {
  if (host !== null && isTrusted(host.toLowerCase(), allowed)) return
  const message =
    `The Host ${JSON.stringify(host)} is not one that this server goes by. ` +
    'Use localhost, or add the name to the allowed hosts.'
  throw new HttpProblem(403, new TidemarkError('CLUSTER_AUTHORIZATION_FAILED', message))
}

function isTrusted(host: string, allowed: readonly string[]): boolean {
  const name = host.replace(/:\d*$/, '')
  return (
    LOOPBACK.test(name) || allowed.some(entry => entry.toLowerCase() === host || entry.toLowerCase() === name)
  )
}

/**
 * Refuses what a browser sends for a page that is not ours: a page can send requests anywhere, and some
 * write without asking first.
 * @throws HttpProblem 403
 */
export function checkOrigin(headers: Headers): void {
  const origin = headers.get('origin')
  const site = headers.get('sec-fetch-site')
  const isOwnSite = site === null || site === 'same-origin' || site === 'none'
  if (isOwnSite && (origin === null || isOwnOrigin(origin, headers.get('host')))) return
  const message = 'Requests of web pages from other origins are refused.'
  throw new HttpProblem(403, new TidemarkError('CLUSTER_AUTHORIZATION_FAILED', message))
}

function isOwnOrigin(origin: string, host: string | null): boolean {
  if (!URL.canParse(origin)) return false
  const { protocol, host: originHost } = new URL(origin)
  // Through URL, so that a default port that one of them spells out makes no difference.
  return (
    host !== null &&
    URL.canParse(`${protocol}//${host}`) &&
    new URL(`${protocol}//${host}`).host === originHost
  )
}

/** @throws HttpProblem 401 when the request does not bring the token */
export function checkToken(authorization: string | null, token: string): void {
  const given = authorization === null ? null : /^Bearer +(\S+) *$/i.exec(authorization)?.[1]
  if (given != null && isSameSecret(given, token)) return
  const message =
    given == null
      ? 'This server wants a token: send it as "Authorization: Bearer <token>".'
      : 'The token is not the one that this server was started with.'
  const error = new TidemarkError('SASL_AUTHENTICATION_FAILED', message)
  throw new HttpProblem(401, error, { 'www-authenticate': 'Bearer realm="tidemark"' })
}

function isSameSecret(left: string, right: string): boolean {
  // Hashed first: timingSafeEqual wants equal lengths, and the length must not show either.
  const digest = (text: string) => createHash('sha256').update(text).digest()
  return timingSafeEqual(digest(left), digest(right))
}
