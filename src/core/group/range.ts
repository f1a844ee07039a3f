import type { Subscriber } from './assignment.ts'
import type { GroupTopic, Target } from './group.ts'
import { Shares } from './shares.ts'

/**
 * Each topic by itself: its subscribers in order get as many partitions in a row each, and the first ones one more
 * where they do not come out even. Topics with as many partitions and the same subscribers are cut alike, so that
 * a key has the same consumer in all of them.
 * Source: Kafka: a Distributed Messaging System for Log Processing (2011), Algorithm 1;
 * org.apache.kafka.clients.consumer.RangeAssignor
 */
export function assignRange(subscribers: readonly Subscriber[]): Target {
  const byTopic = new Map<GroupTopic, string[]>()
  for (const { memberId, topics } of subscribers) {
    for (const topic of topics) {
      const of = byTopic.get(topic)
      if (of) of.push(memberId)
      else byTopic.set(topic, [memberId])
    }
  }
  const shares = new Shares()
  for (const [topic, memberIds] of byTopic) {
    const each = Math.floor(topic.partitions / memberIds.length)
    const withOneMore = topic.partitions % memberIds.length
    let partition = 0
    for (const [index, memberId] of memberIds.entries()) {
      const end = partition + each + (index < withOneMore ? 1 : 0)
      for (; partition < end; partition += 1) shares.add(memberId, topic, partition)
    }
  }
  return shares.toTarget()
}
