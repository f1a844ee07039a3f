import { Consumer } from '../../client/sdk/consuming/consumer.ts'
import type { Broker, TopicDescription } from '../../contract/broker.ts'
import type { AssignorName, GroupBroker } from '../../contract/groups.ts'
import { compilePattern } from '../../core/group/subscribing/topic-pattern.ts'
import {
  consumerOptions,
  printRecords,
  READING_DEFAULT,
  type ReadingSettings,
  readableOf,
} from '../consuming/record-printer.ts'
import { resultUntil } from '../interruption.ts'
import type { Terminal } from '../output/terminal.ts'

export interface ConsumeGroupSettings extends ReadingSettings {
  groupId: string
  topics: string[]
  topicPattern: string | null
  instanceId: string | null
  assignor: AssignorName | null
  sessionTimeoutMs: number
}

/** Prints the records of this member's share of some topics, and commits how far it is. */
export async function consumeGroup(
  asked: Broker & GroupBroker,
  settings: ConsumeGroupSettings,
  terminal: Terminal,
  tuning = READING_DEFAULT,
): Promise<number> {
  const { groupId, instanceId, assignor, sessionTimeoutMs, topics, topicPattern, from } = settings
  const broker = readableOf(asked, settings, terminal)
  const described = await resultUntil(describeTopics(broker, settings), terminal.interrupted)
  const consumer = new Consumer(broker, {
    ...consumerOptions(tuning),
    groupId,
    sessionTimeout: sessionTimeoutMs,
    ...(instanceId !== null && { groupInstanceId: instanceId }),
    ...(assignor !== null && { assignor }),
  })
  await consumer.subscribe({ topics, ...(topicPattern !== null && { topicPattern }), from })
  const print = { topics: described, tuning, prefix: `group ${groupId}: ` }
  return printRecords(consumer, settings, print, terminal)
}

/** A topic that was named and is not there fails: waiting for it would look like reading it. */
async function describeTopics(
  broker: Broker,
  { topics, topicPattern }: ConsumeGroupSettings,
): Promise<TopicDescription[]> {
  const names = new Set(topics)
  if (topicPattern !== null) {
    const matches = compilePattern(topicPattern)
    for (const { topic } of await broker.listTopics()) if (matches(topic)) names.add(topic)
  }
  return Promise.all([...names].map(name => broker.describeTopic(name)))
}
