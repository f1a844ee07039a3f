import { TidemarkError } from '../../../core/errors.ts'
import { TRIGGER_SEND_DEADLINE_MS } from '../../../core/limits.ts'
import { buildFailureReport, type FailureReport } from '../../../core/trigger/failure-report.ts'
import type { GivenUp } from '../../../ports/failure-destinations.ts'
import { retryUntil } from '../../store-calls/retry.ts'
import type { DeliveryPorts } from './delivered.ts'

export type Cause = Pick<FailureReport, 'condition' | 'attempts' | 'outcome'>

/**
 * Tells the trigger's destination, if it has one, of records that are given up. Told first and committed after: a crash
 * in between tells twice. Undefined: it is told; else what stands in the way.
 * @param eventOf makes the event that failed, as JSON
 */
export async function giveUp(
  ports: DeliveryPorts,
  { trigger, partition, records }: Pick<GivenUp, 'trigger' | 'partition' | 'records'>,
  cause: Cause,
  eventOf: () => string,
): Promise<string | undefined> {
  const destination = trigger.settings.onFailure
  if (destination === null) return undefined
  const { clock, entropy, failures } = ports
  const event = eventOf()
  const report = buildFailureReport({
    trigger,
    partition,
    records,
    ...cause,
    event,
    nowMs: clock.nowMs(),
    requestId: entropy.id(),
  })
  try {
    await retryUntil(ports, clock.monotonicMs() + TRIGGER_SEND_DEADLINE_MS, 'unknown', () =>
      failures.send(destination, { trigger, partition, records, report, event }),
    )
    return undefined
  } catch (error) {
    if (!(error instanceof TidemarkError)) throw error
    return `${destination} could not be told of what was given up: ${error.message}`
  }
}
