import type { RouteGroup } from '../../src/contract/http/build-app.ts'
import { addHealthRoute } from '../../src/contract/http/routes/health.ts'
import { addProduceRoutes } from '../../src/contract/http/routes/produce.ts'

/** What the produce function serves; health, so that it can be kept warm or looked at by a direct invocation. */
export const PRODUCE_ROUTES: readonly RouteGroup[] = [addProduceRoutes, addHealthRoute]
