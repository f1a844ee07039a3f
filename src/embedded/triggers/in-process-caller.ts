import { randomUUID } from 'node:crypto'
import { withResolvers } from '../../core/since-node-22.ts'
import type { FunctionCaller } from '../../ports/function-caller.ts'
import {
  describeThrown,
  describeTimeout,
  type HandlerAnswer,
  invoke,
  outcomeOf,
  type TriggerHandler,
} from './function-handler.ts'

/** Calls a function of this process. One that takes too long cannot be stopped: its answer is not waited for. */
export function inProcessCaller(handler: TriggerHandler, functionName: string): FunctionCaller {
  const call: FunctionCaller['call'] = async (_target, event, timeoutMs) => {
    const requestId = randomUUID()
    const identity = { requestId, functionName, timeoutMs }
    const overtime = withResolvers<HandlerAnswer>()
    const timer = setTimeout(
      () => overtime.resolve({ kind: 'failed', error: describeTimeout(timeoutMs) }),
      timeoutMs,
    )
    const called = invoke(handler, JSON.parse(event), identity).then(
      (answer): HandlerAnswer => ({ kind: 'answered', answer }),
      (thrown: unknown): HandlerAnswer => ({ kind: 'failed', error: describeThrown(thrown) }),
    )
    try {
      return outcomeOf(requestId, await Promise.race([called, overtime.promise]))
    } finally {
      clearTimeout(timer)
    }
  }
  return { call }
}
