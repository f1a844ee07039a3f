import { lazily } from '../../src/adapters/aws/table/lazily.ts'
import type { RelayCalls } from '../../src/ports/relay-calls.ts'

/** Calls of the function that relays outboxes; Lambda's client is loaded with the first one. */
export function relaysOnDemand(functionName: string): RelayCalls {
  const open = async () => {
    const { LambdaRelayCalls } = await import('../../src/adapters/aws/delivery/lambda-relay-calls.ts')
    return new LambdaRelayCalls(functionName)
  }
  return lazily<RelayCalls>(open, { call: 'one' })
}
