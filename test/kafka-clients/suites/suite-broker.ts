import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openEmbedded } from '../../../src/embedded/embedded.ts'
import { startGateway } from '../../../src/embedded/gateway.ts'
import { KafkaProcess } from '../../kafka/kafka-process.ts'

/** As the suites of clients want their broker: topics that are made when they are named, and groups that begin soon. */
const PARTITIONS = 4

/** Two members that come at once begin together; the suites' own brokers have 0, and a moment by chance. */
const GROUP_DELAY_MS = 100

export interface SuiteBroker {
  readonly bootstrap: string
  stop(): Promise<void>
}

/** Tidemark in this process; with KAFKA_BROKER=apache Apache Kafka, which says whether a suite itself holds. */
export async function startSuiteBroker(partitions = PARTITIONS): Promise<SuiteBroker> {
  if (process.env.KAFKA_BROKER === 'apache') {
    return await KafkaProcess.start(
      { 'group.initial.rebalance.delay.ms': '0', 'num.partitions': String(partitions) },
      { heap: '1g' },
    )
  }
  const directory = await mkdtemp(join(tmpdir(), 'tidemark-suite-'))
  const embedded = await openEmbedded({ directory, groupInitialDelayMs: GROUP_DELAY_MS })
  const log = (line: string) => console.error(`gateway: ${line}`)
  const gateway = await startGateway(embedded, { port: 0, autoCreate: { partitions }, log })
  return {
    bootstrap: `127.0.0.1:${gateway.port}`,
    async stop() {
      await gateway.close()
      await embedded.close()
      await rm(directory, { recursive: true })
    },
  }
}
