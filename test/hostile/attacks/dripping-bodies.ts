import { Agent } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Target } from '../broker-process.ts'
import { type Answer, BATCHES_TYPE, callJson, countStatuses, createTopic } from '../http-calls.ts'
import { RawConnections, requestHead } from '../raw-connections.ts'
import type { Attack, Scene } from '../scene.ts'

const MiB = 1024 * 1024
const BODY_BYTES = 8 * MiB
const PEAK_MB_MAX = 400
const MEMBERS = 64

export const drippingBodies: Attack = {
  name: 'dripping-bodies',
  about:
    'bodies that are announced large and arrive a byte at a time, while members send heartbeats and producers write',
  async run(scene) {
    const broker = await scene.start()
    await createTopic(broker.url, 'tides', { partitions: 4 })
    await attack(scene, broker, { turn: '8 announced', connections: 8, framing: 'length', at: 0 })
    await attack(scene, broker, { turn: '200 in chunks', connections: 200, framing: 'chunks', at: 0 })
    if (scene.isShort) return
    await attack(scene, broker, { turn: '500 announced', connections: 500, framing: 'length', at: 0 })
    await attack(scene, broker, {
      turn: '8 nearly whole',
      connections: 8,
      framing: 'length',
      at: BODY_BYTES - 1_000,
    })
    await attack(scene, broker, {
      turn: '40 nearly whole',
      connections: 40,
      framing: 'chunks',
      at: BODY_BYTES - 1_000,
    })
  },
}

interface Drippers {
  turn: string
  connections: number
  framing: 'length' | 'chunks'
  /** Bytes that come at once, before the rest drips. */
  at: number
}

async function attack(scene: Scene, broker: Target, drippers: Drippers): Promise<void> {
  const { turn, connections, framing, at } = drippers
  const raw = new RawConnections(broker.port)
  const seconds = scene.sized(Math.max(10, scene.settings.seconds), 4)
  const head = requestHead('POST', '/topics/tides/records?partition=0', {
    'content-type': BATCHES_TYPE,
    ...(framing === 'length' ? { 'content-length': BODY_BYTES } : { 'transfer-encoding': 'chunked' }),
  })
  const piece = (bytes: number) => {
    const filled = Buffer.alloc(bytes)
    return framing === 'length'
      ? filled
      : Buffer.concat([Buffer.from(`${bytes.toString(16)}\r\n`), filled, CRLF])
  }
  try {
    await scene.watch(broker, { peakMb: PEAK_MB_MAX, turn }, async () => {
      const sockets = await raw.openMany(connections, true)
      for (const socket of sockets) {
        socket.write(head)
        if (at > 0) socket.write(piece(at))
      }
      const dripping = setInterval(() => {
        for (const socket of sockets) if (socket.writable) socket.write(piece(1))
      }, 100)
      // So that all of them have taken whatever room they take.
      await sleep(500)
      const { heartbeats, commits, produces } = await work(broker.url, turn, seconds)
      clearInterval(dripping)
      tellRefused(scene, `heartbeats refused, ${turn}`, heartbeats)
      tellRefused(scene, `commits refused, ${turn}`, commits)
      tellRefused(scene, `small produces refused, ${turn}`, produces)
      scene.report({ what: `drippers let go, ${turn}`, value: raw.broken, unit: '' })
    })
  } finally {
    raw.close()
  }
}

const CRLF = Buffer.from('\r\n')

/** What honest clients do meanwhile. */
async function work(url: string, turn: string, seconds: number) {
  const agent = new Agent({ keepAlive: true, maxSockets: 32 })
  const limitMs = performance.now() + seconds * 1_000
  const group = `group-${turn.replaceAll(' ', '-')}`
  const produces: Answer[] = []
  const producing = (async () => {
    while (performance.now() < limitMs) {
      const records = [{ value: 'ebb' }, { value: 'flow' }]
      produces.push(await callJson(`${url}/topics/tides/records`, { records }, { agent }))
      await sleep(50)
    }
  })()
  const heartbeats: Answer[] = []
  const commits: Answer[] = []
  // Each member joins a group of its own, so that none has to wait for another.
  for (let round = 0; round < 2; round++) {
    const members = Array.from({ length: MEMBERS / 2 }, (_, index) => `${group}-${round}-${index}`)
    await Promise.all(
      members.map(async groupId => {
        const join = { memberId: groupId, memberEpoch: 0, topics: ['tides'], owned: [] }
        heartbeats.push(await callJson(`${url}/groups/${groupId}/heartbeat`, join, { agent }))
        const offsets = [{ topic: 'tides', partition: 0, offset: 0 }]
        commits.push(await callJson(`${url}/groups/free-${groupId}/offsets`, { offsets }, { agent }))
      }),
    )
  }
  await producing
  agent.destroy()
  return { heartbeats, commits, produces }
}

function tellRefused(scene: Scene, what: string, answers: readonly Answer[]): void {
  const refused = answers.filter(({ status }) => status !== 200)
  scene.report({ what, value: refused.length, unit: '', atMost: 0 })
  if (refused.length === 0) return
  const counts = [...countStatuses(answers)].map(([status, count]) => `${count} × ${status}`)
  scene.tell(`${what}: ${counts.join(', ')}; ${refused[0]!.error ?? refused[0]!.text.slice(0, 300)}`)
}
