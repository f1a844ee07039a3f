import { openBucketOnDemand } from '../runtime/bucket-on-demand.ts'
import { makeHttpFunction } from '../runtime/http-function.ts'
import { openService } from '../runtime/service.ts'
import { REBALANCE_ROUTES } from './routes.ts'

/** Consumer groups, by a gateway, a function URL or a direct invocation. */
export const handler = makeHttpFunction(await openService('rebalance', openBucketOnDemand), REBALANCE_ROUTES)
