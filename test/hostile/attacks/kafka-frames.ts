import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { ApiVersions } from '../../../src/gateway/wire/messages/api-versions.ts'
import { Metadata } from '../../../src/gateway/wire/messages/metadata.ts'
import { WireClient } from '../../kafka/wire-client.ts'
import type { Target } from '../broker-process.ts'
import { mutatedFrame } from '../frames/mutations.ts'
import { ProbedConnection } from '../frames/probed-connection.ts'
import { type ClientRequest, clientRequests } from '../frames/requests.ts'
import { Chance } from '../fuzz/chance.ts'
import { call, callJson, createTopic } from '../http-calls.ts'
import type { Attack } from '../scene.ts'
import { MemoryListener, TELLS_MEMORY, type ToldMemory } from '../told-memory.ts'

/** A disk that is waited for would make it an attack on the disk. */
const MEMORY = '/dev/shm'
const WORKERS = 64
const SHORT_WORKERS = 8
const PEAK_MB_MAX = 500
/** From a tenth of the way to the end, of what is held after tidying up, and of what the system says. */
const GROWTH_MB_MAX = 16
const RESIDENT_GROWTH_MB_MAX = 100
/** How often memory is looked at on the way. */
const LOOKS = 10
/** Lines a second, and what is said beside these. */
const LOG_LINES_MAX = 12
const HONEST_RECORDS = 200
const ANSWER_MS_MAX = 1_000
const EXAMPLES_MAX = 5

export const kafkaFrames: Attack = {
  name: 'kafka-frames',
  about: "requests of every API and version of Kafka's protocol, damaged by chance, on connections",
  startsItsOwn: true,
  async run(scene) {
    const { seed } = scene.settings
    const log = new Log()
    const directory = await mkdtemp(join(existsSync(MEMORY) ? MEMORY : tmpdir(), 'tidemark-frames-'))
    const options = ['--kafka', '127.0.0.1:0']
    const told = (chunk: string) => log.take(chunk)
    const broker = await scene.start({ options, directory, environment: TELLS_MEMORY, told })
    const port = broker.kafkaPort
    if (port === undefined) throw new Error("this broker does not serve Kafka's clients")
    await createTopic(broker.url, 'fuzzed', { partitions: 4 })
    await createTopic(broker.url, 'honest', { partitions: 1 })
    const values = Array.from({ length: HONEST_RECORDS }, (_, index) => ({ value: `honest ${index}` }))
    await callJson(`${broker.url}/topics/honest/records`, { records: values })
    const before = await honest(broker)
    const requests = clientRequests(new Chance(seed), await topicId(port))
    const offered = await offeredOf(port, requests)
    const limit = scene.sized(1_000_000, 3_000)
    const counts = { answered: 0, closed: 0, waiting: 0 }
    const looks: ToldMemory[] = []
    const look = async () => {
      const memory = await log.memory.ask(broker)
      looks.push(memory)
      const { heldMb, residentMb, sockets, files } = memory
      scene.tell(
        `${next} frames: ${heldMb.toFixed(1)} MB held, ${residentMb.toFixed(0)} MB resident, ${sockets} sockets, ${files} files`,
      )
    }
    let next = 0
    const work = async () => {
      let connection = await ProbedConnection.open(port)
      while (next < limit && broker.ended === undefined) {
        const index = next++
        if (index > 0 && index % (limit / LOOKS) === 0) await look()
        const mutation = mutatedFrame(new Chance(seed + index * 7_919), index % 20 === 0 ? requests : offered)
        const outcome = await connection.send(mutation)
        counts[outcome]++
        if (outcome !== 'answered') {
          connection.close()
          connection = await ProbedConnection.open(port)
        }
      }
      connection.close()
    }
    const beganMs = performance.now()
    await scene.watch(broker, { peakMb: PEAK_MB_MAX }, () =>
      Promise.all(Array.from({ length: scene.sized(WORKERS, SHORT_WORKERS) }, work)),
    )
    await look()
    const seconds = (performance.now() - beganMs) / 1_000
    const { answered, closed, waiting } = counts
    scene.tell(`${answered} answered, ${closed} with their connections closed, ${waiting} left waiting`)
    for (const line of log.unexpected.slice(0, EXAMPLES_MAX)) scene.tell(line)
    scene.report({ what: 'frames', value: next, unit: '', atLeast: limit })
    scene.report({
      what: 'connections that are closed, by the log',
      value: log.closed,
      unit: '',
      atLeast: closed / 2,
    })
    scene.report({
      what: 'lines of these in its log, a second',
      // So many in each second that has begun, of which the first and the last may be in part.
      value: log.lines / (seconds + 1),
      unit: '',
      atMost: LOG_LINES_MAX,
    })
    scene.report({
      what: 'requests that failed unexpectedly',
      value: log.unexpected.length,
      unit: '',
      atMost: 0,
    })
    // What the first ones make stays: topics, groups, compiled code.
    const [warm, end] = [looks[0]!, looks.at(-1)!]
    const isBound = !scene.isShort
    scene.report({
      what: 'memory held, from a tenth to the end',
      value: end.heldMb - warm.heldMb,
      unit: 'MB',
      ...(isBound && { atMost: GROWTH_MB_MAX }),
    })
    scene.report({
      what: 'memory resident, from a tenth to the end',
      value: end.residentMb - warm.residentMb,
      unit: 'MB',
      ...(isBound && { atMost: RESIDENT_GROWTH_MB_MAX }),
    })
    const isSame = before.includes(`honest ${HONEST_RECORDS - 1}`) && before === (await honest(broker))
    scene.report({ what: "honest topic's records changed", value: isSame ? 0 : 1, unit: '', atMost: 0 })
    scene.report({
      what: 'ms until an honest client is answered',
      value: await honestMs(port),
      unit: 'ms',
      atMost: ANSWER_MS_MAX,
      isTimed: true,
    })
    await broker.end('SIGKILL')
    await rm(directory, { recursive: true, force: true, maxRetries: 3 })
  },
}

