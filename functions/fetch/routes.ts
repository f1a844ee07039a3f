import type { RouteGroup } from '../../src/contract/http/build-app.ts'
import { addFetchRoutes } from '../../src/contract/http/routes/fetch.ts'
import { addOffsetRoute } from '../../src/contract/http/routes/find-offset.ts'
import { addHealthRoute } from '../../src/contract/http/routes/health.ts'

/** What the fetch function serves; health, so that it can be kept warm or looked at by a direct invocation. */
export const FETCH_ROUTES: readonly RouteGroup[] = [addFetchRoutes, addOffsetRoute, addHealthRoute]
