import { setTimeout as sleep } from 'node:timers/promises'
import type { Target } from '../broker-process.ts'
import { createTopic } from '../http-calls.ts'
import { openConnections } from '../process-figures.ts'
import { RawConnections, requestHead } from '../raw-connections.ts'
import type { Attack, Scene } from '../scene.ts'

const PEAK_MB_MAX = 300
/** A head is whole within 20 s, and the server looks once a second. */
const HEADERS_MS_MAX = 25_000
/** Only against a hang. */
const PATIENCE_MS = 20_000

export const slowRequests: Attack = {
  name: 'slow-requests',
  about: 'heads that never end, connections that are half open, and heads that are far too large',
  async run(scene) {
    const broker = await scene.start()
    await createTopic(broker.url, 'tides')
    await dripHeads(scene, broker)
    await halfOpen(scene, broker)
    await hugeHeads(scene, broker)
  },
}

async function dripHeads(scene: Scene, broker: Target): Promise<void> {
  const connections = scene.sized(1_000, 200)
  const raw = new RawConnections(broker.port)
  try {
    const turn = `${connections} endless heads`
    await scene.watch(broker, { peakMb: PEAK_MB_MAX, turn }, async () => {
      const sockets = await raw.openMany(connections, true)
      for (const [index, socket] of sockets.entries()) {
        // A third says nothing at all.
        if (index % 3 > 0) socket.write('GET /topics HTTP/1.1\r\nhost: 127.0.0.1\r\n')
      }
      const dripping = setInterval(() => {
        for (const [index, socket] of sockets.entries())
          if (index % 3 > 1 && socket.writable) socket.write('x: y\r\n')
      }, 500)
      await sleep(scene.sized(HEADERS_MS_MAX, 1_000))
      clearInterval(dripping)
      const open = openConnections(broker.port, raw.localPorts)
      const bound = scene.isShort ? {} : { atMost: 0 }
      scene.report({ what: `open after 25 s, ${turn}`, value: open, unit: '', ...bound })
    })
  } finally {
    raw.close()
  }
}

/** Clients that close their side once they have asked still get their answer. */
async function halfOpen(scene: Scene, broker: Target): Promise<void> {
  const connections = scene.sized(500, 100)
  const raw = new RawConnections(broker.port)
  try {
    await scene.watch(broker, { peakMb: PEAK_MB_MAX, turn: `${connections} half open` }, async () => {
      let answered = 0
      const sockets = await raw.openMany(connections, true)
      for (const [index, socket] of sockets.entries()) {
        socket.once('data', chunk => {
          if (chunk.toString('latin1').startsWith('HTTP/1.1 200')) answered++
        })
        if (index % 2 === 0) socket.end(requestHead('GET', '/topics'))
        else socket.end(`${requestHead('POST', '/topics', { 'content-length': 1_000 })}{"topic"`)
      }
      const limitMs = performance.now() + PATIENCE_MS
      let open = connections
      while (open > 0 && performance.now() < limitMs) {
        await sleep(100)
        open = openConnections(broker.port, raw.localPorts)
      }
      scene.report({
        what: 'answers to those that asked in full',
        value: answered,
        unit: '',
        atLeast: connections / 2,
      })
      scene.report({ what: 'half open connections that are kept', value: open, unit: '', atMost: 0 })
    })
  } finally {
    raw.close()
  }
}

async function hugeHeads(scene: Scene, broker: Target): Promise<void> {
  const heads = [
    requestHead('GET', `/topics/${'a'.repeat(1_000_000)}`),
    requestHead('GET', '/topics', { cookie: 'a'.repeat(10_000_000) }),
    requestHead(
      'GET',
      '/topics',
      Object.fromEntries(Array.from({ length: 20_000 }, (_, at) => [`x-${at}`, at])),
    ),
    `GET /topics HTTP/1.1\r\nhost: 127.0.0.1\r\n${'a'.repeat(5_000_000)}`,
  ]
  const raw = new RawConnections(broker.port)
  let refused = 0
  try {
    await scene.watch(broker, { peakMb: PEAK_MB_MAX, turn: '40 huge heads' }, async () => {
      const sockets = await raw.openMany(40, true)
      for (const [index, socket] of sockets.entries()) {
        socket.once('data', chunk => {
          if (chunk.toString('latin1').startsWith('HTTP/1.1 431')) refused++
        })
        socket.write(heads[index % heads.length]!)
      }
      await sleep(scene.sized(2_000, 1_000))
    })
    const open = openConnections(broker.port, raw.localPorts)
    scene.report({ what: 'huge heads answered with 431', value: refused, unit: '' })
    scene.report({ what: 'huge heads whose connection is kept', value: open, unit: '', atMost: 0 })
  } finally {
    raw.close()
  }
}
