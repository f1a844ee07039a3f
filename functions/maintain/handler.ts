import { openAwsBucket } from '../../src/adapters/aws/objects/aws-bucket.ts'
import { requireVariable } from '../runtime/environment.ts'
import { maintenanceOnDemand } from '../runtime/maintenance-on-demand.ts'
import { openService } from '../runtime/service.ts'
import { readSettlingEnvironment } from '../runtime/settling-environment.ts'
import { makeMaintainFunction } from './maintain-function.ts'

/** Logs into segments, old records away, objects that nothing needs away. Called by the flush function, and by itself. */
export const handler = makeMaintainFunction(
  await openService('maintain', openAwsBucket),
  readSettlingEnvironment(process.env),
  // Lambda tells a function its own name.
  maintenanceOnDemand(requireVariable(process.env, 'AWS_LAMBDA_FUNCTION_NAME', 'its own name')),
)
