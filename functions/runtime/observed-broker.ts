import type { Fetch, Produce } from '../../src/contract/broker.ts'
import type { HttpPorts } from '../../src/contract/http/settings.ts'
import { overriding } from './overriding.ts'

export interface Throughput {
  ProducedRecords?: number
  ProducedBytes?: number
  FetchedBytes?: number
}

export interface ObservedBroker {
  readonly broker: HttpPorts['broker']
  /** What was counted since the last call; everything is told once. */
  take(): Throughput
}

export function observe(broker: ObservedBroker['broker']): ObservedBroker {
  let counted: Throughput = {}
  const count = (name: keyof Throughput, value: number) => {
    counted[name] = (counted[name] ?? 0) + value
  }
  return {
    broker: overriding(broker, {
      async produce(request: Produce) {
        const bytes = request.batches.length
        const produced = await broker.produce(request)
        count('ProducedRecords', produced.records)
        count('ProducedBytes', bytes)
        return produced
      },
      async fetch(request: Fetch) {
        const fetched = await broker.fetch(request)
        const bytes = fetched.chunks.reduce((sum, chunk) => sum + chunk.length, 0)
        count('FetchedBytes', bytes)
        return fetched
      },
    }),
    take: () => {
      const taken = counted
      counted = {}
      return taken
    },
  }
}
