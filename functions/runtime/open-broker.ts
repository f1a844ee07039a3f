import { LogBroker } from '../../src/broker/log-broker.ts'
import {
  FETCH_POLL_PAID_INTERVAL_MS_MAX,
  FUNCTION_PRODUCE_DEADLINE_MS,
  FUNCTION_TOPIC_CACHE_MS,
  HEARTBEAT_PAID_INTERVAL_MS_MAX,
} from '../../src/core/limits.ts'
import type { Service } from './service.ts'

/** The broker of an environment. One for all its invocations, so that those that run at a time share commits. */
export function openBroker({ ports, locator, telemetry }: Service): LogBroker {
  return new LogBroker(
    ports,
    {
      lingerMs: 0,
      reportError: error => telemetry.error('Work in the background failed', { error }),
      // The process sleeps between invocations; the table's stream wakes the function that flushes.
      flushes: 'elsewhere',
      produceDeadlineMs: FUNCTION_PRODUCE_DEADLINE_MS,
      topicCacheMs: FUNCTION_TOPIC_CACHE_MS,
      heartbeatIntervalMsMax: HEARTBEAT_PAID_INTERVAL_MS_MAX,
      pollIntervalMsMax: FETCH_POLL_PAID_INTERVAL_MS_MAX,
    },
    locator,
  )
}
