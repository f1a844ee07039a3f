import { TidemarkError } from '../../core/errors.ts'
import { brokersOf } from './cluster.ts'
import type { GatewaySettings } from './context.ts'

/**
 * Replicas that a client gives a partition. Each gateway has every partition, so they mean nothing; but who names some that do
 * not exist has asked the wrong cluster.
 * @throws TidemarkError INVALID_REPLICA_ASSIGNMENT
 */
export function checkReplicas(brokerIds: readonly number[], settings: GatewaySettings): void {
  if (brokerIds.length === 0) throw wrong('The replicas of a partition are none: name a broker.')
  if (new Set(brokerIds).size < brokerIds.length) {
    throw wrong(`The replicas ${brokerIds.join(', ')} name a broker twice.`)
  }
  const known = brokersOf(settings).map(({ nodeId }) => nodeId)
  const unknown = brokerIds.find(id => !known.includes(id))
  if (unknown === undefined) return
  throw wrong(`There is no broker ${unknown}: there are ${known.join(', ')}.`)
}

export function wrong(message: string): TidemarkError {
  return new TidemarkError('INVALID_REPLICA_ASSIGNMENT', message)
}
