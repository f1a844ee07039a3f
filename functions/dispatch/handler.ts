import { SqsWakeUps } from '../../src/adapters/aws/delivery/sqs-wake-ups.ts'
import { openBucketOnDemand } from '../runtime/bucket-on-demand.ts'
import { requireVariable } from '../runtime/environment.ts'
import { openService } from '../runtime/service.ts'
import { makeDispatchFunction } from './dispatch-function.ts'

/** Wake-ups for triggers, by the table's stream and by a schedule. */
export const handler = makeDispatchFunction(
  await openService('dispatch', openBucketOnDemand),
  new SqsWakeUps(requireVariable(process.env, 'TIDEMARK_WAKE_UPS', 'the URL of the queue of wake-ups')),
)
