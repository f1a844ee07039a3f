import { TidemarkError, type Written } from '../core/errors.ts'

/** An answer that no broker gave, but something on the way to it. */
export interface GatewayAnswer {
  /** Where the request was sent, for the message. */
  readonly base: string
  readonly status: number
  readonly text: string
  /** Its Date header: the gateway's clock. */
  readonly date: string | null
}

/** Clocks that differ by more than this are why AWS refuses a signature; it allows five minutes. */
const CLOCK_SKEW_MS_MAX = 4 * 60_000

/** nginx's and Go's words; Apache's are "speaking plain HTTP to an SSL-enabled server port". */
const HTTP_FOR_HTTPS =
  /plain HTTP (request was sent )?to (an )?(HTTPS|SSL-enabled)|HTTP request to an HTTPS server/i

/**
 * What an answer means that is not a broker's: API Gateway's, a function URL's, or a proxy's. AWS says it in
 * `message` or `Message`, and never says what to do.
 * @param written what became of the records if the request was passed on
 * @param nowMs this machine's clock, to tell how far it is from the gateway's
 */
export function fromGatewayAnswer(answer: GatewayAnswer, written: Written, nowMs: number): TidemarkError {
  const { base, status, text } = answer
  const said = `${base} answered ${status}: ${JSON.stringify((gatewayMessage(text) ?? text).slice(0, 200))}.`
  if (status === 401) {
    return new TidemarkError('SASL_AUTHENTICATION_FAILED', `${said} The token is missing, wrong or expired.`)
  }
  if (status === 403) return forbidden(answer, said, nowMs)
  if (status === 413) {
    return new TidemarkError('MESSAGE_TOO_LARGE', `${said} Send the records in several requests.`)
  }
  // Refused at the door: neither API Gateway nor Lambda has passed it on.
  if (status === 429) return new TidemarkError('THROTTLING_QUOTA_EXCEEDED', `${said} Send less at a time.`)
  if (HTTP_FOR_HTTPS.test(text)) {
    const message = `${base} answered ${status}, since it speaks TLS: give ${base.replace('http:', 'https:')}.`
    return new TidemarkError('INVALID_REQUEST', message)
  }
  const message = `${base} answered ${status}, and not as a Tidemark broker does: ${JSON.stringify(excerptOf(text))}.`
  // Something in between may have passed the request on before it gave up.
  if (status >= 500) return new TidemarkError('NETWORK_EXCEPTION', message, written)
  return new TidemarkError('INVALID_REQUEST', message)
}

/** A redirect: it is not followed, and no other try is answered otherwise. */
export function fromRedirect(
  base: string,
  status: number,
  location: string,
  written: Written,
): TidemarkError {
  const to = URL.canParse(location, base) ? new URL(location, base) : undefined
  const isOnlyTls = to?.protocol === 'https:' && to.hostname === new URL(base).hostname
  const advice = isOnlyTls
    ? `give ${base.replace('http:', 'https:').replace(/:80$/, '')}`
    : "requests are not sent on: give the broker's own URL, or sign in where that leads"
  return new TidemarkError(
    'NETWORK_EXCEPTION',
    `${base} answered ${status} and sends to ${JSON.stringify(location.slice(0, 200))}: ${advice}.`,
    written,
    { retriable: false },
  )
}

/** A page for people, with a status that says all is well. */
export function fromStranger(base: string, status: number, written: Written): TidemarkError {
  return new TidemarkError(
    'NETWORK_EXCEPTION',
    `${base} answered ${status} with a page of HTML, and not as a Tidemark broker does: is that its URL, or is there a ` +
      'proxy or a login before it?',
    written,
    { retriable: false },
  )
}

/** Of a page what stands in it, since nobody reads its tags. */
function excerptOf(text: string): string {
  const isPage = /^\s*<(!doctype|html|head|body|h1)/i.test(text)
  const readable = isPage ? text.replaceAll(/<(script|style)\b.*?<\/\1>|<[^>]*>/gis, ' ') : text
  return readable.replaceAll(/\s+/g, ' ').trim().slice(0, 200)
}

function forbidden({ text, date }: GatewayAnswer, said: string, nowMs: number): TidemarkError {
  return new TidemarkError(
    'CLUSTER_AUTHORIZATION_FAILED',
    `${said} ${forbiddenAdvice(gatewayMessage(text) ?? '', date, nowMs)}`,
  )
}

function forbiddenAdvice(message: string, date: string | null, nowMs: number): string {
  const skewMs = date === null ? Number.NaN : nowMs - Date.parse(date)
  if (/signature (expired|not yet current)/i.test(message) || Math.abs(skewMs) > CLOCK_SKEW_MS_MAX) {
    const far = Number.isNaN(skewMs) ? '' : ` by ${Math.round(Math.abs(skewMs) / 1000)} s`
    const direction = skewMs < 0 ? 'is behind' : 'is ahead of'
    return `This machine's clock ${Number.isNaN(skewMs) ? 'differs from' : direction} AWS's${far}: set it, and try again.`
  }
  if (/missing authentication token/i.test(message)) {
    return 'The request was not signed, or there is no such route: look at the URL, and sign with AWS credentials.'
  }
  if (/token.*expired|expired.*token/i.test(message)) {
    return 'The AWS credentials have expired: get new ones, for example with `aws sso login`.'
  }
  if (/token.*invalid|invalid.*token|unrecognized/i.test(message)) {
    return 'AWS does not know these credentials: look at AWS_PROFILE, AWS_ACCESS_KEY_ID and AWS_SESSION_TOKEN.'
  }
  if (/signature/i.test(message)) {
    return 'The signature does not fit: look at the secret key and the region, and for a proxy that changes requests.'
  }
  return 'The request was not signed, or its AWS identity may not call this route: it needs a policy that allows it.'
}

/** `{"message": …}` of API Gateway, `{"Message": …}` of function URLs. */
function gatewayMessage(text: string): string | undefined {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    return undefined // not JSON: the caller shows the text as it is
  }
  if (typeof json !== 'object' || json === null) return undefined
  const { message, Message } = json as { message?: unknown; Message?: unknown }
  return [message, Message].find(each => typeof each === 'string')
}
