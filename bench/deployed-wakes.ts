import { setTimeout as sleep } from 'node:timers/promises'
import { makeTableClients } from '../src/adapters/aws/table/aws-table.ts'
import { dynamoGroupStore } from '../src/adapters/aws/table/dynamo-group-store.ts'
import { dynamoListenerStore } from '../src/adapters/aws/table/dynamo-listener-store.ts'
import { dynamoLogIndex } from '../src/adapters/aws/table/dynamo-log-index.ts'
import { DynamoTable } from '../src/adapters/aws/table/dynamo-table.ts'
import { dynamoTopicStore } from '../src/adapters/aws/table/dynamo-topic-store.ts'
import { dynamoTriggerStore } from '../src/adapters/aws/table/dynamo-trigger-store.ts'
import { lazyTransactionStore } from '../src/adapters/aws/table/lazy-transaction-store.ts'
import { type Usage, UsageMeter } from '../src/adapters/aws/usage-meter.ts'
import { type MemoryStore, openMemoryStore } from '../src/adapters/memory/memory-store.ts'
import { LogBroker } from '../src/broker/log-broker.ts'
import { flush } from '../src/broker/settling/flush.ts'
import { WakeListeners } from '../src/broker/waking/wake-listeners.ts'
import { Tidemark } from '../src/client/sdk/tidemark.ts'
import { FLUSH_DEADLINE_MS } from '../src/core/limits.ts'
import { encodeBatch } from '../src/core/record/index.ts'
import { systemClock, systemEntropy } from '../src/embedded/system.ts'
import { WokenBroker } from '../test/broker/waking/woken-broker.ts'
import { VALUE_BYTES } from './store.ts'

/** Armings of the first ones are too young to stay. */
const WARM_UP_ROUNDS = 1
const ROUNDS = 4
/** Between two records, so that each has a dispatch of its own; a round of them is longer than the pause of an arming. */
const APART_MS = 250
const ROUND_PAUSE_MS = 1_500

/** What a minute costs in which each partition gets a record, as counted. */
export interface WokenMinute {
  /** How often the function on the stream is called. */
  readonly dispatches: number
  /** Messages to sockets. */
  readonly messages: number
  readonly fetches: number
  readonly dispatched: { readonly read: number; readonly write: number }
  readonly fetched: { readonly read: number; readonly write: number }
}

/** One function of the broker with its own meter. */
function openPart(endpoint: string, table: string, memory: MemoryStore) {
  const meter = new UsageMeter()
  const clients = makeTableClients({ endpoint, meter })
  const dynamo = new DynamoTable(clients, table)
  const ports = {
    objects: memory.objects,
    upkeep: memory.upkeep,
    index: dynamoLogIndex(dynamo),
    topics: dynamoTopicStore(dynamo),
    groups: dynamoGroupStore(dynamo),
    triggers: dynamoTriggerStore(dynamo),
    transactions: lazyTransactionStore(dynamo),
    clock: systemClock,
    entropy: systemEntropy,
  }
  const settings = {
    lingerMs: 0,
    reportError: console.error,
    flushes: 'elsewhere',
    topicCacheMs: 60_000,
  } as const
  const broker = new LogBroker(ports, settings)
  const close = async () => {
    await broker.close()
    clients.close()
  }
  return { meter, ports, broker, listeners: dynamoListenerStore(dynamo), close }
}

/**
 * A consumer of the SDK that is woken, as it goes on AWS but for the network: each partition gets a record a round, and then a flush takes
 * the tails along, whose changes are dispatched as well.
 * @param isTogether whether one dispatch finds the records of all partitions; else each has its own
 */
export async function countWokenMinute(
  endpoint: string,
  table: string,
  partitions: number,
  isTogether: boolean,
): Promise<WokenMinute> {
  const memory = openMemoryStore(systemClock)
  const [writing, fetching, dispatching] = [0, 1, 2].map(() => openPart(endpoint, table, memory)) as [
    ReturnType<typeof openPart>,
    ReturnType<typeof openPart>,
    ReturnType<typeof openPart>,
  ]
  const topic = isTogether ? 'together' : 'spread'
  const { topicId } = await writing.broker.createTopic({ topic, partitions })
  const places = Array.from({ length: partitions }, (_, partition) => ({ topicId, partition }))
  const woken = new WokenBroker({
    broker: writing.broker,
    fetching: fetching.broker,
    listeners: fetching.listeners,
    clock: systemClock,
  })
  const { ports, listeners } = dispatching
  const wakes = new WakeListeners({ ...ports, listeners, posts: woken.posts })
  let got = 0
  const consumer = new Tidemark({ broker: woken.broker }).consumer()
  consumer.assign(places.map(({ partition }) => ({ topic, partition, offset: '0' })))
  await consumer.run({
    eachMessage: async () => {
      got += 1
    },
  })
  await sleep(ROUND_PAUSE_MS)

  let dispatches = 0
  const dispatch = async (changed: typeof places) => {
    dispatches += 1
    await wakes.wakeChanged(changed)
  }
  const value = Buffer.alloc(VALUE_BYTES, 'tide')
  const batches = () => encodeBatch([{ value }], { nowMs: Date.now() })
  for (let round = 1; round <= WARM_UP_ROUNDS + ROUNDS; round += 1) {
    for (const place of places) {
      await writing.broker.produce({ topic, partition: place.partition, batches: batches() })
      if (isTogether) continue
      await dispatch([place])
      await sleep(APART_MS)
    }
    if (isTogether) await dispatch(places)
    await sleep(ROUND_PAUSE_MS)
    const old = places.map(partition => ({ partition, age: 'all' as const }))
    await flush(writing.ports, old, systemClock.monotonicMs() + FLUSH_DEADLINE_MS)
    // One call flushes them all, so that their changes come together.
    await dispatch(places)
    await sleep(APART_MS)
    if (got !== round * partitions) throw new Error(`${got} records came, not ${round * partitions}`)
    if (round !== WARM_UP_ROUNDS) continue
    dispatches = 0
    woken.posted.length = 0
    woken.fetches.length = 0
    for (const { meter } of [fetching, dispatching]) meter.reset()
  }
  await consumer.disconnect()
  const perRound = ({ meter }: { meter: UsageMeter }) => {
    const { read, write } = unitsOf(meter.usage())
    return { read: read / ROUNDS, write: write / ROUNDS }
  }
  const counted = {
    dispatches: dispatches / ROUNDS,
    messages: woken.posted.length / ROUNDS,
    fetches: woken.fetches.length / ROUNDS,
    dispatched: perRound(dispatching),
    fetched: perRound(fetching),
  }
  for (const each of [writing, fetching, dispatching]) await each.close()
  return counted
}

export function unitsOf(usage: Usage): { read: number; write: number } {
  const all = Object.values(usage)
  return {
    read: all.reduce((sum, { readUnits }) => sum + readUnits, 0),
    write: all.reduce((sum, { writeUnits }) => sum + writeUnits, 0),
  }
}
