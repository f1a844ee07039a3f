import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream, openSync } from 'node:fs'
import { join } from 'node:path'
import type { HttpBroker } from '../../src/client/http-broker.ts'
import type { EachBatchPayload } from '../../src/client/sdk/consuming/consumer-options.ts'
import type { Broker } from '../../src/contract/broker.ts'
import { MemoryPool } from '../../src/core/lent-memory.ts'
import { LENT_KEPT_BYTES_MAX } from '../../src/core/limits.ts'
import { type Code, loadCode, type Server, startServer } from './tree.ts'

export interface Run {
  /** The checkout whose code is measured. */
  readonly tree: string
  /** Where its store may be. */
  readonly directory: string
  readonly records: number
}

export interface Measured {
  readonly recordsPerSecond: number
  /** Processor seconds for a million records: of this process, and of a broker in one of its own. */
  readonly ownSeconds: number
  readonly brokerSeconds: number
  /** Of the broker's process. */
  readonly peakMegabytes: number
}

type Timed = Omit<Measured, 'peakMegabytes'>

interface Case {
  readonly title: string
  readonly run: (run: Run) => Promise<Measured>
}

/** The Kafka paper's. */
const VALUE_BYTES = 200
const FETCH_BYTES = 200 * 1024
const TOPIC = 'bench'
/** What is read is read several times: the first passes warm up. */
const PASSES = 3

export const CASES: Readonly<Record<string, Case>> = {
  'fetch-50': {
    title: 'fetch of verified batches of 50, in process',
    run: run => fetchVerified(run, 50),
  },
  'fetch-1': {
    title: 'fetch of verified batches of one record, in process',
    run: run => fetchVerified(run, 1),
  },
  'fetch-50-lent': {
    title: 'the same of 50 into memory that is lent, and given back after each',
    run: run => fetchVerified(run, 50, true),
  },
  'fetch-1-lent': {
    title: 'the same of one record into memory that is lent',
    run: run => fetchVerified(run, 1, true),
  },
  'produce-50': { title: 'produce of batches of 50, in process', run: run => produceInProcess(run, 50) },
  'http-produce-50': { title: 'produce of batches of 50 over HTTP', run: run => produceOverHttp(run, 50) },
  'http-fetch-1': {
    title: 'fetch of one partition over HTTP, a request after the other',
    run: run => fetchOverHttp(run),
  },
  'sdk-1': { title: "an SDK's consumer of 1 partition over HTTP", run: run => consume(run, 1) },
  'sdk-12': { title: "an SDK's consumer of 12 partitions over HTTP", run: run => consume(run, 12) },
  'sdk-12-batches': {
    title: "an SDK's consumer of 12 partitions over HTTP, by eachBatch",
    run: run => consume(run, 12, true),
  },
  'sdk-send-12': {
    title: "an SDK's producer of 12 partitions over HTTP, 1,000 messages a call",
    run: run => send(run, 12),
  },
  'kcat-produce-12': {
    title: 'kcat writes a file into 12 partitions through the gateway',
    run: run => kcat(run, 12, 'produce'),
  },
  'kcat-consume-12': {
    title: 'kcat reads 12 partitions through the gateway',
    run: run => kcat(run, 12, 'consume'),
  },
  'cli-produce': { title: 'tidemark produce of a file', run: run => commandLine(run, 'produce') },
  'cli-consume': { title: 'tidemark consume to nowhere', run: run => commandLine(run, 'consume') },
}

function batchMaker({ encodeBatch }: Code, records: number): () => Uint8Array {
  const value = Buffer.alloc(
    VALUE_BYTES,
    'the tide leaves a line on the sand, and the next one a higher one; ',
  )
  const all = Array.from({ length: records }, () => ({ value }))
  return () => encodeBatch(all, { nowMs: Date.now() })
}

/** Calls `work` for so many batches, so many calls at a time. */
async function inFlight(calls: number, atOnce: number, work: (call: number) => Promise<unknown>) {
  let next = 0
  const goOn = async () => {
    while (next < calls) await work(next++)
  }
  await Promise.all(Array.from({ length: atOnce }, goOn))
}

