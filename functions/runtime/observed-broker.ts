import type { Fetch, Fetched, FetchMany, Produce } from '../../src/contract/broker.ts'
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
        count('FetchedBytes', bytesOf(fetched))
        return fetched
      },
      async fetchMany(request: FetchMany) {
        const fetched = await broker.fetchMany(request)
        for (const answer of fetched.partitions)
          if ('chunks' in answer) count('FetchedBytes', bytesOf(answer))
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

function bytesOf({ chunks }: Pick<Fetched, 'chunks'>): number {
  return chunks.reduce((sum, chunk) => sum + chunk.length, 0)
}
