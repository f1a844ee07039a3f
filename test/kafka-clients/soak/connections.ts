import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { GATEWAY_IDLE_MS_MAX } from '../../../src/core/limits.ts'
import { encodeBatch } from '../../../src/core/record/index.ts'
import type { Api } from '../../../src/gateway/wire/api.ts'
import { encodeRequestFrame } from '../../../src/gateway/wire/header.ts'
import { ApiVersions } from '../../../src/gateway/wire/messages/api-versions.ts'
import { Fetch } from '../../../src/gateway/wire/messages/fetch.ts'
import { Metadata } from '../../../src/gateway/wire/messages/metadata.ts'
import { Produce } from '../../../src/gateway/wire/messages/produce.ts'
import { NO_UUID } from '../../../src/gateway/wire/schema.ts'
import { WireClient } from '../../kafka/wire-client.ts'
import type { Load } from './load.ts'

export const BULK = 'bulk'
export const BULK_PARTITIONS = 6
/** A topic that nobody writes to: whoever reads it waits. */
export const QUIET = 'quiet'
/** So far behind the end slow readers begin: some megabytes. */
const BEHIND_RECORDS = 5_000
const BATCH_RECORDS = 20
const VALUE = Buffer.alloc(500, 'tide')
const LONG_POLL_MS = 10_000
const SLOW_BYTES = 64 * 1_024
const SLOW_PAUSE_MS = 200
const SLOW_REQUESTS = 3
const FETCH_VERSION = 11
const PRODUCE_VERSION = 9

/** Writes what is acknowledged, with a pause in between. */
export async function write(load: Load): Promise<void> {
  const client = await WireClient.connect(load.host, load.port)
  await load.repeat(20, async () => {
    const answer = await client.ask(Produce, PRODUCE_VERSION, produceRequest(load))
    const written = answer?.responses[0]?.partitionResponses[0]
    if (written?.errorCode !== 0) throw new Error(`not written: ${written?.errorCode}`)
    load.ends[written.index] = Number(written.baseOffset) + BATCH_RECORDS
    load.count('records', BATCH_RECORDS)
  })
  client.close()
}

/** Connections that come and go, well behaved or not. */
export async function churn(load: Load): Promise<void> {
  const kinds = [oneOfEach, breaksOff, hangsUpWhileWaiting, sendsRubbish, asksAndHangsUp]
  await load.repeat(20, async () => {
    await kinds[load.below(kinds.length)]!(load)
    load.count('connections')
  })
}

/** Ask for much, and take it slowly, or not at all; after a while they are gone without a word. */
export async function readSlowly(load: Load): Promise<void> {
  await load.repeat(100, async () => {
    const socket = await open(load)
    for (let nth = 0; nth < SLOW_REQUESTS; nth++) socket.write(fetchFrame(load, 500))
    const takes = load.random() < 0.5
    const turns = 20 + load.below(100)
    for (let turn = 0; turn < turns && !load.isEnding; turn++) {
      if (takes && socket.read(SLOW_BYTES) !== null) load.count('slowly read', SLOW_BYTES)
      await load.pause(SLOW_PAUSE_MS)
    }
    socket.destroy()
    load.count('slow readers')
  })
}

/** Says nothing at all, and comes again when it is closed: that it was idle for ten minutes is reason enough. */
export async function idle(load: Load): Promise<void> {
  let socket = await open(load)
  let openedMs = performance.now()
  await load.repeat(1_000, async () => {
    if (!socket.destroyed) return
    const idleMs = performance.now() - openedMs
    if (idleMs < GATEWAY_IDLE_MS_MAX) throw new Error(`a connection was closed after ${idleMs} ms`)
    load.count('idle ones')
    socket = await open(load)
    openedMs = performance.now()
  })
  socket.destroy()
}

async function oneOfEach(load: Load): Promise<void> {
  const client = await WireClient.connect(load.host, load.port)
  await client.ask(ApiVersions, 3, { clientSoftwareName: 'soak', clientSoftwareVersion: '1' })
  await client.ask(Metadata, 12, { topics: [{ name: BULK }] })
  await client.ask(Produce, PRODUCE_VERSION, produceRequest(load))
  const answer = await client.ask(Fetch, FETCH_VERSION, fetchRequest(load, 0))
  if (answer?.errorCode !== 0) throw new Error(`not read: ${answer?.errorCode}`)
  client.close()
}

async function breaksOff(load: Load): Promise<void> {
  const socket = await open(load)
  const frame = Buffer.concat(frameOf(Produce, PRODUCE_VERSION, produceRequest(load)))
  socket.write(frame.subarray(0, 1 + load.below(frame.length - 1)))
  await load.pause(load.below(50))
  socket.destroy()
}

async function hangsUpWhileWaiting(load: Load): Promise<void> {
  const socket = await open(load)
  socket.write(fetchFrame(load, LONG_POLL_MS, QUIET))
  await load.pause(load.below(200))
  if (load.random() < 0.5) socket.destroy()
  else socket.end()
  socket.resume()
}

async function sendsRubbish(load: Load): Promise<void> {
  const socket = await open(load)
  const rubbish = Buffer.from(Array.from({ length: 4 + load.below(300) }, () => load.below(256)))
  socket.write(rubbish)
  socket.resume()
  await load.pause(load.below(20))
  socket.destroy()
}

async function asksAndHangsUp(load: Load): Promise<void> {
  const socket = await open(load)
  for (let nth = 0; nth < 5; nth++) {
    for (const piece of frameOf(Produce, PRODUCE_VERSION, produceRequest(load))) socket.write(piece)
    socket.write(fetchFrame(load, 0))
  }
  socket.end()
  await load.pause(load.below(20))
  socket.destroy()
}

async function open({ host, port }: Load): Promise<Socket> {
  const socket = connect({ host, port, noDelay: true })
  await once(socket, 'connect')
  // Whoever takes no part in how it ends need not hear of it.
  socket.on('error', () => {})
  return socket
}

function frameOf<Written>(
  api: Api<unknown, unknown, Written, unknown>,
  version: number,
  body: Written,
): Uint8Array[] {
  return encodeRequestFrame(api, version, { correlationId: 1, clientId: 'soak' }, body)
}

function produceRequest(load: Load) {
  const inputs = Array.from({ length: BATCH_RECORDS }, () => ({ value: VALUE }))
  const records = new Uint8Array(encodeBatch(inputs, { nowMs: Date.now() }))
  const partitionData = [{ index: load.below(BULK_PARTITIONS), records }]
  return { acks: -1, timeoutMs: 10_000, topicData: [{ name: BULK, topicId: NO_UUID, partitionData }] }
}

function fetchRequest(load: Load, maxWaitMs: number, topic = BULK) {
  const partitions = Array.from({ length: topic === QUIET ? 1 : BULK_PARTITIONS }, (_, partition) => ({
    partition,
    fetchOffset: topic === QUIET ? 0 : Math.max(0, (load.ends[partition] ?? 0) - BEHIND_RECORDS),
    partitionMaxBytes: 1_048_576,
  }))
  return {
    maxWaitMs,
    minBytes: 1,
    maxBytes: 4_194_304,
    isolationLevel: 0,
    sessionId: 0,
    topics: [{ topic, topicId: NO_UUID, partitions }],
    forgottenTopicsData: [],
    rackId: '',
  }
}

function fetchFrame(load: Load, maxWaitMs: number, topic = BULK): Buffer {
  return Buffer.concat(frameOf(Fetch, FETCH_VERSION, fetchRequest(load, maxWaitMs, topic)))
}
