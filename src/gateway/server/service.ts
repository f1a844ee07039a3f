import type { MemoryPool } from '../../core/lent-memory.ts'
import type { Clock } from '../../ports/clock.ts'
import type { GatewayBroker, GatewaySettings, TopicCatalogue } from '../apis/context.ts'
import type { Handler } from '../apis/handler.ts'
import type { AnyApi } from '../wire/api.ts'
import { ApiVersions } from '../wire/messages/api-versions.ts'
import { SaslAuthenticate } from '../wire/messages/sasl-authenticate.ts'
import { SaslHandshake } from '../wire/messages/sasl-handshake.ts'
import type { Room } from './room.ts'
import type { SaslSettings } from './sasl/authentication.ts'

/** Told of each connection that ends for a reason, in a line. */
export type Log = (line: string) => void

/** What all connections of a gateway share. */
export interface Service {
  readonly broker: GatewayBroker
  readonly settings: GatewaySettings
  readonly topics: TopicCatalogue
  readonly clock: Clock
  readonly offers: Offers
  readonly limits: ConnectionLimits
  /** Who has to prove who he is, and how; undefined: nobody. */
  readonly sasl: SaslSettings | undefined
  /** Memory for requests, for those of clients that have yet to prove who they are, and for answers. */
  readonly requests: Room
  readonly newcomers: Room
  readonly answers: Room
  /** What requests are put together in, and answers are read into. */
  readonly memory: MemoryPool
  readonly log: Log
  /** To be called once a second: more lines may be told. */
  readonly renewLog: () => void
  /** Told of what can only be a bug. */
  readonly reportError: (error: unknown) => void
}

/** What a gateway holds each connection to: the constants of their names, unless somebody wants other ones. */
export interface ConnectionLimits {
  readonly frameBytesMax: number
  readonly frameUnprovedBytesMax: number
  readonly frameMsMax: number
  readonly pipelinedBytesMax: number
  readonly pipelinedMax: number
  readonly unsentBytesMax: number
  readonly sendPaceMs: number
  readonly sendPressedPaceMs: number
  readonly sendPaceBytes: number
  readonly idleMsMax: number
  readonly provingMsMax: number
  readonly answerWaitMs: number
}

interface OfferedVersions {
  readonly apiKey: number
  readonly minVersion: number
  readonly maxVersion: number
}

/** What the server itself answers. */
const OWN_APIS: readonly AnyApi[] = [SaslHandshake, ApiVersions, SaslAuthenticate]

/** Every API that is offered, in which versions. */
export class Offers {
  readonly #handlers: ReadonlyMap<number, Handler>
  /** In the order of their keys, as ApiVersions tells them. */
  readonly versions: readonly OfferedVersions[]

  constructor(handlers: readonly Handler[]) {
    this.#handlers = new Map(handlers.map(handler => [handler.api.key, handler]))
    const all = [...handlers, ...OWN_APIS.map(api => ({ api, versions: api.versions }))]
    this.versions = all
      .map(({ api, versions: [minVersion, maxVersion] }) => ({ apiKey: api.key, minVersion, maxVersion }))
      .sort((one, other) => one.apiKey - other.apiKey)
  }

  /** The API of a request, if it is offered in this version. */
  readonly find = (key: number, version: number): AnyApi | undefined => {
    const handler = this.#handlers.get(key)
    const api = handler?.api ?? OWN_APIS.find(own => own.key === key)
    const [lowest, highest] = handler?.versions ?? api?.versions ?? [0, -1]
    return lowest <= version && version <= highest ? api : undefined
  }

  readonly handlerOf = (key: number): Handler | undefined => {
    return this.#handlers.get(key)
  }
}
