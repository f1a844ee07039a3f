import type { AnyApi, Api } from '../wire/api.ts'
import type { Context } from './context.ts'

/** The lowest and the highest. */
export type Versions = readonly [lowest: number, highest: number]

/** An API as it is offered: which versions, and what is done. */
export interface Handler {
  readonly api: AnyApi
  readonly versions: Versions
  /** Whoever asked is answered with what it resolves to; with undefined, not at all. */
  answer(request: unknown, context: Context): Promise<unknown>
}

/**
 * Offers an API.
 * @param versions those that are advertised; a request in another one never gets here
 * @param answer maps every TidemarkError to the error code of what it is about. Where the protocol has no other answer, it
 *   throws ConnectionEnded, or the TidemarkError as it is; whatever else it throws is a bug, which ends the connection, too
 */
export function handler<Request, Response, RequestWritten, ResponseRead>(
  api: Api<Request, Response, RequestWritten, ResponseRead>,
  versions: Versions,
  answer: (request: Request, context: Context) => Promise<Response | undefined>,
): Handler {
  // The server calls it with what this very API has decoded.
  return { api, versions, answer } as Handler
}

/** Ends the connection, as Kafka does where it cannot answer: a write without acknowledgement has failed. */
export class ConnectionEnded extends Error {
  override readonly name = 'ConnectionEnded'
}
