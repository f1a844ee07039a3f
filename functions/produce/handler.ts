import { openBucketOnDemand } from '../runtime/bucket-on-demand.ts'
import { makeHttpFunction } from '../runtime/http-function.ts'
import { openService } from '../runtime/service.ts'
import { PRODUCE_ROUTES } from './routes.ts'

/** POST /topics/{topic}/records, by a gateway, a function URL or a direct invocation. */
export const handler = makeHttpFunction(await openService('produce', openBucketOnDemand), PRODUCE_ROUTES)
