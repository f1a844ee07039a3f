import { onTestFinished } from 'vitest'
import { fetchEach } from '../../../../src/client/fetch-each.ts'
import type { Consumer } from '../../../../src/client/sdk/consuming/consumer.ts'
import type { ConsumerOptions } from '../../../../src/client/sdk/consuming/consumer-options.ts'
import { Tidemark } from '../../../../src/client/sdk/tidemark.ts'
import type { Broker } from '../../../../src/contract/broker.ts'
import type { GroupBroker } from '../../../../src/contract/groups.ts'
import { openInMemory } from '../../../../src/embedded/embedded.ts'

export type AnyBroker = Broker & GroupBroker

/** A topic `tides` in memory, and a client of its broker. */
export async function openTides(
  partitions = 1,
  bend: (broker: AnyBroker) => AnyBroker = broker => broker,
): Promise<{
  broker: AnyBroker
  tidemark: Tidemark
  consumer: (options?: Partial<ConsumerOptions>) => Consumer
}> {
  const { broker, close } = openInMemory()
  onTestFinished(close)
  await broker.createTopic({ topic: 'tides', partitions })
  const tidemark = new Tidemark({ broker: bend(broker) })
  const consumer = (options: Partial<ConsumerOptions> = {}) => {
    const made = tidemark.consumer({
      groupId: 'gauges',
      heartbeatInterval: 50,
      maxWaitTimeInMs: 100,
      retry: { initialRetryTime: 5, maxRetryTime: 20 },
      ...options,
    })
    onTestFinished(() => made.disconnect(), 10_000)
    return made
  }
  return { broker, tidemark, consumer }
}

/** Writes `count` numbered records, spread over the partitions by hand: `<partition>-<index>`. */
export async function writeNumbers(
  tidemark: Tidemark,
  partitions: number,
  count: number,
  from = 0,
): Promise<void> {
  const producer = tidemark.producer()
  const messages = Array.from({ length: partitions * count }, (_, index) => {
    const partition = index % partitions
    return { partition, value: `${partition}-${from + Math.floor(index / partitions)}` }
  })
  await producer.send({ topic: 'tides', messages })
  await producer.disconnect()
}

export function numbers(partitions: number, count: number): string[] {
  return Array.from({ length: partitions }, (_, partition) =>
    Array.from({ length: count }, (_, index) => `${partition}-${index}`),
  )
    .flat()
    .toSorted()
}

/** Waits until `holds`; the test's own time limit ends it. */
export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise(resolve => setTimeout(resolve, 5))
}

/** A broker some of whose methods are others. Where single fetches are, those of many partitions are made of them. */
export function bent(broker: AnyBroker, methods: (broker: AnyBroker) => Partial<AnyBroker>): AnyBroker {
  const given = methods(broker)
  const { fetch, locate } = given
  const others: Partial<AnyBroker> = {
    ...(fetch && { fetchMany: (request, call) => fetchEach(request, one => fetch(one, call)) }),
    ...(locate && { locateMany: (request, call) => fetchEach(request, one => locate(one, call)) }),
    ...given,
  }
  return new Proxy(broker, {
    get(target, name) {
      const other = Reflect.get(others, name) ?? Reflect.get(target, name)
      return typeof other === 'function' ? other.bind(target) : other
    },
  })
}
