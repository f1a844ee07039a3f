import { TidemarkError } from '../../core/errors.ts'
import { SharedLook } from '../../core/shared-look.ts'
import { Lane } from '../../core/turns.ts'
import type { RequestOf, ResponseOf } from '../wire/api.ts'
import { DescribeLogDirs } from '../wire/messages/describe-log-dirs.ts'
import { LOG_DIR } from './broker-configs.ts'
import type { Context, GatewayBroker } from './context.ts'
import { NONE } from './error-code.ts'
import { handler } from './handler.ts'

type DescribedTopic = ResponseOf<typeof DescribeLogDirs>['results'][number]['topics'][number]
type AskedTopic = NonNullable<RequestOf<typeof DescribeLogDirs>['topics']>[number]

/** A topic, and which partitions of it; undefined: all. */
type Asked = readonly [topic: string, partitions: ReadonlySet<number> | undefined]

const TOPICS_PARALLEL = 8

/** The store, as if it were one folder. How much it can hold nobody knows. */
export const describeLogDirs = handler(DescribeLogDirs, [1, 4], async ({ topics }, context) => {
  const found = topics ? await describeEach(partitionsOf(topics), context.broker) : await describeAll(context)
  return { errorCode: NONE, results: [{ errorCode: NONE, logDir: LOG_DIR, topics: found }] }
})

const looks = new WeakMap<GatewayBroker, SharedLook<DescribedTopic[]>>()

/** Every log is looked at for it: whoever asks meanwhile shares a look with others. */
function describeAll({ broker, topics }: Context): Promise<DescribedTopic[]> {
  const look =
    looks.get(broker) ??
    new SharedLook(async () => {
      const asked = (await topics.all()).map(({ topic }): Asked => [topic, undefined])
      return await describeEach(asked, broker)
    })
  looks.set(broker, look)
  return look.run()
}

async function describeEach(asked: Iterable<Asked>, broker: GatewayBroker): Promise<DescribedTopic[]> {
  const lane = new Lane(TOPICS_PARALLEL)
  const found = await Promise.all(
    Array.from(asked, ([topic, partitions]) => lane.run(() => describe(topic, partitions, broker))),
  )
  return found.filter(topic => topic !== undefined)
}

/** Each topic once, as in Kafka: all of its logs are looked at to tell of one. */
function partitionsOf(topics: readonly AskedTopic[]): Map<string, Set<number>> {
  const all = new Map<string, Set<number>>()
  for (const { topic, partitions } of topics) {
    const asked = all.get(topic) ?? new Set()
    all.set(topic, asked)
    for (const partition of partitions) asked.add(partition)
  }
  return all
}

/** Undefined: nothing of it is there. */
async function describe(
  topic: string,
  partitions: ReadonlySet<number> | undefined,
  broker: GatewayBroker,
): Promise<DescribedTopic | undefined> {
  try {
    const { offsets } = await broker.describeTopic(topic)
    const wanted = offsets.filter(({ partition }) => !partitions || partitions.has(partition))
    if (wanted.length === 0) return undefined
    return {
      name: topic,
      partitions: wanted.map(({ partition, bytes = 0 }) => ({
        partitionIndex: partition,
        partitionSize: bytes,
        offsetLag: 0,
        isFutureKey: false,
      })),
    }
  } catch (error) {
    if (error instanceof TidemarkError && error.kafkaName === 'UNKNOWN_TOPIC_OR_PARTITION') return undefined
    throw error
  }
}
