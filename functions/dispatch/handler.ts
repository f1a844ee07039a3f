import { SqsWakeUps } from '../../src/adapters/aws/delivery/sqs-wake-ups.ts'
import { openBucketOnDemand } from '../runtime/bucket-on-demand.ts'
import { postsOnDemand } from '../runtime/posts-on-demand.ts'
import { relaysOnDemand } from '../runtime/relays-on-demand.ts'
import { openService } from '../runtime/service.ts'
import { makeDispatchFunction } from './dispatch-function.ts'

const { TIDEMARK_WAKE_UPS: queueUrl, TIDEMARK_POST: post, TIDEMARK_CONNECTIONS_URL: url } = process.env
const { TIDEMARK_RELAY: relay } = process.env

/** Wake-ups for triggers, by the table's stream and by a schedule; for listeners and for outboxes, by the stream alone. */
export const handler = makeDispatchFunction(await openService('dispatch', openBucketOnDemand), {
  ...(queueUrl && { wakeUps: new SqsWakeUps(queueUrl) }),
  ...(post && url && { posts: postsOnDemand(post, url) }),
  ...(relay && { relays: relaysOnDemand(relay) }),
})
