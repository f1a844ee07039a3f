import { TidemarkError, type Written } from '../core/errors.ts'

/** Codes of failures at which no byte of the request can have reached a broker. */
const NEVER_SENT = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
])
/** API Gateway's and Lambda's names, an emulator's among them. */
const AWS_HOST = /(?:^|\.)execute-api\.|\.lambda-url\./
const CERTIFICATE = /CERT|UNABLE_TO_|HOSTNAME_MISMATCH|CRL_/
const UNKNOWN_ISSUER = /SELF_SIGNED|UNABLE_TO_/
const TOO_EARLY_OR_LATE = /EXPIRED|NOT_YET_VALID/
/** In another state than the request found it, the same one finds it again. */
const FOR_GOOD = { retriable: false } as const

/**
 * What the platform's fetch failed with, in words that say what to do: its own are `fetch failed` for everything.
 * @param base the broker's URL
 * @param written what became of the records if the request was sent
 */
export function fromFailedFetch(error: unknown, base: string, written: Written): TidemarkError {
  const { protocol, port, hostname } = new URL(base)
  const causes = deepestCauses(error)
  const codes = codesIn(causes)
  const failed = (message: string, became: Written, options?: { retriable: boolean }) =>
    new TidemarkError('NETWORK_EXCEPTION', message, became, { cause: error, ...options })

  if (codes.length > 0 && codes.every(code => NEVER_SENT.has(code)))
    return failed(`${unreachable(codes, base, hostname)}`, 'no')
  if (causes.some(({ message }) => message === 'bad port')) {
    const why = `fetch goes to no port ${port}, which is that of another protocol, and web browsers refuse it`
    const what = 'let the broker listen on another one, such as 8082'
    return failed(`${base} cannot be asked: ${why}. So ${what}.`, 'no', FOR_GOOD)
  }
  const certificate = codes.find(code => CERTIFICATE.test(code))
  if (certificate !== undefined) {
    const what = `The certificate of ${base} is not accepted (${certificate})`
    return failed(`${what}: ${certificateAdvice(certificate, hostname)}`, 'no', FOR_GOOD)
  }
  if (protocol === 'https:' && codes.some(code => /^ERR_SSL_|^EPROTO$/.test(code))) {
    const plain =
      codes.includes('ERR_SSL_WRONG_VERSION_NUMBER') || codes.includes('ERR_SSL_PACKET_LENGTH_TOO_LONG')
    const advice = plain
      ? `something else than TLS answers there: try ${base.replace('https:', 'http:')}`
      : 'it and this client have no TLS in common'
    return failed(`There is no TLS at ${base} (${codes.join(', ')}): ${advice}.`, 'no', FOR_GOOD)
  }
  if (causes.some(({ name }) => name === 'HTTPParserError')) {
    const advice = `is it the port of another service${maybeTls(base)}?`
    return failed(`What answers at ${base} does not speak HTTP: ${advice}`, written, FOR_GOOD)
  }
  // The request itself: a header that cannot be sent.
  const isRefused =
    error instanceof TypeError && error.cause === undefined && error.message !== 'fetch failed'
  if (isRefused || (error instanceof Error && codes.includes('UND_ERR_INVALID_ARG'))) {
    return new TidemarkError('INVALID_REQUEST', `${base} cannot be asked: ${error.message}.`, 'no', {
      cause: error,
    })
  }
  const reason = causes.map(describeCause).join('; ')
  if (causes.some(isClosedUnanswered)) {
    const why = `it was closed without an answer; has the broker been stopped${maybeTls(base)}?`
    return failed(`The connection to ${base} failed (${reason}): ${why}`, written)
  }
  return failed(`The connection to ${base} failed (${reason}).`, written)
}

/** The codes below a failed fetch: one for each address of the host that was tried. */
export function codesOf(error: unknown): string[] {
  return codesIn(deepestCauses(error))
}

function codesIn(causes: readonly { readonly code?: unknown }[]): string[] {
  return causes.flatMap(({ code }) => (typeof code === 'string' ? [code] : []))
}

function unreachable(codes: string[], base: string, hostname: string): string {
  const isAws = AWS_HOST.test(hostname)
  const told = codes.join(', ')
  if (codes.includes('ENOTFOUND')) {
    const advice = isAws
      ? "was its stack deleted, or deployed anew? The stack's output ApiUrl tells the present one"
      : 'look at its name, and at the network'
    return `There is no host ${hostname} (${told}): ${advice}.`
  }
  if (codes.includes('EAI_AGAIN'))
    return `The name ${hostname} cannot be looked up now (${told}): is there a network?`
  if (isAws)
    return `Nothing answers at ${base} (${told}): is there a way from here to AWS, and does a firewall let it?`
  if (codes.includes('ECONNREFUSED')) {
    return `Nothing answers at ${base} (${told}): is \`tidemark dev\` running there?`
  }
  return `Nothing answers at ${base} (${told}): look at the address, and for a firewall between.`
}

function certificateAdvice(code: string, hostname: string): string {
  if (TOO_EARLY_OR_LATE.test(code)) return "it has to be renewed, or this machine's clock is wrong."
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID' || code === 'HOSTNAME_MISMATCH')
    return `it is not for ${hostname}: use a name that stands in it.`
  if (UNKNOWN_ISSUER.test(code))
    return 'nobody whom Node trusts has signed it. NODE_EXTRA_CA_CERTS=FILE names an authority of your own.'
  return 'look at it with `openssl s_client`.'
}

function maybeTls(base: string): string {
  return base.startsWith('http:') ? `, or does it speak TLS (${base.replace('http:', 'https:')})` : ''
}

/** Whether a connection ended before a byte came back; undici's error carries the socket's counts. */
function isClosedUnanswered(error: ErrorLike): boolean {
  return error.code === 'UND_ERR_SOCKET' && error.socket?.bytesRead === 0
}

type ErrorLike = Error & { code?: unknown; socket?: { bytesRead?: number } }

/** What lies below a failed fetch: one for each address of the host that was tried. */
function deepestCauses(error: unknown): ErrorLike[] {
  if (error instanceof AggregateError && error.errors.length > 0) return error.errors.flatMap(deepestCauses)
  if (!(error instanceof Error)) return [new Error(String(error))]
  const { code } = error as ErrorLike
  return error.cause === undefined || typeof code === 'string' ? [error] : deepestCauses(error.cause)
}

function describeCause({ code, message }: ErrorLike): string {
  return typeof code === 'string' && !message.includes(code) ? `${code}: ${message}` : message
}
