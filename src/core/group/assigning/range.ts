import type { Target } from '../group.ts'
import type { Subscriber } from './assignor.ts'
import { Shares } from './shares.ts'
import { toTopicClasses } from './topic-class.ts'

/**
 * Each topic by itself: its subscribers in order get as many partitions in a row each, and the first ones one more
 * where they do not come out even. Topics with as many partitions and the same subscribers are cut alike, so that
 * a key has the same consumer in all of them.
 * Source: Kafka: a Distributed Messaging System for Log Processing (2011), Algorithm 1;
 * org.apache.kafka.clients.consumer.RangeAssignor
 */
export function assignRange(subscribers: readonly Subscriber[]): Target {
  const shares = new Shares()
  for (const { topics, members } of toTopicClasses(subscribers)) {
    for (const topic of topics) {
      const each = Math.floor(topic.partitions / members.length)
      const withOneMore = topic.partitions % members.length
      let partition = 0
      for (const [index, member] of members.entries()) {
        const end = partition + each + (index < withOneMore ? 1 : 0)
        if (end === partition) break
        for (; partition < end; partition += 1) shares.add(subscribers[member]!.memberId, topic, partition)
      }
    }
  }
  return shares.toTarget()
}
