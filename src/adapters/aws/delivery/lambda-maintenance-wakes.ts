import type { MaintenanceCall } from '../../../core/maintenance-call.ts'
import type { MaintenanceWakes } from '../../../ports/maintenance-wakes.ts'
import { LambdaEvents } from './lambda-events.ts'

/** Calls a Lambda function that maintains the store, and waits for none of its runs. */
export class LambdaMaintenanceWakes implements MaintenanceWakes {
  readonly #events: LambdaEvents

  /** Makes the client and sends nothing. */
  constructor(...settings: ConstructorParameters<typeof LambdaEvents>) {
    this.#events = new LambdaEvents(...settings)
  }

  async wake(calls: readonly MaintenanceCall[]): Promise<void> {
    for (const call of calls) await this.#events.send(call)
  }

  close(): void {
    this.#events.close()
  }
}
