import { appendFileSync, readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { FETCH_BYTES_MAX } from '../../../src/core/limits.ts'
import { type FoundRecord, ProduceLedger, recordValue, type SentRecord } from '../../cli/produce-ledger.ts'
import { startBroker, type Target } from '../broker-process.ts'
import { Chance } from '../fuzz/chance.ts'
import type { Attack, Scene } from '../scene.ts'

type Client = typeof import('../../../src/client/index.ts')

const TOPIC = 'ledger'
const GROUP = 'readers'
const PARTITIONS = 6
const BROKERS = 3
const PRODUCERS = 6
const CONSUMERS = 3
/** How long whoever was stopped sleeps: shorter and longer than a lock is waited for. */
const STOPPED_MS = [300, 1_500, 6_000]
const PROBLEMS_TOLD_MAX = 5
const CATCH_UP_MS_MAX = 90_000

export const ledger: Attack = {
  name: 'ledger',
  about:
    'brokers on one directory that are killed and stopped while SDK producers write and a group reads; a ledger of what was acknowledged',
  startsItsOwn: true,
  async run(scene) {
    const folder = await mkdtemp(join(tmpdir(), 'tidemark-hostile-ledger-'))
    const run = new LedgerRun(scene, folder)
    let isKept = false
    try {
      isKept = await run.run()
    } finally {
      await run.close()
      // Kept otherwise, to be looked at.
      if (isKept) await rm(folder, { recursive: true })
      else scene.tell(`the store and the ledger are in ${folder}`)
    }
  },
}

class LedgerRun {
  readonly #scene: Scene
  readonly #folder: string
  readonly #ledgerFile: string
  readonly #chance: Chance
  readonly #brokers: Target[] = []
  readonly #ports: number[] = []
  readonly #ledger = new ProduceLedger()
  /** By partition: the offsets that the group was handed. */
  readonly #delivered = Array.from({ length: PARTITIONS }, () => new Set<number>())
  #redelivered = 0
  #acknowledged = 0
  #unknown = 0
  #refused = 0
  #isOver = false

  constructor(scene: Scene, folder: string) {
    this.#scene = scene
    this.#folder = folder
    this.#ledgerFile = join(folder, 'acknowledged.txt')
    this.#chance = new Chance(scene.settings.seed)
  }

  /** Tells whether everything is as it was acknowledged. */
  async run(): Promise<boolean> {
    const client: Client = await import(join(resolve(this.#scene.settings.tree), 'src/client/index.ts'))
    for (let index = 0; index < BROKERS; index++) {
      this.#ports[index] = await freePort()
      this.#brokers[index] = await this.#start(index)
    }
    const admin = new client.Tidemark({ url: this.#url(0) }).admin()
    await admin.createTopics({
      topics: [
        { topic: TOPIC, numPartitions: PARTITIONS, configEntries: [{ name: 'flush.ms', value: '50' }] },
      ],
    })
    const consumers = await Promise.all(
      Array.from({ length: CONSUMERS }, (_, index) => this.#consume(client, index % BROKERS)),
    )
    const producing = Array.from({ length: PRODUCERS }, (_, index) => this.#produce(client, index))
    await this.#attack()
    this.#isOver = true
    await Promise.all(producing)
    const found = await this.#read(client)
    await this.#awaitDeliveries(found.length)
    for (const consumer of consumers) await consumer.disconnect()
    return this.#judge(found)
  }

  async close(): Promise<void> {
    this.#isOver = true
    for (const broker of this.#brokers) {
      signal(broker, 'SIGCONT')
      await broker.end('SIGKILL')
    }
  }

  #start(index: number): Promise<Target> {
    const directory = join(this.#folder, 'store')
    return startBroker(this.#scene.settings.tree, { directory, port: this.#ports[index]! })
  }

  #url(broker: number): string {
    return `http://127.0.0.1:${this.#ports[broker]}`
  }

  async #produce(client: Client, index: number): Promise<void> {
    const producer = new client.Tidemark({ url: this.#url(index % BROKERS) }).producer()
    await producer.connect()
    for (let batch = 0; !this.#isOver; batch++) {
      const partition = (index + batch) % PARTITIONS
      const sent: SentRecord[] = Array.from({ length: 1 + (batch % 40) }, (_, record) => ({
        id: `${index}-${batch}-${record}`,
        partition,
      }))
      const messages = sent.map(({ id }) => ({ partition, value: recordValue(id, 20 + (batch % 7) * 150) }))
      try {
        const [written] = await producer.send({ topic: TOPIC, messages })
        const baseOffset = Number(written!.baseOffset)
        this.#ledger.acknowledged(sent, baseOffset)
        this.#acknowledged += sent.length
        appendFileSync(this.#ledgerFile, `${partition} ${baseOffset} ${sent.length} ${sent[0]!.id}\n`)
      } catch (error) {
        const isRefused = error instanceof client.TidemarkError && error.written === 'no'
        if (isRefused) this.#ledger.refused(sent)
        else this.#ledger.outcomeUnknown(sent)
        if (isRefused) this.#refused += sent.length
        else this.#unknown += sent.length
        this.#scene.tell(`producer ${index}: ${error}`)
      }
    }
    await producer.disconnect()
  }

  async #consume(client: Client, broker: number) {
    const consumer = new client.Tidemark({ url: this.#url(broker) }).consumer({
      groupId: GROUP,
      sessionTimeout: 10_000,
    })
    await consumer.connect()
    await consumer.subscribe({ topics: [TOPIC], fromBeginning: true })
    await consumer.run({
      eachMessage: async ({ partition, message }) => {
        const offsets = this.#delivered[partition]!
        const offset = Number(message.offset)
        if (offsets.has(offset)) this.#redelivered++
        offsets.add(offset)
      },
    })
    return consumer
  }

  /** One broker after another is killed and begins again, or is stopped for a while; sometimes two at once. */
  async #attack(): Promise<void> {
    const limitMs = performance.now() + this.#scene.sized(this.#scene.settings.seconds * 2, 8) * 1_000
    let kills = 0
    let stops = 0
    while (performance.now() < limitMs) {
      await sleep(300 + this.#chance.below(1_200))
      const index = this.#chance.below(BROKERS)
      if (this.#chance.is(0.6)) {
        kills++
        await this.#brokers[index]!.end('SIGKILL')
        await sleep(this.#chance.below(800))
        this.#brokers[index] = await this.#start(index)
      } else {
        stops++
        const stopped = this.#brokers[index]!
        signal(stopped, 'SIGSTOP')
        await sleep(this.#chance.oneOf(this.#scene.isShort ? STOPPED_MS.slice(0, 2) : STOPPED_MS))
        signal(stopped, 'SIGCONT')
      }
    }
    this.#scene.report({ what: 'brokers killed', value: kills, unit: '' })
    this.#scene.report({ what: 'brokers stopped and woken', value: stops, unit: '' })
  }

  async #read(client: Client): Promise<FoundRecord[]> {
    const broker = new client.HttpBroker({ url: this.#url(0) })
    const found: FoundRecord[] = []
    const { offsets } = await broker.describeTopic(TOPIC)
    for (const { partition, startOffset, endOffset } of offsets) {
      for (let offset = startOffset; offset < endOffset; ) {
        const fetched = await broker.fetch({ topic: TOPIC, partition, offset, maxBytes: FETCH_BYTES_MAX })
        for (const chunk of fetched.chunks) {
          for (const { offset: at, value } of client.decodeBatches(chunk)) {
            found.push({ partition, offset: at, value: value ?? new Uint8Array(0) })
          }
        }
        if (fetched.nextOffset <= offset) throw new Error(`partition ${partition} ends at ${offset}`)
        offset = fetched.nextOffset
      }
    }
    return found
  }

  async #awaitDeliveries(records: number): Promise<void> {
    const limitMs = performance.now() + CATCH_UP_MS_MAX
    const count = () => this.#delivered.reduce((sum, offsets) => sum + offsets.size, 0)
    while (count() < records && performance.now() < limitMs) await sleep(100)
    const missing = records - count()
    this.#scene.report({
      what: 'records that the group was never handed',
      value: missing,
      unit: '',
      atMost: 0,
    })
    this.#scene.report({ what: 'records that it was handed again', value: this.#redelivered, unit: '' })
  }

  #judge(found: readonly FoundRecord[]): boolean {
    const problems = [...this.#ledger.check(found), ...outOfOrder(found)]
    const lines = readFileSync(this.#ledgerFile, 'utf8').trim().split('\n').length
    this.#scene.tell(
      `${found.length} records in the log; ${this.#acknowledged} acknowledged in ${lines} lines of the ledger, ` +
        `${this.#refused} refused, ${this.#unknown} unknown`,
    )
    for (const problem of problems.slice(0, PROBLEMS_TOLD_MAX)) this.#scene.tell(problem)
    this.#scene.report({ what: 'records acknowledged', value: this.#acknowledged, unit: '', atLeast: 100 })
    this.#scene.report({ what: 'lost, doubled or out of order', value: problems.length, unit: '', atMost: 0 })
    return problems.length === 0
  }
}

/** A producer's records of one partition stand there in the order in which it sent them. */
function outOfOrder(found: readonly FoundRecord[]): string[] {
  const last = new Map<string, number>()
  return found.flatMap(({ partition, offset, value }) => {
    const [producer, batch, record] = Buffer.from(value)
      .toString('latin1')
      .split('/')[0]!
      .split('-')
      .map(Number)
    const key = `${partition} ${producer}`
    const number = batch! * 1_000 + record!
    const before = last.get(key) ?? -1
    last.set(key, number)
    return number > before
      ? []
      : [`partition ${partition}, offset ${offset}: ${number} stands behind ${before}`]
  })
}

function signal(broker: Target, name: NodeJS.Signals): void {
  if (broker.ended === undefined) process.kill(broker.figures.pid, name)
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise(resolve => server.close(resolve))
  return port
}
