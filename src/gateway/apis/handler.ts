import type { Context } from './context.ts'

/** What a handler has to know of its API's messages. */
export interface Messages<Request, Response> {
  readonly key: number
  readonly name: string
  isFlexible(version: number): boolean
  /** @throws WireError where the bytes are no request of this version */
  decodeRequest(version: number, bytes: Uint8Array): Request
  /** Pieces, to be sent one after the other. */
  encodeResponse(version: number, body: Response): Uint8Array[]
}

/** The lowest and the highest. */
export type Versions = readonly [lowest: number, highest: number]

/** An API as it is offered: which versions, and what is done. */
export interface Handler<Request = unknown, Response = unknown> {
  readonly api: Messages<Request, Response>
  readonly versions: Versions
  /** Whoever asked is answered with what it resolves to; with undefined, not at all. */
  answer(request: Request, context: Context): Promise<Response | undefined>
}

/**
 * Offers an API.
 * @param versions those that are advertised; a request in another one never gets here
 * @param answer maps every TidemarkError to the error code of what it is about; whatever else it throws ends the connection
 */
export function handler<Request, Response>(
  api: Messages<Request, Response>,
  versions: Versions,
  answer: Handler<Request, Response>['answer'],
): Handler {
  // The server calls it with what this very API has decoded.
  return { api, versions, answer } as Handler
}
