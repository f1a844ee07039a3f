import type { GroupTopic, Target } from '../group.ts'
import { byName } from '../subscribing/subscription.ts'
import type { Subscriber } from './assignor.ts'
import { Shares } from './shares.ts'

/**
 * All partitions of all topics in one row, dealt to the members in turn; one that does not subscribe to a topic is
 * passed over.
 * Source: org.apache.kafka.clients.consumer.RoundRobinAssignor
 */
export function assignRoundRobin(subscribers: readonly Subscriber[]): Target {
  const subscriptions = new Map<readonly GroupTopic[], ReadonlySet<GroupTopic>>()
  for (const { topics } of subscribers) {
    if (!subscriptions.has(topics)) subscriptions.set(topics, new Set(topics))
  }
  const all = new Set([...subscriptions.values()].flatMap(topics => [...topics]))
  const shares = new Shares()
  let turn = 0
  for (const topic of [...all].sort(byName)) {
    for (let partition = 0; partition < topic.partitions; partition += 1) {
      // Somebody subscribes, or the topic would not be here.
      while (!subscriptions.get(subscribers[turn]!.topics)!.has(topic)) turn = (turn + 1) % subscribers.length
      shares.add(subscribers[turn]!.memberId, topic, partition)
      turn = (turn + 1) % subscribers.length
    }
  }
  return shares.toTarget()
}
