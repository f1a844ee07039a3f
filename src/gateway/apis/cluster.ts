import type { GatewaySettings } from './context.ts'

/** One log has no leaders that could change: LEADER_EPOCH of the core. */
export { LEADER_EPOCH } from '../../core/batches/batch-run.ts'

/** What anybody may do where nobody is held to anything: Kafka's bits, as a broker without an authorizer has them. */
export const TOPIC_OPERATIONS = 3_576
export const GROUP_OPERATIONS = 3_400
export const CLUSTER_OPERATIONS = 8_096
/** In place of those that nobody has asked for. */
export const OPERATIONS_NOT_ASKED = -2_147_483_648

/** The gateways of a store, in the order of their numbers: to clients they are its brokers. */
export function brokersOf({ nodeId, advertised, peers }: GatewaySettings) {
  const all = [{ nodeId, ...advertised }, ...peers]
  return all.sort((one, other) => one.nodeId - other.nodeId)
}
