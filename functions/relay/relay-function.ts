import type { Relay } from '../../src/broker/outbox/relay.ts'
import { parseRelayCall } from '../../src/core/outbox/relay-call.ts'
import { deadlineMsOf, type EventFunction } from '../runtime/invocation.ts'
import type { Service } from '../runtime/service.ts'

/**
 * Moves what waits in outboxes into the logs: of partitions that a call names, or, where the schedule calls, of all that have ever had
 * any. What failed is thrown at the end, when the others are done: Lambda calls again, and behind that the schedule does.
 */
export function makeRelayFunction(
  { ports, telemetry }: Pick<Service, 'ports' | 'telemetry'>,
  relay: Pick<Relay, 'relay' | 'partitions'>,
): EventFunction {
  async function work(event: unknown, deadlineMs: number, requestId: string): Promise<void> {
    const call = parseRelayCall(event)
    const partitions = 'look' in call ? await relay.partitions(call.look, deadlineMs) : call.partitions
    const { moved, records, parked, lagMs, isFinished, failed } = await relay.relay(partitions, deadlineMs)
    for (const { partition, error } of failed) {
      telemetry.error('An outbox could not be relayed, and is tried again', { ...partition, error })
    }
    // Of a look that finds nothing there is nothing to tell.
    if (moved + parked + failed.length > 0 || !isFinished) {
      telemetry.publish({
        metrics: {
          Requests: 1,
          ProducedRecords: records,
          LagMs: lagMs,
          ...(parked > 0 && { GivenUpRecords: parked }),
          ...(failed.length > 0 && { Errors: failed.length }),
        },
        details: {
          requestId,
          trigger: 'look' in call ? `look at ${call.look}` : 'stream',
          items: moved,
          partitions: partitions.length,
        },
      })
    }
    if (failed[0]) throw failed[0].error
  }

  return async (event, context) => {
    const deadlineMs = deadlineMsOf(context, ports.clock)
    await telemetry.trace('relay', () => work(event, deadlineMs, context.awsRequestId))
  }
}
