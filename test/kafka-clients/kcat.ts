import { type ChildProcessWithoutNullStreams, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  type Ability,
  type Admin,
  type At,
  ClientError,
  CODECS,
  type Header,
  type KafkaClient,
  type Member,
  type ProduceOptions,
  type ReadRecord,
  type SentRecord,
} from './client.ts'

const RUN_MS_MAX = 30_000
/** What no record of the tests holds. */
const BETWEEN = '<next record>'
const KEY_END = '<end of key>'

/** The command line of librdkafka, a run of it for each request. It has no admin, and sees headers as text. */
export class KcatClient implements KafkaClient {
  readonly name = 'kcat'
  readonly abilities: ReadonlySet<Ability> = new Set([
    'offset-by-time',
    'idempotence',
    'classic',
    'acks-0',
    'null-headers',
  ])
  readonly codecs = CODECS
  readonly groupsHeaders = false
  readonly #bootstrap: string
  readonly #version: string

  static async start(bootstrap: string): Promise<KcatClient> {
    const told = execFileSync('kcat', ['-V']).toString()
    return new KcatClient(bootstrap, /Version (\S+).*?(librdkafka \S+)/.exec(told)!.slice(1, 3).join(', '))
  }

  private constructor(bootstrap: string, version: string) {
    this.#bootstrap = bootstrap
    this.#version = version
  }

  async version(): Promise<string> {
    return this.#version
  }

  /** In a run for each row of records that have their partition and headers in common; it cannot tell their offsets, nor be told their times. */
  async produce(topic: string, records: readonly SentRecord[], options: ProduceOptions = {}) {
    const { codec = 'none', acks = 'all', idempotent = false } = options
    for (const row of rowsOf(records)) {
      const [{ partition, headers }] = row as [SentRecord]
      const settings = [
        `acks=${acks}`,
        `enable.idempotence=${idempotent}`,
        `delivery.timeout.ms=${RUN_MS_MAX / 2}`,
      ]
      const named = headers.map(([name, value]) => (value === null ? name : `${name}=${value}`))
      const args = [
        '-P',
        '-t',
        topic,
        '-p',
        String(partition),
        '-z',
        codec,
        '-Z',
        '-D',
        BETWEEN,
        '-K',
        KEY_END,
      ]
      const input = row.map(({ key, value }) =>
        Buffer.concat([key ?? Buffer.alloc(0), Buffer.from(KEY_END), value ?? Buffer.alloc(0)]),
      )
      const joined = input.flatMap((line, index) => (index === 0 ? [line] : [Buffer.from(BETWEEN), line]))
      await this.#run([...args, ...flags('-X', settings), ...flags('-H', named)], Buffer.concat(joined))
    }
    return records.map(() => null)
  }

