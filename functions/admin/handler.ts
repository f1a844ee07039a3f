import { readFile } from 'node:fs/promises'
import { openBucketOnDemand } from '../runtime/bucket-on-demand.ts'
import { openService } from '../runtime/service.ts'
import { makeAdminFunction } from './admin-function.ts'

/** Written by the bundler: the generator is larger than the function, and its result is always the same. */
const OPENAPI_DOCUMENT = new URL('openapi.json', import.meta.url)

/** Topics, by a gateway, a function URL, a direct invocation, or CloudFormation (Custom::TidemarkTopic and Custom::TidemarkTrigger). */
export const handler = makeAdminFunction(await openService('admin', openBucketOnDemand), async () =>
  JSON.parse(await readFile(OPENAPI_DOCUMENT, 'utf8')),
)
