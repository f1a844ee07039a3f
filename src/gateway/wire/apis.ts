import type { AnyApi } from './api.ts'
import { ApiVersions } from './messages/api-versions.ts'
import { Fetch } from './messages/fetch.ts'
import { Metadata } from './messages/metadata.ts'
import { Produce } from './messages/produce.ts'

/** Every API that there is a table of, by its key. */
export const APIS: ReadonlyMap<number, AnyApi> = new Map(
  [ApiVersions, Fetch, Metadata, Produce].map((api: AnyApi) => [api.key, api]),
)

/** The API of a key in a version that its table describes. */
export function apiOf(key: number, version: number): AnyApi | undefined {
  const api = APIS.get(key)
  return api !== undefined && api.versions[0] <= version && version <= api.versions[1] ? api : undefined
}
