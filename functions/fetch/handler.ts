import { openAwsBucket } from '../../src/adapters/aws/objects/aws-bucket.ts'
import { makeHttpFunction } from '../runtime/http-function.ts'
import { openService } from '../runtime/service.ts'
import { FETCH_ROUTES } from './routes.ts'

/** Records and offsets of a partition, by a gateway, a function URL or a direct invocation. */
export const handler = makeHttpFunction(await openService('fetch', openAwsBucket), FETCH_ROUTES)
