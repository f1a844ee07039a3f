import type { Subscription } from '../../core/group/subscribing/subscription.ts'
import type { Topic } from '../topics/topic-directory.ts'
import type { GroupCall } from './group-call.ts'

/** Above this many names, one listing is cheaper than asking for each. */
const TOPICS_ASKED_FOR_MAX = 32

/**
 * The topics that these subscriptions can mean, as they are in the store now: two brokers that trusted what they
 * remember would work out targets in turn, each for what the other no longer knows.
 */
export async function readTopics(call: GroupCall, subscriptions: readonly Subscription[]): Promise<Topic[]> {
  const names = [...new Set(subscriptions.flatMap(({ topics }) => topics))]
  const isAnyPattern = subscriptions.some(({ topicPattern }) => topicPattern !== null)
  if (isAnyPattern || names.length > TOPICS_ASKED_FOR_MAX) return await readAllTopics(call)
  const topics = await call.forEach(names, name => call.read(() => call.directory.find(name)))
  return topics.filter(topic => topic !== undefined)
}

export function readAllTopics(call: GroupCall): Promise<Topic[]> {
  return call.readAll(() => call.directory.list())
}
