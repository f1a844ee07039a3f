import type { RouteGroup } from '../../src/contract/http/build-app.ts'
import { addGroupRoutes } from '../../src/contract/http/group-routes.ts'
import { addHealthRoute } from '../../src/contract/http/routes/health.ts'
import { addTriggerRoutes } from '../../src/contract/http/trigger-routes.ts'

/** What the rebalance function serves; health, so that it can be kept warm or looked at by a direct invocation. */
export const REBALANCE_ROUTES: readonly RouteGroup[] = [addGroupRoutes, addTriggerRoutes, addHealthRoute]
