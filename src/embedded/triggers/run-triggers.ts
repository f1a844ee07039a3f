import { TidemarkError } from '../../core/errors.ts'
import type { TriggerSettings } from '../../core/trigger/trigger.ts'
import { type Embedded, hostOf } from '../running-broker.ts'
import type { TriggerHandler } from './function-handler.ts'
import { inProcessCaller } from './in-process-caller.ts'
import { functionTarget } from './local-trigger.ts'
import { startTriggers } from './start-triggers.ts'
import type { TriggerNews } from './trigger-news.ts'

/** A function of this process that gets the records of a topic. Settings that are left out are at their defaults. */
export interface FunctionTrigger extends Partial<TriggerSettings> {
  readonly topic: string
  /** The consumer group whose offsets say what is delivered. It is the trigger's alone. */
  readonly groupId: string
  readonly handler: TriggerHandler
}

export interface RunTriggersOptions {
  /** What events name as the cluster that they come from. */
  readonly bootstrapServers?: string
  /** Hears of every call, and of what goes wrong. Without it a store's trouble goes to stderr. */
  readonly report?: (news: TriggerNews) => void
}

export interface RunningTriggers {
  /** Begins no further call, waits for those under way and commits, and removes the triggers. May be repeated. */
  stop(): Promise<void>
}

/**
 * Calls functions of this process with the records of topics, as deployed triggers call Lambda functions: the same
 * event, the same batches, retries and commits. For tests, and for programs that have their broker with them. They end
 * with `stop`, or when the broker is closed.
 * @throws TidemarkError; UNKNOWN_TOPIC_OR_PARTITION, INVALID_REQUEST, NON_EMPTY_GROUP where the group has members
 */
export async function runTriggers(
  embedded: Embedded,
  triggers: readonly FunctionTrigger[],
  options: RunTriggersOptions = {},
): Promise<RunningTriggers> {
  const { bootstrapServers = 'localhost:9092', report = reportTrouble } = options
  const wanted = triggers.map(({ topic, groupId, handler, ...settings }) => {
    const name = handler.name || 'handler'
    const functions = inProcessCaller(handler, name)
    return { topic, groupId, settings, functions, target: functionTarget(name) }
  })
  refuseTwins(wanted)
  const host = hostOf(embedded)
  const started = await startTriggers(host, wanted, { bootstrapServers, report, takesOver: false })
  host.beforeClose(started.stop)
  return { stop: started.stop }
}

/** There is one trigger for a group and a topic. @throws INVALID_REQUEST */
function refuseTwins(triggers: readonly { readonly topic: string; readonly groupId: string }[]): void {
  const seen = new Set<string>()
  for (const { topic, groupId } of triggers) {
    const key = JSON.stringify([topic, groupId])
    if (seen.has(key)) {
      throw new TidemarkError(
        'INVALID_REQUEST',
        `Two triggers on "${topic}" have the group "${groupId}": give each a group of its own.`,
      )
    }
    seen.add(key)
  }
}

function reportTrouble(news: TriggerNews): void {
  if (news.kind === 'trouble') console.error(`Trigger of ${news.groupId} on ${news.topic}:`, news.error)
}
