import { openOutboxStore } from '../../src/adapters/aws/table/open-outbox-store.ts'
import { Relay } from '../../src/broker/outbox/relay.ts'
import { TopicDirectory } from '../../src/broker/topics/topic-directory.ts'
import { FUNCTION_TOPIC_CACHE_MS } from '../../src/core/limits.ts'
import { openBucketOnDemand } from '../runtime/bucket-on-demand.ts'
import { readEnvironment } from '../runtime/environment.ts'
import { openBroker } from '../runtime/open-broker.ts'
import { openService } from '../runtime/service.ts'
import { makeRelayFunction } from './relay-function.ts'

// On demand: what is small goes into the table.
const service = await openService('relay', openBucketOnDemand)
const { ports, telemetry } = service
const outboxes = openOutboxStore({ table: readEnvironment(process.env).table })
const directory = new TopicDirectory(ports.topics, ports.clock, FUNCTION_TOPIC_CACHE_MS)
const relay = new Relay(
  { ports: { ...ports, outboxes }, broker: openBroker(service), directory },
  (partition, items, { error, reason }) =>
    telemetry.error('Items of an outbox cannot be moved, and were put aside', {
      ...partition,
      keys: items.map(({ key }) => key),
      kafkaError: error,
      reason,
    }),
)

/** What applications have put beside their own writes, into the logs. Called by the dispatch function, and by a schedule. */
export const handler = makeRelayFunction(service, relay)
