import { openAwsBucket } from '../../src/adapters/aws/objects/aws-bucket.ts'
import { requireVariable } from '../runtime/environment.ts'
import { maintenanceOnDemand } from '../runtime/maintenance-on-demand.ts'
import { openService } from '../runtime/service.ts'
import { readSettlingEnvironment } from '../runtime/settling-environment.ts'
import { makeFlushFunction } from './flush-function.ts'

/** Inline bytes into objects, woken by the table's stream and by a schedule; tells whoever maintains the store what is due. */
export const handler = makeFlushFunction(
  await openService('flush', openAwsBucket),
  readSettlingEnvironment(process.env),
  maintenanceOnDemand(
    requireVariable(process.env, 'TIDEMARK_MAINTAIN', 'the name of the function that maintains the store'),
  ),
)
