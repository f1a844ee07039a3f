import type { Route } from '../../src/contract/http/route.ts'
import { route as fetch } from '../../src/contract/http/routes/fetch.ts'
import { route as fetchMany } from '../../src/contract/http/routes/fetch-many.ts'
import { route as fetchTopic } from '../../src/contract/http/routes/fetch-topic.ts'
import { route as findOffset } from '../../src/contract/http/routes/find-offset.ts'
import { route as health } from '../../src/contract/http/routes/health.ts'

/** What the fetch function serves; health, so that it can be kept warm or looked at by a direct invocation. */
export const FETCH_ROUTES: readonly Route[] = [fetch, fetchMany, fetchTopic, findOffset, health]
