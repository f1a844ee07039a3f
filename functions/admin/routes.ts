import type { Route } from '../../src/contract/http/route.ts'
import { route as alterTopic } from '../../src/contract/http/routes/alter-topic.ts'
import { route as createTopic } from '../../src/contract/http/routes/create-topic.ts'
import { route as deleteRecords } from '../../src/contract/http/routes/delete-records.ts'
import { route as deleteTopic } from '../../src/contract/http/routes/delete-topic.ts'
import { route as describeApi } from '../../src/contract/http/routes/describe-api.ts'
import { route as describeTopic } from '../../src/contract/http/routes/describe-topic.ts'
import { route as listTopics } from '../../src/contract/http/routes/list-topics.ts'
import { FETCH_ROUTES } from '../fetch/routes.ts'
import { PRODUCE_ROUTES } from '../produce/routes.ts'
import { GROUP_ROUTES } from '../rebalance/routes.ts'

/**
 * What the admin function serves: all but triggers, since this is the function that describes the API; the gateway
 * brings it only what the others do not serve. A set: each of the others brings health.
 */
export const ADMIN_ROUTES: ReadonlySet<Route> = new Set([
  listTopics,
  createTopic,
  describeTopic,
  alterTopic,
  deleteTopic,
  ...PRODUCE_ROUTES,
  ...FETCH_ROUTES,
  deleteRecords,
  ...GROUP_ROUTES,
  describeApi,
])
