import { TopicDirectory } from '../../src/broker/topics/topic-directory.ts'
import { Dispatcher } from '../../src/broker/triggers/dispatcher.ts'
import type { WakeListeners } from '../../src/broker/waking/wake-listeners.ts'
import type { PartitionId } from '../../src/core/topic/partition-id.ts'
import type { RelayCalls } from '../../src/ports/relay-calls.ts'
import type { WakePosts } from '../../src/ports/wake-posts.ts'
import type { WakeUps } from '../../src/ports/wake-ups.ts'
import { deadlineMsOf, type EventFunction } from '../runtime/invocation.ts'
import type { Service } from '../runtime/service.ts'
import { changedIn, isStreamEvent, type StreamEvent } from '../runtime/table-stream.ts'
import { filledOutboxes } from './filled-outboxes.ts'

interface DispatchPorts {
  /** Absent where there are no triggers. */
  readonly wakeUps?: WakeUps
  /** Absent where nobody is woken. */
  readonly posts?: WakePosts
  /** Absent where nobody has an outbox. */
  readonly relays?: RelayCalls
}

/**
 * A batch of the table's stream names the partitions and the triggers that have changed. Anything else is the
 * schedule's call, which looks for partitions that are behind. Where the store or the queue fails, so does the
 * invocation, and Lambda brings the batch again. Triggers, listeners and outboxes do not wait for each other, nor fail for each other.
 */
export function makeDispatchFunction(
  service: Service,
  { wakeUps, posts, relays }: DispatchPorts,
): EventFunction {
  const { ports, telemetry } = service
  const dispatcher =
    wakeUps && new Dispatcher({ ...ports, wakeUps }, new TopicDirectory(ports.topics, ports.clock))
  let opening: Promise<WakeListeners> | undefined

  /** Loaded where somebody is woken. */
  async function openListeners(posts: WakePosts): Promise<WakeListeners> {
    const module = await import('../../src/broker/waking/wake-listeners.ts')
    return new module.WakeListeners({ ...ports, listeners: service.listeners, posts })
  }

  async function wakeListeners(posts: WakePosts, changed: readonly PartitionId[]): Promise<number> {
    opening ??= openListeners(posts)
    return await (await opening).wakeChanged(changed)
  }

  async function dispatch(event: StreamEvent, requestId: string): Promise<void> {
    let unknown = 0
    const passOver = (record: unknown) => {
      unknown += 1
      telemetry.warn('A record of the stream names no head and no trigger; it is passed over', { record })
    }
    const changed = changedIn(event, passOver)
    const occasion = event.Records.at(-1)?.eventID ?? requestId
    const filled = relays ? filledOutboxes(event) : []
    const [woken, posted, called] = await Promise.allSettled([
      dispatcher?.wakeChanged(changed, occasion),
      posts && wakeListeners(posts, changed.partitions),
      filled.length > 0 ? relays!.call(filled) : undefined,
    ])
    for (const each of [woken, posted, called]) if (each.status === 'rejected') throw each.reason
    // It comes for each batch of changes: what is as usual is told with others.
    telemetry[unknown > 0 ? 'publish' : 'gather']({
      metrics: {
        Requests: 1,
        WakeUps: countOf(woken),
        ...(unknown > 0 && { UnknownStreamRecords: unknown }),
      },
      // No metric: it would cost more than the posts do.
      details: { requestId, trigger: 'stream', ...(posts && { posts: countOf(posted) }) },
    })
  }

  async function sweep(by: Dispatcher, deadlineMs: number, requestId: string): Promise<void> {
    const { woken, looked, isFinished } = await by.sweep(deadlineMs)
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
    await telemetry.trace('dispatch', async () => {
      if (isStreamEvent(event)) await dispatch(event, awsRequestId)
      else if (dispatcher) await sweep(dispatcher, deadlineMs, awsRequestId)
    })
  }
}

function countOf(settled: PromiseSettledResult<number | undefined>): number {
  return settled.status === 'fulfilled' ? (settled.value ?? 0) : 0
}
