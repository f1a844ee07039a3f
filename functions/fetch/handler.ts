import { openAwsBucket } from '../../src/adapters/aws/objects/aws-bucket.ts'
import { makeHttpFunction } from '../runtime/http-function.ts'
import { openBroker } from '../runtime/open-broker.ts'
import { openService } from '../runtime/service.ts'
import { FETCH_ROUTES } from './routes.ts'

const service = await openService('fetch', openAwsBucket)
const { TIDEMARK_WAKING_URL: wakingUrl } = process.env

/** Records and offsets of a partition, by a gateway, a function URL or a direct invocation. */
export const handler = makeHttpFunction(
  service,
  FETCH_ROUTES,
  undefined,
  openBroker(service),
  wakingUrl ? (await import('./waking-offer.ts')).offerWaking(wakingUrl, service) : undefined,
)
