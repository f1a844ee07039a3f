import { Delivery } from '../../broker/triggers/delivering/delivery.ts'
import { Triggers } from '../../broker/triggers/triggers.ts'
import { TidemarkError } from '../../core/errors.ts'
import type { Trigger } from '../../core/trigger/trigger.ts'
import type { EmbeddedHost } from '../running-broker.ts'
import { Lanes } from './lanes.ts'
import { isLocalDestination, localFailures } from './local-failures.ts'
import { isFileTarget, isLocalTarget, type LocalTrigger } from './local-trigger.ts'
import { observedFailures, observedFunctions } from './observed-ports.ts'
import { RunningTrigger } from './running-trigger.ts'
import type { ReportNews } from './trigger-news.ts'

export interface StartSettings {
  /** What events name as the cluster that they come from. */
  readonly bootstrapServers: string
  readonly report: ReportNews
  /** Whether triggers of handlers in files that another process has left, or runs, are removed first. */
  readonly takesOver: boolean
}

export interface StartedTriggers {
  /** Ends all pauses of those with this target. */
  wake(target: string): void
  /** Begins no further call, waits for those under way and commits, and removes the triggers. May be repeated. */
  stop(): Promise<void>
}

/**
 * Makes triggers and delivers them. One that another process of this kind has made for a group and topic is taken over:
 * there it is delivered no more, after the batch under way at most. That makes leftovers of a crash the same case.
 * @throws TidemarkError as putTrigger, NON_EMPTY_GROUP also where another has begun at the same moment; then none of
 *   them is left
 */
export async function startTriggers(
  host: EmbeddedHost,
  wanted: readonly LocalTrigger[],
  settings: StartSettings,
): Promise<StartedTriggers> {
  for (const trigger of wanted) checkDestination(trigger)
  const store = new Triggers(host.ports, host.directory)
  const made: Trigger[] = []
  const removeAll = async () => {
    for (const { groupId, topic, triggerId } of made) await store.remove({ groupId, topic, triggerId })
  }
  try {
    await removeOthers(store, wanted, settings.takesOver)
    for (const { groupId, topic, target, settings } of wanted) {
      // Under an id of its own: what another has put meanwhile is not altered, or both would deliver it.
      const triggerId = host.ports.entropy.id()
      made.push(await store.put({ groupId, topic, target, settings, triggerId }))
    }
  } catch (error) {
    await removeAll()
    throw error
  }
  const running = made.map((trigger, index) => run(host, trigger, wanted[index]!, settings))
  let stopped: Promise<void> | undefined
  return {
    wake(target) {
      for (const each of running) if (each.trigger.target === target) each.wake()
    },
    stop() {
      stopped ??= Promise.all(running.map(each => each.stop())).then(removeAll)
      return stopped
    },
  }
}

function run(
  { ports, broker, directory }: EmbeddedHost,
  trigger: Trigger,
  { functions }: LocalTrigger,
  { bootstrapServers, report }: StartSettings,
): RunningTrigger {
  const observed = {
    ...ports,
    functions: observedFunctions(functions, trigger, report),
    failures: observedFailures(localFailures(broker), report),
  }
  const delivery = new Delivery(observed, broker, directory, { bootstrapServers })
  return new RunningTrigger({ ports, directory, broker, delivery, trigger, lanes: new Lanes(), report })
}

async function removeOthers(
  store: Triggers,
  wanted: readonly LocalTrigger[],
  takesOver: boolean,
): Promise<void> {
  for (const { groupId, topic, triggerId, target } of await store.list()) {
    const isInTheWay = wanted.some(each => each.groupId === groupId && each.topic === topic)
    const isOurs = (takesOver && isFileTarget(target)) || (isInTheWay && isLocalTarget(target))
    if (isOurs) await store.remove({ groupId, topic, triggerId })
  }
}

/** @throws INVALID_REQUEST */
function checkDestination({ topic, settings: { onFailure } }: LocalTrigger): void {
  if (onFailure === undefined || onFailure === null || isLocalDestination(onFailure)) return
  throw new TidemarkError(
    'INVALID_REQUEST',
    `What is given up of "${topic}" cannot be told to ${onFailure} from here: give tidemark://<topic>, or ` +
      'file:<path> for a file to which reports are appended.',
  )
}