/** What else a machine does changes the time that it takes, and much less the processor's. */
async function timed(records: number, work: () => Promise<unknown>, server?: Server): Promise<Timed> {
  const startedMs = performance.now()
  const own = process.cpuUsage()
  const brokers = (await server?.cpuSeconds()) ?? 0
  await work()
  const recordsPerSecond = (records / (performance.now() - startedMs)) * 1_000
  const { user, system } = process.cpuUsage(own)
  return {
    recordsPerSecond,
    ownSeconds: (user + system) / records,
    brokerSeconds: (((await server?.cpuSeconds()) ?? 0) - brokers) / (records / 1e6),
  }
}

/** The passes before the last one warm up. */
async function lastOf(passes: number, pass: () => Promise<Timed>): Promise<Timed> {
  for (let before = 1; before < passes; before++) await pass()
  return await pass()
}

function ownPeak(): number {
  return (process.resourceUsage().maxRSS * 1024) / 1e6
}

async function produceInProcess(run: Run, recordsPerBatch: number): Promise<Measured> {
  const code = await loadCode(run.tree)
  const { broker, close } = await code.openBroker(run.directory)
  await broker.createTopic({ topic: TOPIC })
  const make = batchMaker(code, recordsPerBatch)
  const figures = await timed(run.records, () =>
    inFlight(run.records / recordsPerBatch, 1_000, () =>
      broker.produce({ topic: TOPIC, partition: 0, batches: make() }),
    ),
  )
  await close()
  return { ...figures, peakMegabytes: ownPeak() }
}

async function fetchVerified(run: Run, recordsPerBatch: number, isLent = false): Promise<Measured> {
  const code = await loadCode(run.tree)
  const { broker, close } = await code.openBroker(run.directory)
  await broker.createTopic({ topic: TOPIC })
  const make = batchMaker(code, recordsPerBatch)
  const batches = Math.ceil(run.records / recordsPerBatch)
  await inFlight(batches, 2_000, () => broker.produce({ topic: TOPIC, partition: 0, batches: make() }))
  const all = batches * recordsPerBatch
  const figures = await lastOf(PASSES, () => timed(all, () => fetchAll(broker, isLent)))
  await close()
  return { ...figures, peakMegabytes: ownPeak() }
}

/** @param isLent a checkout of before lending reads into memory of its own all the same */
async function fetchAll(broker: Pick<Broker, 'fetch'>, isLent = false): Promise<void> {
  const pool = new MemoryPool(LENT_KEPT_BYTES_MAX)
  for (let offset = 0; ; ) {
    const request = { topic: TOPIC, partition: 0, offset: offset as never, maxBytes: FETCH_BYTES }
    const memory = isLent ? pool.lend() : undefined
    const fetch = () => broker.fetch({ ...request, memory })
    const { nextOffset, endOffset } = await (memory ? memory.use(fetch) : fetch())
    memory?.leave()
    if (nextOffset === endOffset) return
    if (nextOffset === offset) throw new Error(`nothing comes at ${offset}`)
    offset = nextOffset
  }
}

async function served(
  run: Run,
  partitions: number,
  work: (of: { code: Code; server: Server; broker: HttpBroker }) => Promise<Timed>,
): Promise<Measured> {
  const code = await loadCode(run.tree)
  const server = await startServer(run.tree, run.directory)
  try {
    const broker = code.httpBroker(server.url)
    await broker.createTopic({ topic: TOPIC, partitions })
    const figures = await work({ code, server, broker })
    return { ...figures, peakMegabytes: await server.peakMegabytes() }
  } finally {
    await server.stop()
  }
}

function produceOverHttp(run: Run, recordsPerBatch: number): Promise<Measured> {
  return served(run, 1, async ({ code, broker, server }) => {
    const make = batchMaker(code, recordsPerBatch)
    const batches = run.records / recordsPerBatch
    const produce = (some: number) =>
      inFlight(some, 64, () => broker.produce({ topic: TOPIC, partition: 0, batches: make() }))
    await produce(batches / 10)
    return timed(run.records, () => produce(batches), server)
  })
}

/** So that each partition has as many records. */
async function fill(run: Run, partitions: number, code: Code, broker: HttpBroker): Promise<void> {
  const make = batchMaker(code, 500)
  await inFlight(run.records / 500, 24, call =>
    broker.produce({ topic: TOPIC, partition: call % partitions, batches: make() }),
  )
}

