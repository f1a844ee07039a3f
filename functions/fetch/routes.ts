import type { RouteGroup } from '../../src/contract/http/build-app.ts'
import { addFetchRoutes } from '../../src/contract/http/fetch-routes.ts'
import { addHealthRoute } from '../../src/contract/http/health-route.ts'
import { addOffsetRoute } from '../../src/contract/http/offset-route.ts'

/** What the fetch function serves; health, so that it can be kept warm or looked at by a direct invocation. */
export const FETCH_ROUTES: readonly RouteGroup[] = [addFetchRoutes, addOffsetRoute, addHealthRoute]
