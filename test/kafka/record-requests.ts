/**
 * Writes down what real clients send: runs the tests of test/kafka-clients against Apache Kafka, behind a proxy that keeps the first
 * request of each client, API and version. `node test/kafka/record-requests.ts [kcat java …]`; needs what those tests need.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { APIS } from '../../src/gateway/wire/apis.ts'
import { CLIENT_REQUESTS, clientRequests } from '../gateway/wire/client-requests.ts'
import { KafkaProcess } from './kafka-process.ts'

const CLIENTS = [
  'kcat',
  'confluent-kafka',
  'kafka-python',
  'kafkajs',
  'platformatic',
  'java',
  'java-tools',
  'franz-go',
]
/** Larger ones have only more records. */
const FRAME_BYTES_MAX = 2_000
const ROOT = join(import.meta.dirname, '../..')

let client = ''
/** What was recorded before of clients that are not asked for stays. */
const asked = process.argv.length > 2 ? process.argv.slice(2) : CLIENTS
const recorded = new Map(
  clientRequests()
    .filter(request => !asked.includes(request.client))
    .map(({ client, api, version, hex }) => [`${client} ${api} ${version}`, hex]),
)

function record(frame: Buffer): void {
  const api = APIS.get(frame.readInt16BE(0))
  const version = frame.readInt16BE(2)
  const name = `${client} ${api?.name ?? frame.readInt16BE(0)} ${version}`
  if (frame.length <= FRAME_BYTES_MAX && !recorded.has(name)) recorded.set(name, frame.toString('hex'))
}

/** Tells each frame that goes one way. */
function watch(socket: Socket): void {
  let received: Buffer = Buffer.alloc(0)
  socket.on('data', data => {
    received = Buffer.concat([received, data])
    while (received.length >= 4 && received.length >= 4 + received.readInt32BE(0)) {
      const end = 4 + received.readInt32BE(0)
      record(received.subarray(4, end))
      received = received.subarray(end)
    }
  })
}

let brokerPort = 0
const proxy = createServer(socket => {
  const broker = connect(brokerPort, '127.0.0.1')
  watch(socket)
  socket.pipe(broker).pipe(socket)
  for (const end of [socket, broker]) end.on('error', () => {})
})
proxy.listen(0, '127.0.0.1')
await once(proxy, 'listening')
const { port } = proxy.address() as { port: number }
const kafka = await KafkaProcess.start({
  'advertised.listeners': `PLAINTEXT://127.0.0.1:${port}`,
  'auto.create.topics.enable': 'false',
})
brokerPort = Number(kafka.bootstrap.split(':')[1])
try {
  for (const name of asked) {
    client = name
    const args = [
      'node_modules/vitest/vitest.mjs',
      'run',
      '--project',
      'long',
      `test/kafka-clients/${name}.test.ts`,
    ]
    const env = { ...process.env, KAFKA_BROKER: `127.0.0.1:${port}` }
    const [code] = await once(spawn(process.execPath, args, { cwd: ROOT, env, stdio: 'inherit' }), 'exit')
    console.log(`${name}: ${recorded.size} requests in all, exit code ${code}`)
  }
} finally {
  await kafka.stop()
  proxy.close()
}
const lines = [...recorded].map(([name, hex]) => `${name} ${hex}\n`)
writeFileSync(CLIENT_REQUESTS, lines.sort().join(''))
process.exit()
