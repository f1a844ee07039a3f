import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { openLocalStore } from '../src/adapters/local/local-store.ts'
import { LogBroker } from '../src/broker/log-broker.ts'
import { encodeBatch } from '../src/core/record/index.ts'
import { systemClock, systemEntropy } from '../src/embedded/system.ts'
import { Counts, countIndex, countObjects } from './counted-ports.ts'

/** The one partition that everything goes to, as in the Kafka paper's test. */
export const TOPIC = 'bench'
export const PARTITION = 0
/** The Kafka paper's record. */
export const VALUE_BYTES = 200

export interface BenchStore {
  readonly broker: LogBroker
  readonly counts: Counts
  close(): Promise<void>
}

/** A broker on a directory, whose calls to the stores are counted. */
export async function openBenchStore(directory: string): Promise<BenchStore> {
  const store = await openLocalStore(directory)
  const counts = new Counts()
  const ports = {
    objects: countObjects(store.objects, counts),
    index: countIndex(store.index, counts),
    topics: store.topics,
    groups: store.groups,
    triggers: store.triggers,
    upkeep: store.upkeep,
    transactions: store.transactions,
    clock: systemClock,
    entropy: systemEntropy,
  }
  const broker = new LogBroker(ports, { lingerMs: 0, reportError: error => console.error(error) })
  broker.start()
  return {
    broker,
    counts,
    close: async () => {
      await broker.close()
      await store.close()
    },
  }
}

/** Makes batches of so many records, each encoded anew as a producer would. */
export function batchMaker(recordsPerBatch: number): () => Uint8Array {
  const value = Buffer.alloc(
    VALUE_BYTES,
    'the tide leaves a line on the sand, and the next one a higher one; ',
  )
  const records = Array.from({ length: recordsPerBatch }, () => ({ value }))
  return () => encodeBatch(records, { nowMs: Date.now() })
}

/** Appends records, with so many calls in flight, and tells each call's time to `onAcknowledged`. */
export async function produceRecords(
  broker: LogBroker,
  records: number,
  recordsPerBatch: number,
  callsInFlight: number,
  onAcknowledged: (milliseconds: number) => void = () => {},
): Promise<void> {
  const makeBatch = batchMaker(recordsPerBatch)
  let sent = 0
  const produceOn = async () => {
    while (sent < records) {
      sent += recordsPerBatch
      const startedMs = performance.now()
      await broker.produce({ topic: TOPIC, partition: PARTITION, batches: makeBatch() })
      onAcknowledged(performance.now() - startedMs)
    }
  }
  await Promise.all(Array.from({ length: callsInFlight }, produceOn))
}

/** The size of all files below a directory. */
export async function bytesOnDisk(directory: string): Promise<number> {
  let bytes = 0
  for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) bytes += (await stat(join(entry.parentPath, entry.name))).size
  }
  return bytes
}
