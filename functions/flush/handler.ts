import { openAwsBucket } from '../../src/adapters/aws/objects/aws-bucket.ts'
import { openService } from '../runtime/service.ts'
import { makeFlushFunction } from './flush-function.ts'

/** Inline bytes into objects, woken by the table's stream and by a schedule. */
export const handler = makeFlushFunction(await openService('flush', openAwsBucket))
