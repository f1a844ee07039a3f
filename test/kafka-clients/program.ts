import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import {
  type Ability,
  type Admin,
  type At,
  ClientError,
  CODECS,
  type Codec,
  type KafkaClient,
  type Member,
  type ProduceOptions,
  type ReadRecord,
  type SentRecord,
} from './client.ts'

/** How a client's program is started; the bootstrap address is added as its last argument. */
export interface Command {
  readonly command: string
  readonly args: readonly string[]
}

export interface ProgramTraits {
  readonly name: string
  readonly lacks?: readonly Ability[]
  readonly codecs?: readonly Codec[]
  readonly groupsHeaders?: boolean
}

const ALL: readonly Ability[] = [
  'topics',
  'configs',
  'partitions',
  'delete-records',
  'groups',
  'offset-by-time',
  'idempotence',
  'classic',
  'consumer-protocol',
  'acks-0',
  'empty-values',
  'null-headers',
  'own-times',
]
const CLOSE_MS_MAX = 5_000

type Json = Record<string, unknown>
interface JsonRecord {
  offset: number
  timestampMs: number
  key: string | null
  value: string | null
  headers: [string, string | null][]
}

/**
 * A client behind a program in its own language. Each line to it is a request in JSON, {"do": …, …}, and is answered by a line:
 * {"ok": …} or {"error": {"code": …, "message": …}}; one after the other. Bytes are in base64. A member of a group is another
 * process of it, whose lines after the answer tell what happens to it.
 */
export class ProgramClient implements KafkaClient {
  readonly name: string
  readonly abilities: ReadonlySet<Ability>
  readonly codecs: readonly Codec[]
  readonly groupsHeaders: boolean
  readonly #command: Command
  readonly #process: LineProcess

  constructor({ name, lacks = [], codecs = CODECS, groupsHeaders = false }: ProgramTraits, command: Command) {
    this.name = name
    this.abilities = new Set(ALL.filter(ability => !lacks.includes(ability)))
    this.codecs = codecs
    this.groupsHeaders = groupsHeaders
    this.#command = command
    this.#process = new LineProcess(name, command)
  }

