import { TopicDirectory } from '../../src/broker/topics/topic-directory.ts'
import { Dispatcher } from '../../src/broker/triggers/dispatcher.ts'
import type { WakeUps } from '../../src/ports/wake-ups.ts'
import { deadlineMsOf, type EventFunction } from '../runtime/invocation.ts'
import type { Service } from '../runtime/service.ts'
import { changedIn, isStreamEvent, type StreamEvent } from '../runtime/table-stream.ts'

/**
 * A batch of the table's stream names the partitions and the triggers that have changed. Anything else is the
 * schedule's call, which looks for partitions that are behind. Where the store or the queue fails, so does the
 * invocation, and Lambda brings the batch again.
 */
export function makeDispatchFunction(service: Service, wakeUps: WakeUps): EventFunction {
  const { ports, telemetry } = service
  const dispatcher = new Dispatcher({ ...ports, wakeUps }, new TopicDirectory(ports.topics, ports.clock))

  async function dispatch(event: StreamEvent, requestId: string): Promise<void> {
    let unknown = 0
    const passOver = (record: unknown) => {
      unknown += 1
      telemetry.warn('A record of the stream names no head and no trigger; it is passed over', { record })
    }
    const woken = await dispatcher.wakeChanged(
      changedIn(event, passOver),
      event.Records.at(-1)?.eventID ?? requestId,
    )
    telemetry.publish({
      metrics: { Requests: 1, WakeUps: woken, ...(unknown > 0 && { UnknownStreamRecords: unknown }) },
      details: { requestId, trigger: 'stream' },
    })
  }

  async function sweep(deadlineMs: number, requestId: string): Promise<void> {
    const { woken, looked, isFinished } = await dispatcher.sweep(deadlineMs)
    if (!isFinished) {
      telemetry.warn('The sweep did not get to the end in time; the next one goes on', { looked })
    }
    telemetry.publish({
      metrics: { Requests: 1, WakeUps: woken, ...(!isFinished && { UnfinishedScans: 1 }) },
      details: { requestId, trigger: 'schedule', looked },
    })
  }

  return async (event, context) => {
    const { awsRequestId } = context
    const deadlineMs = deadlineMsOf(context, ports.clock)
    await telemetry.trace('dispatch', () =>
      isStreamEvent(event) ? dispatch(event, awsRequestId) : sweep(deadlineMs, awsRequestId),
    )
  }
}