  async read(topic: string, partition: number, from: At, to: number): Promise<ReadRecord[]> {
    const begin =
      typeof from === 'string'
        ? { earliest: 'beginning', latest: 'end' }[from]
        : 'offset' in from
          ? String(from.offset)
          : `s@${from.timeMs}`
    const start =
      typeof from === 'object' && 'offset' in from ? from.offset : await this.offsetAt(topic, partition, from)
    const count = String(to - (start ?? to))
    // Lengths first, so that any bytes can follow.
    const format = '%o %T %K %S %R\\n%k%s%h\\n'
    const args = ['-C', '-t', topic, '-p', String(partition), '-o', begin, '-c', count, '-f', format]
    return framesOf(await this.#run(args))
  }

  async offsetAt(topic: string, partition: number, at: At): Promise<number | null> {
    if (typeof at === 'object' && 'offset' in at) return at.offset
    const place = at === 'earliest' ? -2 : at === 'latest' ? -1 : at.timeMs
    const told = (await this.#run(['-Q', '-t', `${topic}:${partition}:${place}`])).toString()
    const offset = Number(/offset (-?\d+)/.exec(told)?.[1] ?? Number.NaN)
    if (Number.isNaN(offset)) throw new Error(`kcat says ${told}`)
    return offset < 0 ? null : offset
  }

  async join(group: string, topic: string): Promise<Member> {
    const settings = ['session.timeout.ms=6000', 'heartbeat.interval.ms=500', 'auto.offset.reset=earliest']
    const commit = ['auto.commit.interval.ms=200']
    const args = ['-b', this.#bootstrap, ...flags('-X', [...settings, ...commit]), '-u', '-G', group, topic]
    return new KcatMember(topic, spawn('kcat', args))
  }

  get admin(): Admin {
    throw new Error('kcat has no admin')
  }

  async close(): Promise<void> {}

  async #run(args: readonly string[], input: Uint8Array = Buffer.alloc(0)): Promise<Buffer> {
    const settings = [
      '-b',
      this.#bootstrap,
      '-m',
      String(RUN_MS_MAX / 1_000),
      '-X',
      'message.max.bytes=1100000',
    ]
    const child = spawn('kcat', [...settings, ...args], { timeout: RUN_MS_MAX })
    child.stdin.on('error', () => {})
    child.stdin.end(input)
    const stdout: Buffer[] = []
    let stderr = ''
    child.stdout.on('data', chunk => stdout.push(chunk))
    child.stderr.on('data', chunk => {
      stderr += chunk
    })
    const [code] = await once(child, 'close')
    if (code !== 0) throw new ClientError(null, `kcat ended with ${code}: ${stderr}`)
    return Buffer.concat(stdout)
  }
}

function flags(flag: string, values: readonly string[]): string[] {
  return values.flatMap(value => [flag, value])
}

function rowsOf(records: readonly SentRecord[]): SentRecord[][] {
  const rows: SentRecord[][] = []
  let before: string | undefined
  for (const record of records) {
    const common = JSON.stringify([record.partition, record.headers])
    if (common !== before) rows.push([])
    rows.at(-1)!.push(record)
    before = common
  }
  return rows
}

function framesOf(bytes: Buffer): ReadRecord[] {
  const records: ReadRecord[] = []
  for (let at = 0; at < bytes.length; ) {
    const lineEnd = bytes.indexOf('\n', at)
    const [offset, timestampMs, keyLength, valueLength] = bytes
      .toString('utf8', at, lineEnd)
      .split(' ')
      .map(Number) as [number, number, number, number]
    const keyAt = lineEnd + 1
    const valueAt = keyAt + Math.max(keyLength, 0)
    const headersAt = valueAt + Math.max(valueLength, 0)
    const end = bytes.indexOf('\n', headersAt)
    records.push({
      offset,
      timestampMs,
      key: keyLength < 0 ? null : bytes.subarray(keyAt, valueAt),
      value: valueLength < 0 ? null : bytes.subarray(valueAt, headersAt),
      headers: headersOf(bytes.toString('utf8', headersAt, end)),
    })
    at = end + 1
  }
  return records
}

function headersOf(text: string): Header[] {
  if (text === '') return []
  return text.split(',').map(pair => {
    const [name, value] = [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]
    return [name, value === 'NULL' ? null : Buffer.from(value)]
  })
}

/** What it tells on stderr of its group, and the values on stdout. */
class KcatMember implements Member {
  readonly #child: ChildProcessWithoutNullStreams
  readonly #ended: Promise<unknown>
  values: readonly string[] = []
  partitions: readonly number[] = []

  constructor(topic: string, child: ChildProcessWithoutNullStreams) {
    this.#child = child
    this.#ended = once(child, 'close')
    let stdout = ''
    child.stdout.on('data', chunk => {
      stdout += chunk
      this.values = stdout.split('\n').slice(0, -1)
    })
    let stderr = ''
    child.stderr.on('data', chunk => {
      stderr += chunk
      const last = stderr.split('\n').findLast(line => line.includes('rebalanced'))
      const assigned = last?.includes('assigned:') ? last.slice(last.indexOf('assigned:')) : ''
      this.partitions = Array.from(assigned.matchAll(new RegExp(`${topic} \\[(\\d+)\\]`, 'g')), ([, one]) =>
        Number(one),
      )
    })
  }

  async leave(): Promise<void> {
    this.#child.kill('SIGTERM')
    await this.#ended
    this.partitions = []
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.#ended
    this.partitions = []
  }
}
