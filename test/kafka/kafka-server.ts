import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

const VERSION = '4.4.0'

export interface KafkaRecord {
  readonly partition: number
  readonly offset: number
  readonly key: string
  readonly value: string | null
}

/** Apache Kafka itself, one node, in a folder of its own, and a Java client of it. Needs Java 17, Maven and a network. */
export class KafkaServer {
  /** Where its clients reach it, as HOST:PORT. */
  readonly address: string
  readonly #folder: string
  readonly #server: ChildProcess
  readonly #client: ChildProcess
  readonly #lines: AsyncIterator<string>

  static async start(): Promise<KafkaServer> {
    const folder = await mkdtemp(join(tmpdir(), 'kafka-'))
    const libraries = fetchLibraries(folder)
    const [port, controllerPort] = [await freePort(), await freePort()]
    const properties = join(folder, 'server.properties')
    writeFileSync(properties, propertiesOf(folder, port, controllerPort))
    const java = (...args: string[]) => ['-Xmx512m', '-cp', join(libraries, '*'), ...args]
    const format = ['format', '-t', 'AAAAAAAAAAAAAAAAAAAAAQ', '-c', properties]
    execFileSync('java', java('kafka.tools.StorageTool', ...format), { stdio: 'ignore' })
    const server = spawn('java', java('kafka.Kafka', properties), { stdio: 'ignore' })
    const program = join(import.meta.dirname, 'KafkaLog.java')
    const client = spawn('java', java(program, `127.0.0.1:${port}`), { stdio: ['pipe', 'pipe', 'inherit'] })
    return new KafkaServer(folder, `127.0.0.1:${port}`, server, client)
  }

  private constructor(folder: string, address: string, server: ChildProcess, client: ChildProcess) {
    this.address = address
    this.#folder = folder
    this.#server = server
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
    const path = join(this.#folder, 'data', 'cleaner-offset-checkpoint')
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
    for (const child of [this.#client, this.#server]) {
      const hasEnded = new Promise(resolve => child.once('exit', resolve))
      if (child.exitCode !== null) continue
      child.kill('SIGKILL')
      await hasEnded
    }
    await rm(this.#folder, { recursive: true })
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

/** Maven keeps what it has fetched before. */
function fetchLibraries(folder: string): string {
  const libraries = join(folder, 'libraries')
  const dependency = `<dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>${VERSION}</version></dependency>`
  writeFileSync(
    join(folder, 'pom.xml'),
    `<project><modelVersion>4.0.0</modelVersion><groupId>t</groupId><artifactId>t</artifactId><version>1</version><dependencies>${dependency}</dependencies></project>`,
  )
  const goal = 'org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies'
  const options = ['-q', '-B', goal, `-DoutputDirectory=${libraries}`, '-DincludeScope=runtime']
  execFileSync('mvn', options, { cwd: folder, stdio: ['ignore', 'ignore', 'inherit'] })
  return libraries
}

function propertiesOf(folder: string, port: number, controllerPort: number): string {
  return [
    'process.roles=broker,controller',
    'node.id=1',
    `controller.quorum.voters=1@127.0.0.1:${controllerPort}`,
    `listeners=PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
    'controller.listener.names=CONTROLLER',
    'listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT',
    `log.dirs=${join(folder, 'data')}`,
    'offsets.topic.replication.factor=1',
    'transaction.state.log.replication.factor=1',
    'transaction.state.log.min.isr=1',
    'log.initial.task.delay.ms=100',
    'log.cleaner.backoff.ms=100',
    '',
  ].join('\n')
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  await new Promise(resolve => server.close(resolve))
  return port
}

function toBase64(text: string): string {
  return Buffer.from(text).toString('base64')
}

function fromBase64(text: string): string {
  return Buffer.from(text, 'base64').toString()
}
