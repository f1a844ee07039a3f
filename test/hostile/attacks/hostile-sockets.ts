import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { WebSocket } from 'ws'
import type { Target } from '../broker-process.ts'
import { Chance } from '../fuzz/chance.ts'
import { createTopic } from '../http-calls.ts'
import type { Attack, Scene } from '../scene.ts'

const PEAK_MB_MAX = 400
const TOPICS = 10
/** Sockets at a time. */
const WAVE = 100
const OVERSIZED = 'x'.repeat(64 * 1024)
/** A frame of a client: a ping without a payload, and a text that says hello. Masked with zeros. */
const PING = Buffer.from([0x89, 0x80, 0, 0, 0, 0])

export const hostileSockets: Attack = {
  name: 'hostile-sockets',
  about: 'strangers, nonsense, ten thousand armings, forged tickets, and readers that never read, on sockets',
  async run(scene) {
    const broker = await scene.start()
    const url = `${broker.url.replace('http', 'ws')}/waking`
    const partitions = scene.sized(1_000, 100)
    for (let topic = 0; topic < TOPICS; topic++) await createTopic(broker.url, `t${topic}`, { partitions })
    await scene.watch(broker, { peakMb: PEAK_MB_MAX }, async () => {
      await strangers(scene, url)
      await nonsense(scene, url)
      await armings(scene, broker, url, partitions)
      await forgeries(scene, broker)
      await unread(scene, broker)
    })
    await sleep(2_000)
    scene.report({
      what: 'memory 2 s after',
      value: broker.figures.residentMb,
      unit: 'MB',
      atMost: PEAK_MB_MAX * (scene.isShort ? 2 : 1),
    })
  },
}

/** From pages of others: none gets in. */
async function strangers(scene: Scene, url: string): Promise<void> {
  const count = scene.sized(5_000, 200)
  let refused = 0
  for (let wave = 0; wave < count; wave += WAVE) {
    await Promise.all(
      Array.from({ length: WAVE }, async () => {
        const socket = new WebSocket(url, { origin: 'https://evil.example' })
        socket.on('error', () => {})
        const [, answer] = (await once(socket, 'unexpected-response')) as [unknown, IncomingMessage]
        if (answer.statusCode === 403) refused += 1
        socket.terminate()
      }),
    )
  }
  scene.report({ what: 'strangers refused', value: refused, unit: '', atLeast: count })
}

/** Each is told, and closed. */
async function nonsense(scene: Scene, url: string): Promise<void> {
  const count = scene.sized(5_000, 300)
  const chance = new Chance(scene.settings.seed)
  const codes = new Map<number, number>()
  for (let wave = 0; wave < count; wave += WAVE) {
    await Promise.all(
      Array.from({ length: WAVE }, async () => {
        const socket = new WebSocket(url)
        socket.on('error', () => {})
        const closed = once(socket, 'close') as Promise<[number]>
        await once(socket, 'open')
        const kind = chance.below(4)
        if (kind === 0) socket.send(OVERSIZED)
        else if (kind === 1) socket.send(Buffer.from([0xff, 0xfe]), { binary: false })
        else if (kind === 2) socket.send('{"type":"arm","partitions":[1,2,3]}')
        else for (let sent = 0; sent < 50; sent++) socket.send('{"type":"ping"}')
        const [code] = await closed
        codes.set(code, (codes.get(code) ?? 0) + 1)
      }),
    )
  }
  const clear = [1007, 1008, 1009, 4400].reduce((sum, code) => sum + (codes.get(code) ?? 0), 0)
  scene.tell(`closed with ${JSON.stringify(Object.fromEntries(codes))}`)
  scene.report({ what: 'nonsense closed with the reason', value: clear, unit: '', atLeast: count })
}

async function ticketOn(socket: WebSocket): Promise<string> {
  if (socket.readyState !== WebSocket.OPEN) await once(socket, 'open')
  socket.send('{"type":"hello"}')
  const [data] = (await once(socket, 'message')) as [Buffer]
  return JSON.parse(String(data)).ticket
}

async function armedBy(broker: Target, topic: number, partitions: number, listener: string): Promise<string> {
  const asked = Array.from({ length: partitions }, (_, partition) => ({ partition, offset: 0, arm: true }))
  const response = await fetch(`${broker.url}/topics/t${topic}/fetch`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ partitions: asked, listener }),
  })
  await response.arrayBuffer()
  return response.headers.get('tidemark-armed') ?? ''
}

/** All partitions there are, by one socket, again and again: as many as a socket may have. */
async function armings(scene: Scene, broker: Target, url: string, partitions: number): Promise<void> {
  const socket = new WebSocket(url)
  const ticket = await ticketOn(socket)
  let armed = 0
  for (let round = 0; round < 3; round++) {
    for (let topic = 0; topic < TOPICS; topic++) {
      if ((await armedBy(broker, topic, partitions, ticket)) === 'all') armed += partitions
    }
  }
  scene.report({ what: 'armings', value: armed, unit: '', atLeast: 3 * TOPICS * partitions })
  let woken = 0
  const all = new Promise<void>(resolve => {
    socket.on('message', data => {
      const { type, partitions: told = [] } = JSON.parse(String(data))
      if (type === 'wake') woken += told.length
      if (woken >= TOPICS) resolve()
    })
  })
  for (let topic = 0; topic < TOPICS; topic++) await append(broker, topic)
  await Promise.race([all, sleep(10_000)])
  scene.report({ what: 'woken once each', value: woken, unit: '', atLeast: TOPICS, atMost: TOPICS })
  socket.terminate()
}

async function append(broker: Target, topic: number): Promise<void> {
  const response = await fetch(`${broker.url}/topics/t${topic}/records`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ records: [{ value: 'ebb', partition: 0 }] }),
  })
  await response.arrayBuffer()
}

/** Answered as fetches, and armed by none. */
async function forgeries(scene: Scene, broker: Target): Promise<void> {
  const count = scene.sized(2_000, 100)
  const chance = new Chance(scene.settings.seed)
  let told = 0
  for (let sent = 0; sent < count; sent++) {
    const forged = `MQ.${Date.now().toString(36)}.${'A'.repeat(23)}${'ABCDEFGH'[chance.below(8)]}`
    if ((await armedBy(broker, sent % TOPICS, 3, forged)) === 'forged') told += 1
  }
  scene.report({ what: 'forged tickets told so', value: told, unit: '', atLeast: count })
}

/** They ask on and on, and read nothing of what is answered. */
async function unread(scene: Scene, broker: Target): Promise<void> {
  const sockets = await Promise.all(Array.from({ length: scene.sized(200, 20) }, () => openUnread(broker)))
  const flood = Buffer.concat(Array.from({ length: 1_000 }, () => PING))
  let ended = 0
  for (const socket of sockets) {
    socket.on('error', () => {})
    socket.once('close', () => {
      ended += 1
    })
  }
  for (let round = 0; round < 20 && ended < sockets.length; round++) {
    for (const socket of sockets) if (socket.writable) socket.write(flood)
    await sleep(250)
  }
  scene.report({ what: 'readers that never read, dropped', value: ended, unit: '', atLeast: sockets.length })
  for (const socket of sockets) socket.destroy()
}

async function openUnread(broker: Target): Promise<Socket> {
  const socket = connect(broker.port, '127.0.0.1')
  await once(socket, 'connect')
  socket.write(
    'GET /waking HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
      'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
  )
  await once(socket, 'data')
  socket.pause()
  return socket
}
