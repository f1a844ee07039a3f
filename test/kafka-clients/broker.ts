import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startDev } from '../cli/tidemark-process.ts'
import { KafkaProcess } from '../kafka/kafka-process.ts'

export interface Broker {
  readonly bootstrap: string
  /** Of HTTP; undefined where another broker is tested. */
  readonly url: string | undefined
  stop(): Promise<void>
}

/**
 * What the clients talk to: `tidemark dev` in a folder of its own. KAFKA_BROKER names another, against which the tests hold just as
 * well: `apache` for Apache Kafka, started for them (Java 17, Maven), or the HOST:PORT of one that runs.
 */
export async function startBroker(options: string[] = []): Promise<Broker> {
  const named = process.env.KAFKA_BROKER
  if (named === 'apache') {
    const kafka = await KafkaProcess.start({
      'auto.create.topics.enable': 'false',
      'transaction.abort.timed.out.transaction.cleanup.interval.ms': '500',
    })
    return { bootstrap: kafka.bootstrap, url: undefined, stop: () => kafka.stop() }
  }
  if (named !== undefined) return { bootstrap: named, url: undefined, stop: async () => {} }
  const directory = await mkdtemp(join(tmpdir(), 'tidemark-kafka-'))
  const dev = await startDev(directory, ['--kafka', '127.0.0.1:0', ...options])
  return {
    bootstrap: dev.kafka(),
    url: dev.url,
    async stop() {
      await dev.end('SIGKILL')
      await rm(directory, { recursive: true })
    },
  }
}
