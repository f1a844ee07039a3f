import { setTimeout as sleep } from 'node:timers/promises'
import type { Target } from '../broker-process.ts'
import { BATCHES_TYPE, call, createTopic, mustProduce } from '../http-calls.ts'
import { openConnections } from '../process-figures.ts'
import { RawConnections, requestHead } from '../raw-connections.ts'
import type { Attack, Scene } from '../scene.ts'
import { incompressibleBatch } from './batches.ts'

const MiB = 1024 * 1024
const PEAK_MB_MAX = 400
/** Whoever reads nothing is let go within a minute. */
const CLOSED_MS_MAX = 60_000

export const unreadAnswers: Attack = {
  name: 'unread-answers',
  about: 'readers that ask for 16 MiB and read nothing',
  run: scene => attackBy(scene, READERS),
}

export const unreadPipelines: Attack = {
  name: 'unread-pipelines',
  about:
    'requests one behind the other on a connection, JSON that nobody reads, readers that take a byte a second',
  run: scene => attackBy(scene, PIPELINES),
}

async function attackBy(scene: Scene, all: readonly Readers[]): Promise<void> {
  for (const readers of scene.isShort ? all.filter(({ isShort }) => isShort) : all) {
    await scene.on(async broker => {
      await createTopic(broker.url, 'large', { configs: { 'max.message.bytes': String(4 * MiB) } })
      const batch = incompressibleBatch(4 * MiB - 200)
      for (let index = 0; index < 4; index++) await mustProduce(broker.url, 'large', batch)
      await attack(scene, broker, readers)
    })
  }
}

interface Readers {
  turn: string
  connections: number
  /** On each of them, without waiting for an answer. */
  requests: number
  accept?: string
  /** By the URLs that locate hands out. */
  isLocated?: boolean
  bytesASecond?: number
  /** Part of the tests. */
  isShort?: boolean
}

const READERS: readonly Readers[] = [
  { turn: '100 readers', connections: 100, requests: 1, isShort: true },
  { turn: '400 readers', connections: 400, requests: 1 },
  { turn: '400 of located ranges', connections: 400, requests: 1, isLocated: true },
]

const PIPELINES: readonly Readers[] = [
  { turn: '64 pipelined', connections: 1, requests: 64, isShort: true },
  { turn: '20 × 20 pipelined', connections: 20, requests: 20 },
  { turn: '100 in JSON', connections: 100, requests: 1, accept: 'application/json' },
  { turn: '100 slow', connections: 100, requests: 1, bytesASecond: 1 },
]

async function attack(scene: Scene, broker: Target, readers: Readers): Promise<void> {
  const { turn, connections, requests, accept = BATCHES_TYPE, bytesASecond = 0 } = readers
  const raw = new RawConnections(broker.port)
  const fetchPath = `/topics/large/partitions/0/records?offset=0&maxBytes=${16 * MiB}`
  const path = readers.isLocated ? await locatedPath(broker.url, fetchPath) : fetchPath
  const request = requestHead('GET', path, { accept }).repeat(requests)
  try {
    await scene.watch(broker, { peakMb: PEAK_MB_MAX, turn }, async () => {
      const sockets = await raw.openMany(connections, false)
      for (const socket of sockets) socket.write(request)
      const reading = setInterval(() => {
        for (const socket of sockets) socket.read(bytesASecond)
      }, 1_000)
      if (bytesASecond === 0) clearInterval(reading)
      const startedMs = performance.now()
      const limitMs = startedMs + (scene.isShort ? 5_000 : CLOSED_MS_MAX + 5_000)
      let open = connections
      while (open > 0 && performance.now() < limitMs && broker.ended === undefined) {
        await sleep(500)
        open = openConnections(broker.port, raw.localPorts)
      }
      clearInterval(reading)
      const closedMs = performance.now() - startedMs
      // The test does not wait for a minute: memory is what it goes by.
      // Nor is one let go that the kernel has taken all of its answer from: a located range is so small.
      const bound = scene.isShort || readers.isLocated ? {} : { atMost: 0 }
      scene.report({ what: `still open after a minute, ${turn}`, value: open, unit: '', ...bound })
      scene.report({ what: `closed after, ${turn}`, value: closedMs / 1_000, unit: 's', isTimed: true })
    })
  } finally {
    raw.close()
  }
}

async function locatedPath(url: string, fetchPath: string): Promise<string> {
  const { text } = await call(`${url}${fetchPath}&locate=true`)
  const { ranges } = JSON.parse(text) as { ranges: { url: string }[] }
  return ranges[0]!.url
}
