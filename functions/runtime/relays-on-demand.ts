import type { RelayCalls } from '../../src/ports/relay-calls.ts'

/** Calls of the function that relays outboxes; Lambda's client is loaded with the first one. */
export function relaysOnDemand(functionName: string): RelayCalls {
  let opening: Promise<RelayCalls> | undefined
  const open = () => {
    opening ??= import('../../src/adapters/aws/delivery/lambda-relay-calls.ts').then(
      module => new module.LambdaRelayCalls(functionName),
    )
    return opening
  }
  return { call: async partitions => await (await open()).call(partitions) }
}