/** The lines of what a broker says: only counts are kept. */
class Log {
  readonly memory = new MemoryListener()
  readonly unexpected: string[] = []
  /** Connections, whether each has a line or is counted in one. */
  closed = 0
  lines = 0
  #rest = ''

  take(chunk: string): void {
    const lines = `${this.#rest}${chunk}`.split('\n')
    this.#rest = lines.pop()!
    for (const line of lines) if (!this.memory.take(line)) this.#read(line)
  }

  #read(line: string): void {
    if (line.includes('the connection is closed')) {
      this.lines++
      this.closed += Number(/^\S*:? ?(\d+) lines more/.exec(line)?.[1] ?? 1)
    }
    if (/failed unexpectedly|^\s*at /.test(line) && this.unexpected.length < 1_000) this.unexpected.push(line)
  }
}

async function honest(broker: Target): Promise<string> {
  const { text } = await call(`${broker.url}/topics/honest/partitions/0/records?offset=0&maxBytes=100000000`)
  return text
}

async function topicId(port: number): Promise<string> {
  const client = await WireClient.connect('127.0.0.1', port)
  const answer = await client.ask(Metadata, 12, { topics: [{ name: 'fuzzed' }] })
  client.close()
  return answer!.topics[0]!.topicId
}

/** What is not offered ends its connection, whatever is in it: the others get further. */
async function offeredOf(port: number, requests: readonly ClientRequest[]): Promise<ClientRequest[]> {
  const client = await WireClient.connect('127.0.0.1', port)
  const answer = await client.ask(ApiVersions, 0, {})
  client.close()
  const ranges = new Map(answer!.apiKeys.map(range => [range.apiKey, range]))
  return requests.filter(({ api, version }) => {
    const { minVersion = 1, maxVersion = 0 } = ranges.get(api.key) ?? {}
    return minVersion <= version && version <= maxVersion
  })
}

/** After a moment, in which what is left of the attack may end. */
async function honestMs(port: number): Promise<number> {
  await sleep(500)
  const startedMs = performance.now()
  const client = await WireClient.connect('127.0.0.1', port)
  const answer = await client.ask(ApiVersions, 3, {
    clientSoftwareName: 'honest',
    clientSoftwareVersion: '1',
  })
  client.close()
  return answer?.errorCode === 0 ? performance.now() - startedMs : Number.NaN
}
