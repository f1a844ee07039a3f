import { topicOfDestination } from '../../broker/triggers/delivering/topic-destination.ts'
import type { Broker } from '../../contract/broker.ts'
import { TidemarkError } from '../../core/errors.ts'
import type { TriggerSettings } from '../../core/trigger/trigger.ts'
import { type Embedded, hostOf } from '../running-broker.ts'
import { functionNameOf, type HandlerFile } from './handler-file.ts'
import { type HandlerNews, HandlerPool } from './handler-pool.ts'
import { fileTarget } from './local-trigger.ts'
import type { RunningTriggers } from './run-triggers.ts'
import { startTriggers } from './start-triggers.ts'
import type { TriggerNews } from './trigger-news.ts'

export interface FileTrigger {
  readonly topic: string
  readonly groupId: string
  readonly file: HandlerFile
  /** What people and the store call the handler: the path as it was given, with `#` and the export's name, if any. */
  readonly name: string
  readonly settings: Partial<TriggerSettings>
}

export interface FileTriggersListener {
  onNews(news: TriggerNews): void
  /** @param name the handler's, as in FileTrigger */
  onHandler(name: string, news: HandlerNews): void
  /** A topic was not there and is now, with one partition. */
  onTopicMade(topic: string): void
}

export interface FileTriggersSettings {
  /** What events name as the cluster that they come from. */
  readonly bootstrapServers: string
  /** What handlers find in process.env. */
  readonly environment: NodeJS.ProcessEnv
}

/**
 * Calls handlers in files with the records of topics, as deployed triggers call Lambda functions, and loads them anew
 * after an edit. Makes the topics that are not there. What another process has made of this kind in the same store is
 * taken over: there is one such process for a store.
 * @throws TidemarkError as runTriggers
 */
export async function runFileTriggers(
  embedded: Embedded,
  triggers: readonly FileTrigger[],
  settings: FileTriggersSettings,
  listener: FileTriggersListener,
): Promise<RunningTriggers> {
  const host = hostOf(embedded)
  for (const topic of topicsOf(triggers)) {
    if (await makeTopic(host.broker, topic)) listener.onTopicMade(topic)
  }
  const pools = new Map<string, HandlerPool>()
  const wake = (target: string) => started?.wake(target)
  for (const { name, file } of triggers) {
    if (!pools.has(name)) pools.set(name, openPool(name, file, settings, listener, wake))
  }
  const closePools = async () => {
    await Promise.all([...pools.values()].map(pool => pool.close()))
  }
  const wanted = triggers.map(({ topic, groupId, name, settings }) => ({
    topic,
    groupId,
    settings,
    target: fileTarget(name),
    functions: pools.get(name)!,
  }))
  const started = await startTriggers(host, wanted, {
    bootstrapServers: settings.bootstrapServers,
    report: news => listener.onNews(news),
    takesOver: true,
  })
  // Only now: what does not start leaves no process behind.
  for (const pool of pools.values()) pool.start()
  let stopped: Promise<void> | undefined
  const stop = () => {
    stopped ??= started.stop().finally(closePools)
    return stopped
  }
  host.beforeClose(stop)
  return { stop }
}

function openPool(
  name: string,
  file: HandlerFile,
  { environment }: FileTriggersSettings,
  listener: FileTriggersListener,
  wake: (target: string) => void,
): HandlerPool {
  const functionName = functionNameOf(file)
  return new HandlerPool({
    file,
    functionName,
    environment: {
      ...environment,
      AWS_LAMBDA_FUNCTION_NAME: functionName,
      AWS_LAMBDA_FUNCTION_VERSION: '$LATEST',
    },
    report: news => listener.onHandler(name, news),
    // What failed or could not be called may go now: it is tried at once.
    onReload: () => wake(fileTarget(name)),
  })
}

/** Those that are delivered, and those that get what is given up. */
function topicsOf(triggers: readonly FileTrigger[]): Set<string> {
  const destinations = triggers.map(({ settings }) => topicOfDestination(settings.onFailure ?? ''))
  return new Set([
    ...triggers.map(({ topic }) => topic),
    ...destinations.filter(topic => topic !== undefined),
  ])
}

/** False: it is there. */
async function makeTopic(broker: Broker, topic: string): Promise<boolean> {
  try {
    await broker.createTopic({ topic })
    return true
  } catch (error) {
    if (error instanceof TidemarkError && error.kafkaName === 'TOPIC_ALREADY_EXISTS') return false
    throw error
  }
}
