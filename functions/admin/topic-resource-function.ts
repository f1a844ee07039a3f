import type { Broker } from '../../src/contract/broker.ts'
import type { InvocationContext } from '../runtime/invocation.ts'
import type { Telemetry } from '../runtime/telemetry.ts'
import type { ResourceEvent } from './resource-event.ts'
import { makeResource, NOT_CREATED, unknownRequest } from './resource-function.ts'
import { createTopic, deleteTopic, updateTopic } from './topic-resource.ts'

/** Serves Custom::TidemarkTopic. */
export function makeTopicResource(
  broker: Broker,
  telemetry: Telemetry,
): (event: ResourceEvent, context: InvocationContext) => Promise<void> {
  return makeResource('topic', event => carryOut(broker, event), telemetry)
}

/** The resource's id is the topic's name. */
async function carryOut(broker: Broker, event: ResourceEvent): Promise<string> {
  const { RequestType, PhysicalResourceId = NOT_CREATED, ResourceProperties, OldResourceProperties } = event
  if (RequestType === 'Delete' && PhysicalResourceId === NOT_CREATED) return PhysicalResourceId
  // Loaded here: requests over HTTP, which are most, need no zod for it.
  const { readProperties } = await import('./topic-properties.ts')
  const wanted = readProperties(ResourceProperties)
  switch (RequestType) {
    case 'Create':
      await createTopic(broker, wanted)
      return wanted.topic
    case 'Update':
      if (wanted.topic === PhysicalResourceId) {
        await updateTopic(broker, wanted, readProperties(OldResourceProperties))
      } else await createTopic(broker, wanted)
      return wanted.topic
    case 'Delete':
      // By its id: after a renaming, the properties are the old ones, too.
      if (wanted.removal === 'delete') await deleteTopic(broker, PhysicalResourceId)
      return PhysicalResourceId
    default:
      throw unknownRequest(RequestType)
  }
}