function fetchOverHttp(run: Run): Promise<Measured> {
  return served(run, 1, async ({ code, broker, server }) => {
    await fill(run, 1, code, broker)
    return await lastOf(PASSES, () => timed(run.records, () => fetchAll(broker), server))
  })
}

function consume(run: Run, partitions: number, byBatch = false): Promise<Measured> {
  return served(run, partitions, async ({ code, broker, server }) => {
    await fill(run, partitions, code, broker)
    const tidemark = code.tidemark(server.url)
    return await lastOf(PASSES, async () => {
      const consumer = tidemark.consumer({})
      await consumer.connect()
      consumer.assign(
        Array.from({ length: partitions }, (_, partition) => ({ topic: TOPIC, partition, offset: '0' })),
      )
      let left = run.records
      const { promise: consumed, resolve, reject } = Promise.withResolvers<void>()
      const took = (records: number) => {
        left -= records
        if (left === 0) resolve()
      }
      const handler = byBatch
        ? { eachBatch: async ({ batch }: EachBatchPayload) => took(batch.messages.length) }
        : { eachMessage: async () => took(1) }
      const figures = await timed(
        run.records,
        () => {
          consumer.run(handler).catch(reject)
          return consumed
        },
        server,
      )
      await consumer.disconnect()
      return figures
    })
  })
}

function send(run: Run, partitions: number): Promise<Measured> {
  return served(run, partitions, async ({ code, server }) => {
    const producer = code.tidemark(server.url).producer({})
    await producer.connect()
    const value = Buffer.alloc(VALUE_BYTES, 'the tide leaves a line on the sand; ')
    const messages = (call: number) =>
      Array.from({ length: 1_000 }, (_, index) => ({ value, partition: (call + index) % partitions }))
    const sendAll = () =>
      inFlight(run.records / 1_000, 8, call => producer.send({ topic: TOPIC, messages: messages(call) }))
    const figures = await timed(run.records, sendAll, server)
    await producer.disconnect()
    return figures
  })
}

function commandLine(run: Run, command: 'produce' | 'consume'): Promise<Measured> {
  return served(run, 1, async ({ server }) => {
    const file = join(run.directory, 'lines.txt')
    await writeLines(file, run.records)
    const launcher = join(run.tree, 'src/cli/tidemark.js')
    const call = (...args: string[]) =>
      runToEnd(process.execPath, [launcher, ...args, '--broker', server.url])
    const produced = await timed(run.records, () => call('produce', TOPIC, file), server)
    if (command === 'produce') return produced
    return await timed(run.records, () => call('consume', TOPIC, '--exit-at-end'), server)
  })
}

function kcat(run: Run, partitions: number, what: 'produce' | 'consume'): Promise<Measured> {
  return served(run, partitions, async ({ server }) => {
    const { bootstrap } = server
    if (bootstrap === undefined) throw new Error(`${run.tree} has no gateway`)
    const file = join(run.directory, 'lines.txt')
    await writeLines(file, run.records)
    const call = (...args: string[]) => runToEnd('kcat', ['-b', bootstrap, '-t', TOPIC, ...args])
    const produced = await timed(run.records, () => call('-P', '-l', file), server)
    if (what === 'produce') return produced
    const fetching = ['-X', `fetch.message.max.bytes=${FETCH_BYTES}`]
    return await lastOf(PASSES, () =>
      timed(run.records, () => call('-C', '-o', 'beginning', '-e', '-q', ...fetching), server),
    )
  })
}

async function runToEnd(command: string, args: readonly string[]): Promise<void> {
  const child = spawn(command, args, { stdio: ['ignore', openSync('/dev/null', 'w'), 'inherit'] })
  const [code] = await once(child, 'close')
  if (code !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${code}`)
}

async function writeLines(path: string, count: number): Promise<void> {
  const stream = createWriteStream(path)
  const filler = 'the tide comes in and the tide goes out and what it leaves lies in order; '.repeat(4)
  for (let first = 0; first < count; first += 10_000) {
    const lines = Array.from({ length: Math.min(10_000, count - first) }, (_, index) =>
      `${first + index} ${filler}`.slice(0, VALUE_BYTES),
    )
    if (!stream.write(`${lines.join('\n')}\n`)) await once(stream, 'drain')
  }
  stream.end()
  await once(stream, 'finish')
}