  async version(): Promise<string> {
    return (await this.#process.ask({ do: 'version' })) as string
  }

  async produce(topic: string, records: readonly SentRecord[], options: ProduceOptions = {}) {
    const { codec = 'none', acks = 'all', idempotent = false } = options
    const encoded = records.map(({ partition, key, value, headers, timestampMs }) => ({
      partition,
      key: toBase64(key),
      value: toBase64(value),
      headers: headers.map(([name, value]) => [name, toBase64(value)]),
      timestampMs,
    }))
    const request = { do: 'produce', topic, codec, acks: String(acks), idempotent, records: encoded }
    return (await this.#process.ask(request)) as (number | null)[]
  }

  async read(topic: string, partition: number, from: At, to: number): Promise<ReadRecord[]> {
    const records = (await this.#process.ask({ do: 'read', topic, partition, from, to })) as JsonRecord[]
    return records.map(({ offset, timestampMs, key, value, headers }) => ({
      offset,
      timestampMs,
      key: fromBase64(key),
      value: fromBase64(value),
      headers: headers.map(([name, value]) => [name, fromBase64(value)] as const),
    }))
  }

  async offsetAt(topic: string, partition: number, at: At): Promise<number | null> {
    return (await this.#process.ask({ do: 'offsetAt', topic, partition, at })) as number | null
  }

  async join(group: string, topic: string, protocol: 'classic' | 'consumer'): Promise<Member> {
    return await ProgramMember.start(this.name, this.#command, { do: 'join', group, topic, protocol })
  }

  readonly admin: Admin = {
    createTopic: async (topic, partitions, configs) => {
      await this.#process.ask({ do: 'createTopic', topic, partitions, configs })
    },
    partitionsOf: async topic => (await this.#process.ask({ do: 'partitionsOf', topic })) as number,
    configOf: async (topic, name) => (await this.#process.ask({ do: 'configOf', topic, name })) as string,
    setConfig: async (topic, name, value) => {
      await this.#process.ask({ do: 'setConfig', topic, name, value })
    },
    addPartitions: async (topic, total) => {
      await this.#process.ask({ do: 'addPartitions', topic, total })
    },
    deleteRecords: async (topic, partition, before) => {
      await this.#process.ask({ do: 'deleteRecords', topic, partition, before })
    },
    deleteTopic: async topic => {
      await this.#process.ask({ do: 'deleteTopic', topic })
    },
    committed: async (group, topic, partitions) =>
      (await this.#process.ask({ do: 'committed', group, topic, partitions })) as (number | null)[],
    groupState: async group => (await this.#process.ask({ do: 'groupState', group })) as string,
    listGroups: async () => (await this.#process.ask({ do: 'listGroups' })) as string[],
    deleteGroup: async group => {
      await this.#process.ask({ do: 'deleteGroup', group })
    },
  }

  async close(): Promise<void> {
    await this.#process.end()
  }
}

class ProgramMember implements Member {
  readonly #process: LineProcess
  readonly values: string[] = []
  partitions: readonly number[] = []

  static async start(name: string, command: Command, request: Json): Promise<ProgramMember> {
    const process = new LineProcess(`${name}'s member`, command)
    const member = new ProgramMember(process)
    process.onEvent = event => {
      if (event.value !== undefined) member.values.push(event.value as string)
      if (event.partitions !== undefined) member.partitions = event.partitions as number[]
    }
    await process.ask(request)
    return member
  }

  private constructor(process: LineProcess) {
    this.#process = process
  }

  async leave(): Promise<void> {
    await this.#process.end()
    this.partitions = []
  }

  async kill(): Promise<void> {
    await this.#process.kill()
    this.partitions = []
  }
}

interface Waiting {
  resolve(value: unknown): void
  reject(error: Error): void
}

/** A program that answers each line with a line. */
export class LineProcess {
  readonly #name: string
  readonly #child: ChildProcessWithoutNullStreams
  readonly #waiting: Waiting[] = []
  readonly #ended: Promise<unknown>
  #stderr = ''
  onEvent: (event: Json) => void = () => {}
  onEnd: (reason: string) => void = () => {}

  constructor(name: string, { command, args }: Command) {
    this.#name = name
    this.#child = spawn(command, args)
    this.#ended = once(this.#child, 'close').then(([code]) => this.#fail(`ended with ${code}`))
    this.#child.once('error', error => this.#fail(error.message))
    // A program that has ended says so by its end.
    this.#child.stdin.on('error', () => {})
    this.#child.stderr.on('data', (chunk: Buffer) => {
      this.#stderr = (this.#stderr + chunk.toString()).slice(-4_000)
    })
    createInterface({ input: this.#child.stdout }).on('line', line => this.#answered(line))
  }

  async ask(request: Json): Promise<unknown> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) {
      throw new Error(`${this.#name} has ended: ${this.#stderr}`)
    }
    const answer = new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }))
    this.#child.stdin.write(`${JSON.stringify(request)}\n`)
    return await answer
  }

  /** By the end of its input, which tells it to. */
  async end(): Promise<void> {
    this.#child.stdin.end()
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), CLOSE_MS_MAX)
    await this.#ended
    clearTimeout(timer)
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.#ended
  }

  /** Stops it in the middle of whatever it does, and has it go on later. */
  pause(): { resume(): void } {
    this.#child.kill('SIGSTOP')
    return { resume: () => void this.#child.kill('SIGCONT') }
  }

  #answered(line: string): void {
    const message = parsed(line)
    // What libraries print is none of ours.
    if (message === undefined) return
    if (message.event !== undefined) {
      this.onEvent(message.event as Json)
      return
    }
    const waiting = this.#waiting.shift()
    const error = message.error as { code: number | null; message: string } | undefined
    if (error === undefined) waiting?.resolve(message.ok)
    else waiting?.reject(new ClientError(error.code, `${this.#name}: ${error.message}`))
  }

  #fail(reason: string): void {
    for (const { reject } of this.#waiting.splice(0)) {
      reject(new Error(`${this.#name} ${reason}: ${this.#stderr}`))
    }
    this.onEnd(`${reason}: ${this.#stderr}`)
  }
}

function parsed(line: string): Json | undefined {
  if (!line.startsWith('{')) return undefined
  try {
    return JSON.parse(line)
  } catch {
    return undefined
  }
}

function toBase64(bytes: Buffer | null): string | null {
  return bytes === null ? null : bytes.toString('base64')
}

function fromBase64(text: string | null): Buffer | null {
  return text === null ? null : Buffer.from(text, 'base64')
}
