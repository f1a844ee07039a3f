import { randomUUID } from 'node:crypto'
import { withResolvers } from '../../core/since-node-22.ts'
import type { CallOutcome, FunctionCaller } from '../../ports/function-caller.ts'
import {
  describeThrown,
  describeTimeout,
  type HandlerAnswer,
  invoke,
  outcomeOf,
  type TriggerHandler,
} from './function-handler.ts'

/** Calls a function of this process. One that takes too long cannot be stopped: its answer is not waited for. */
export class InProcessCaller implements FunctionCaller {
  readonly #handler: TriggerHandler
  readonly #functionName: string

  constructor(handler: TriggerHandler, functionName: string) {
    this.#handler = handler
    this.#functionName = functionName
  }

  async call(_target: string, event: string, timeoutMs: number): Promise<CallOutcome> {
    const requestId = randomUUID()
    const identity = { requestId, functionName: this.#functionName, timeoutMs }
    const overtime = withResolvers<HandlerAnswer>()
    const timer = setTimeout(
      () => overtime.resolve({ kind: 'failed', error: describeTimeout(timeoutMs) }),
      timeoutMs,
    )
    const called = invoke(this.#handler, JSON.parse(event), identity).then(
      (answer): HandlerAnswer => ({ kind: 'answered', answer }),
      (thrown: unknown): HandlerAnswer => ({ kind: 'failed', error: describeThrown(thrown) }),
    )
    try {
      return outcomeOf(requestId, await Promise.race([called, overtime.promise]))
    } finally {
      clearTimeout(timer)
    }
  }
}
