import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import type { Broker } from '../../contract/broker.ts'
import type { AssignorName, GroupBroker } from '../../contract/groups.ts'
import { compilePattern } from '../../core/group/subscribing/topic-pattern.ts'
import { CLIENT_ID_CHARACTERS_MAX } from '../../core/limits.ts'
import type { Offset } from '../../core/numbers.ts'
import type { FormatRecord } from '../consumed-record.ts'
import { EXIT_INTERRUPTED, EXIT_OK } from '../failure.ts'
import { endKey, GROUP_CONSUMER_DEFAULT, GroupConsumer } from '../group-consumer.ts'
import { resultUntil } from '../interruption.ts'
import type { StartPlace } from '../start-place.ts'
import { type Terminal, throwIfOutputFailed } from '../terminal.ts'

export interface ConsumeGroupSettings {
  groupId: string
  topics: string[]
  topicPattern: string | null
  instanceId: string | null
  assignor: AssignorName | null
  sessionTimeoutMs: number
  from: StartPlace
  recordsMax: number | null
  exitAtEnd: boolean
  format: FormatRecord
}

/** Prints the records of this member's share of some topics, and commits how far it is. */
export async function consumeGroup(
  broker: Broker & GroupBroker,
  settings: ConsumeGroupSettings,
  terminal: Terminal,
  tuning = GROUP_CONSUMER_DEFAULT,
): Promise<number> {
  const { groupId, instanceId, assignor, sessionTimeoutMs, topics, topicPattern } = settings
  const { from, recordsMax, format, exitAtEnd } = settings
  const { interrupted } = terminal
  const ends = await resultUntil(findEnds(broker, settings), interrupted)
  const consumer = new GroupConsumer(
    broker,
    {
      member: {
        groupId,
        instanceId,
        assignor,
        sessionTimeoutMs,
        subscription: {
          ...(topics.length === 0 ? {} : { topics }),
          ...(topicPattern === null ? {} : { topicPattern }),
        },
        // What a description of the group shows: where to find this process.
        clientId: `tidemark-${process.pid}@${hostname()}`.slice(0, CLIENT_ID_CHARACTERS_MAX),
        newMemberId: randomUUID,
        outageMsMax: tuning.retry.forMs,
        retryPauseMs: tuning.retry.pauseMaxMs / 2,
      },
      from,
      ends: exitAtEnd ? ends : null,
      recordsMax,
      format,
    },
    terminal,
    tuning,
  )
  await consumer.run()
  throwIfOutputFailed(terminal)
  const isComplete = consumer.isComplete || (!exitAtEnd && recordsMax === null)
  return interrupted.aborted && !isComplete ? EXIT_INTERRUPTED : EXIT_OK
}

/** Where each partition ends now. A topic that was named and is not there fails: waiting for it would look like reading it. */
async function findEnds(
  broker: Broker,
  { topics, topicPattern }: ConsumeGroupSettings,
): Promise<Map<string, Offset>> {
  const names = new Set(topics)
  if (topicPattern !== null) {
    const matches = compilePattern(topicPattern)
    for (const { topic } of await broker.listTopics()) if (matches(topic)) names.add(topic)
  }
  const described = await Promise.all([...names].map(name => broker.describeTopic(name)))
  return new Map(
    described.flatMap(({ topic, offsets }) =>
      offsets.map(({ partition, endOffset }) => [endKey(topic, partition), endOffset]),
    ),
  )
}
