import { randomUUID } from 'node:crypto'
import type { CallDetails, CallOutcome, FunctionCaller } from '../../ports/function-caller.ts'
import {
  describeThrown,
  describeTimeout,
  HANDLER_VERSION,
  invoke,
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
    const details: CallDetails = { requestId, executedVersion: HANDLER_VERSION, functionError: null }
    const failed = (error: string): CallOutcome => ({
      kind: 'failed',
      error,
      call: { ...details, functionError: 'Unhandled' },
    })
    const overtime = Promise.withResolvers<CallOutcome>()
    const timer = setTimeout(() => overtime.resolve(failed(describeTimeout(timeoutMs))), timeoutMs)
    const called = invoke(this.#handler, JSON.parse(event), {
      requestId,
      functionName: this.#functionName,
      timeoutMs,
    }).then(
      (answer): CallOutcome => ({
        kind: 'answered',
        answer: answer === undefined ? undefined : JSON.parse(answer),
        call: details,
      }),
      (thrown: unknown) => failed(describeThrown(thrown)),
    )
    try {
      return await Promise.race([called, overtime.promise])
    } finally {
      clearTimeout(timer)
    }
  }
}
