import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { jars } from './jars.ts'
import { KafkaProcess } from './kafka-process.ts'

export interface KafkaRecord {
  readonly partition: number
  readonly offset: number
  readonly key: string
  readonly value: string | null
}

/** Apache Kafka itself, whose cleaner is in a hurry, and a Java client of it. Needs Java 17, Maven and a network. */
export class KafkaServer {
  readonly #kafka: KafkaProcess
  readonly #client: ChildProcess
  readonly #lines: AsyncIterator<string>

  static async start(): Promise<KafkaServer> {
    const kafka = await KafkaProcess.start({
      'log.initial.task.delay.ms': '100',
      'log.cleaner.backoff.ms': '100',
    })
    const program = join(import.meta.dirname, 'KafkaLog.java')
    const options = ['-Xmx512m', '-cp', join(jars('server'), '*'), program, kafka.bootstrap]
    const client = spawn('java', options, { stdio: ['pipe', 'pipe', 'inherit'] })
    return new KafkaServer(kafka, client)
  }

  private constructor(kafka: KafkaProcess, client: ChildProcess) {
    this.#kafka = kafka
    this.#client = client
    this.#lines = createInterface({ input: client.stdout! })[Symbol.asyncIterator]()
  }

  async create(topic: string, partitions: number, configs: Record<string, string | number>): Promise<void> {
    const text = Object.entries(configs).map(([name, value]) => `${name}=${value}`)
    await this.#ask([`create ${topic} ${partitions} ${text.join(',')}`])
  }

  /** In this order, and on disk when it resolves. */
  async produce(
    topic: string,
    records: Iterable<{
      partition: number
      compression: string
      timestampMs: number
      key: string
      value: string | null
    }>,
  ): Promise<void> {
    const lines = Array.from(records, ({ partition, compression, timestampMs, key, value }) =>
      [
        'produce',
        topic,
        compression,
        partition,
        timestampMs,
        toBase64(key),
        value === null ? '-' : toBase64(value),
      ].join(' '),
    )
    await this.#ask([...lines, 'flush'])
  }

  async read(topic: string, partitions: number): Promise<KafkaRecord[]> {
    return (await this.#ask([`read ${topic} ${partitions}`])).map(line => {
      const [partition, offset, key, value] = line.split('\t')
      return {
        partition: Number(partition),
        offset: Number(offset),
        key: fromBase64(key!),
        value: value === '-' ? null : fromBase64(value!),
      }
    })
  }

  /** Up to where Kafka's cleaner has come, by partition; undefined where it has not looked at one. */
  cleanedTo(topic: string): Map<number, number> {
    const path = join(this.#kafka.folder, 'data', 'cleaner-offset-checkpoint')
    if (!existsSync(path)) return new Map()
    const lines = readFileSync(path, 'utf8').split('\n').slice(2)
    return new Map(
      lines
        .map(line => line.split(' '))
        .filter(([name]) => name === topic)
        .map(([, partition, offset]) => [Number(partition), Number(offset)]),
    )
  }

  async stop(): Promise<void> {
    if (this.#client.exitCode === null) {
      const hasEnded = once(this.#client, 'exit')
      this.#client.kill('SIGKILL')
      await hasEnded
    }
    await this.#kafka.stop()
  }

  async #ask(lines: readonly string[]): Promise<string[]> {
    this.#client.stdin!.write(lines.map(line => `${line}\n`).join(''))
    const answer: string[] = []
    for (;;) {
      const { value, done } = await this.#lines.next()
      if (done) throw new Error('the Java client has ended, and has said why')
      if (value === '') return answer
      answer.push(value)
    }
  }
}

function toBase64(text: string): string {
  return Buffer.from(text).toString('base64')
}

function fromBase64(text: string): string {
  return Buffer.from(text, 'base64').toString()
}
