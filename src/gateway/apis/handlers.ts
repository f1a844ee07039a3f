import { fetch } from './fetch.ts'
import { GROUP_HANDLERS } from './groups/index.ts'
import type { Handler } from './handler.ts'
import { metadata } from './metadata.ts'
import { produce } from './produce.ts'

/**
 * Every API that is offered, in the order of their keys. ApiVersions, SaslHandshake and SaslAuthenticate are the server's:
 * the former tells of this list, and the latter are about the connection.
 */
export const HANDLERS: readonly Handler[] = [produce, fetch, metadata, ...GROUP_HANDLERS].sort(
  (one, other) => one.api.key - other.api.key,
)
