/** Consumers of a group that are woken over a network that cuts what it likes. */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import { HttpBroker } from '../../src/client/http-broker.ts'
import { Tidemark } from '../../src/client/sdk/tidemark.ts'
import { createHttpApp } from '../../src/contract/http/app.ts'
import { openInMemory } from '../../src/embedded/embedded.ts'
import { startHttpServer } from '../../src/embedded/http-server.ts'
import { openListeners } from '../../src/embedded/waking/open-listeners.ts'
import { seededRandom } from '../cli/seeded-random.ts'

const RECORDS = 150
const PARTITIONS = 12

/** A network in front of a port: each connection that it has can be cut. */
async function openNetwork(port: number) {
  const open = new Set<Socket>()
  const server = createServer(client => {
    const broker = connect(port, '127.0.0.1')
    for (const [one, other] of [
      [client, broker],
      [broker, client],
    ] as const) {
      open.add(one)
      one.on('error', () => {})
      one.on('close', () => {
        open.delete(one)
        other.destroy()
      })
      one.pipe(other)
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(async () => {
    for (const socket of open) socket.destroy()
    await new Promise(resolve => server.close(resolve))
  })
  return { port: (server.address() as AddressInfo).port, open }
}

test('three members are woken for every record, however often their connections are cut', async () => {
  const random = seededRandom(7)
  const store = openInMemory()
  const waking = openListeners(store)
  const app = createHttpApp({ broker: store.broker, waking, logger: { error: () => {} } })
  const server = await startHttpServer(app, { port: 0, listeners: waking })
  onTestFinished(() => store.close())
  onTestFinished(() => server.close())
  const network = await openNetwork(server.port)
  await store.broker.createTopic({ topic: 'tides', partitions: PARTITIONS })

  const got = new Set<string>()
  let wokenTimes = 0
  const url = `http://127.0.0.1:${network.port}`
  for (let member = 0; member < 3; member++) {
    const tidemark = new Tidemark({ broker: new HttpBroker({ url }), clientId: `member-${member}` })
    const consumer = tidemark.consumer({ groupId: 'harbour', maxWaitTimeInMs: 200 })
    // What is cut fails, and is tried again: nobody need read of it here.
    consumer.on('consumer.crash', () => {})
    consumer.on('consumer.waiting', ({ payload }) => {
      if (payload.how === 'woken') wokenTimes += 1
    })
    await consumer.subscribe({ topic: 'tides', fromBeginning: true })
    await consumer.run({ eachMessage: async ({ message }) => void got.add(String(message.value)) })
    onTestFinished(() => consumer.disconnect())
  }
  await expect.poll(() => wokenTimes, { timeout: 60_000 }).toBeGreaterThanOrEqual(3)

  const producer = new Tidemark({ broker: store.broker, clientId: 'writer' }).producer()
  for (let record = 0; record < RECORDS; record++) {
    await producer.send({
      topic: 'tides',
      messages: [{ value: String(record), partition: record % PARTITIONS }],
    })
    if (random() < 0.2) for (const socket of network.open) if (random() < 0.3) socket.destroy()
    if (random() < 0.3) await sleep(20)
  }
  await expect.poll(() => got.size, { timeout: 60_000 }).toBe(RECORDS)
  // Some sockets were among what was cut, and there are others by now.
  await expect.poll(() => wokenTimes, { timeout: 60_000 }).toBeGreaterThan(3)
}, 150_000)
