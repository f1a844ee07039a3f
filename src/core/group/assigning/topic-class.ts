import type { GroupTopic } from '../group.ts'
import { byName } from '../subscribing/subscription.ts'
import type { Subscriber } from './assignor.ts'

/** Topics with the very same subscribers: as to who may have them, their partitions are all alike. */
export interface TopicClass {
  /** In the order of their names. */
  readonly topics: readonly GroupTopic[]
  /** Indexes of subscribers, ascending. */
  readonly members: readonly number[]
}

/**
 * All topics that anybody subscribes to, in classes, in the order of each one's first topic. Mostly there is one
 * class, since mostly all members of a group subscribe to the same.
 */
export function toTopicClasses(subscribers: readonly Subscriber[]): TopicClass[] {
  // Members with the same subscription share the array of topics, so a thousand of them are gone through as one.
  const membersBySubscription = new Map<readonly GroupTopic[], number[]>()
  for (const [member, { topics }] of subscribers.entries()) {
    const members = membersBySubscription.get(topics)
    if (members) members.push(member)
    else membersBySubscription.set(topics, [member])
  }
  const subscriptions = [...membersBySubscription]
  const subscriptionsOf = new Map<GroupTopic, number[]>()
  for (const [subscription, [topics]] of subscriptions.entries()) {
    for (const topic of topics) {
      const of = subscriptionsOf.get(topic)
      if (of) of.push(subscription)
      else subscriptionsOf.set(topic, [subscription])
    }
  }
  const classes = new Map<string, { topics: GroupTopic[]; members: number[] }>()
  for (const [topic, of] of [...subscriptionsOf].sort(([one], [other]) => byName(one, other))) {
    const key = of.join()
    const known = classes.get(key)
    if (known) known.topics.push(topic)
    else {
      const members = of
        .flatMap(subscription => subscriptions[subscription]![1])
        .sort((one, other) => one - other)
      classes.set(key, { topics: [topic], members })
    }
  }
  return [...classes.values()]
}
