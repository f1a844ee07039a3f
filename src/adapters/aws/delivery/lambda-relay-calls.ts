import { relayCalls } from '../../../core/outbox/relay-call.ts'
import type { PartitionId } from '../../../core/topic/partition-id.ts'
import type { RelayCalls } from '../../../ports/relay-calls.ts'
import { LambdaEvents } from './lambda-events.ts'

/** Calls a Lambda function that relays. Lambda's own queue is all that is between, and costs nothing while nothing comes. */
export class LambdaRelayCalls implements RelayCalls {
  readonly #events: LambdaEvents

  /** Makes the client and sends nothing. */
  constructor(...settings: ConstructorParameters<typeof LambdaEvents>) {
    this.#events = new LambdaEvents(...settings)
  }

  async call(partitions: readonly PartitionId[]): Promise<void> {
    for (const call of relayCalls(partitions)) await this.#events.send(call)
  }
}
