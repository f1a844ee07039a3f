import type { Delivered } from '../../src/broker/triggers/delivering/delivered.ts'
import type { Delivery } from '../../src/broker/triggers/delivering/delivery.ts'
import {
  DELIVERY_STALLED_MS,
  FUNCTION_RESERVE_MS,
  TRIGGER_CALL_GRACE_MS,
  WAKE_UP_FAILED_PAUSE_MS,
  WAKE_UP_RESERVE_MS,
} from '../../src/core/limits.ts'
import type { WakeUp } from '../../src/core/trigger/trigger.ts'
import type { WakeUps } from '../../src/ports/wake-ups.ts'
import type { InvocationContext } from '../runtime/invocation.ts'
import type { Service } from '../runtime/service.ts'
import { HiddenMessage, type MessageQueue } from './hidden-message.ts'
import { type QueueAnswer, type QueueEvent, type QueueMessage, readWakeUp } from './queue-event.ts'

/** Calls users' functions with records. It never throws: what is to come again, its answer names. */
export type DeliverFunction = (event: QueueEvent, context: InvocationContext) => Promise<QueueAnswer>

/**
 * Works off wake-ups. While one is worked on its message is hidden, for as long as the next call can take: where the
 * process dies, the message is back soon after, and another one takes over.
 */
export function makeDeliverFunction(
  service: Pick<Service, 'ports' | 'telemetry'>,
  delivery: Pick<Delivery, 'deliver'>,
  queue: MessageQueue & WakeUps,
): DeliverFunction {
  const { ports, telemetry } = service
  const { clock } = ports

  /** Tells whether the message has done its duty. */
  async function work(message: QueueMessage, deadlineMs: number, requestId: string): Promise<boolean> {
    const wakeUp = readWakeUp(message.body)
    if (!wakeUp) {
      // It would come back for ever, and hold up its lane.
      telemetry.error('A message is no wake-up; it is dropped', { messageId: message.messageId })
      return true
    }
    const sentMs = Number(message.attributes.SentTimestamp)
    const hidden = new HiddenMessage(queue, message.receiptHandle, clock)
    const working = new AbortController()
    const warn = (error: unknown) => telemetry.warn('The message could not be hidden', { error })
    try {
      // Until now it is hidden for as long as this function may run. Nothing waits for this but the next change.
      void hidden.hide(WAKE_UP_RESERVE_MS).catch(warn)
      const beforeCall = (timeoutMs: number) =>
        hidden.hide(timeoutMs + TRIGGER_CALL_GRACE_MS + WAKE_UP_RESERVE_MS)
      const kept = hidden.keep(working.signal, warn)
      const delivered = await delivery.deliver(wakeUp, { deadlineMs, sentMs, beforeCall })
      working.abort()
      await kept
      report(wakeUp, delivered, clock.nowMs() - sentMs, requestId)
      if (delivered.outcome !== 'again') return true
      if (delivered.lane !== undefined) {
        // Sent before this one is done: a crash in between leaves two, of which one finds nothing.
        await queue.wake([{ ...wakeUp, lane: delivered.lane }], `turn-${message.messageId}`)
        return true
      }
      await hidden.hide(delivered.afterMs)
    } catch (error) {
      working.abort()
      telemetry.error('A wake-up failed, and comes again', { error, ...namesOf(wakeUp) })
      telemetry.publish({ metrics: { Requests: 1, Errors: 1 }, details: { requestId, ...namesOf(wakeUp) } })
      // Without it the message comes again all the same, when the time is over for which it was hidden last.
      await hidden.hide(WAKE_UP_FAILED_PAUSE_MS).catch(warn)
    }
    return false
  }

  function report(wakeUp: WakeUp, delivered: Delivered, ageMs: number, requestId: string): void {
    const { outcome, reason, afterMs, records, calls, failedCalls, givenUp } = delivered
    const isStalled = outcome === 'again' && records === 0 && givenUp === 0 && ageMs >= DELIVERY_STALLED_MS
    if (failedCalls > 0 || isStalled) {
      telemetry.warn('A delivery has trouble', { ...namesOf(wakeUp), outcome, reason, afterMs, failedCalls })
    }
    telemetry.publish({
      metrics: {
        Requests: 1,
        DeliveredRecords: records,
        FunctionCalls: calls,
        FailedCalls: failedCalls,
        GivenUpRecords: givenUp,
        ...(isStalled && { StalledDeliveries: 1 }),
      },
      details: { requestId, ...namesOf(wakeUp), outcome, reason },
    })
  }

  return async ({ Records }, context) => {
    // The last call's answer may be as late as is waited for, and is judged and committed then.
    const reserveMs = TRIGGER_CALL_GRACE_MS + FUNCTION_RESERVE_MS
    const deadlineMs = clock.nowMs() + context.getRemainingTimeInMillis() - reserveMs
    const again: QueueMessage[] = []
    for (const message of Records) {
      const isDone = await telemetry.trace('deliver', () => work(message, deadlineMs, context.awsRequestId))
      if (!isDone) again.push(message)
    }
    return { batchItemFailures: again.map(({ messageId }) => ({ itemIdentifier: messageId })) }
  }
}

function namesOf({ groupId, topic, partition }: WakeUp) {
  return { groupId, topic, partition: partition.partition }
}
