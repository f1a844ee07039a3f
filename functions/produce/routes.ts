import type { Route } from '../../src/contract/http/route.ts'
import { route as health } from '../../src/contract/http/routes/health.ts'
import { route as produce } from '../../src/contract/http/routes/produce.ts'

/** What the produce function serves; health, so that it can be kept warm or looked at by a direct invocation. */
export const PRODUCE_ROUTES: readonly Route[] = [produce, health]
