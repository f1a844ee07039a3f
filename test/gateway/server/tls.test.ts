import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type ConnectionOptions, connect } from 'node:tls'
import { expect, onTestFinished, test } from 'vitest'
import { GATEWAY_CLOSE_MS_MAX } from '../../../src/core/limits.ts'
import { TlsFiles } from '../../../src/embedded/tls-files.ts'
import { handler } from '../../../src/gateway/apis/handler.ts'
import { Metadata } from '../../../src/gateway/wire/messages/metadata.ts'
import { SELF_SIGNED, SELF_SIGNED_ANEW } from '../../client/self-signed.ts'
import { RawClient, startGateway, until } from './raw-client.ts'

const CLUSTER = { brokers: [], clusterId: 'tides', controllerId: 1, topics: [] }
const metadata = handler(Metadata, [0, 12], async () => CLUSTER)
const { cert, key } = SELF_SIGNED

async function tlsClient(port: number, options: ConnectionOptions = {}): Promise<RawClient> {
  const socket = connect({ port, host: '127.0.0.1', servername: 'localhost', ca: cert, ...options })
  onTestFinished(() => void socket.destroy())
  const raw = new RawClient(socket)
  await Promise.race([once(socket, 'secureConnect'), raw.ended()]).catch(() => {})
  return raw
}

test('clients are served over TLS, and the connection ends with the gateway', async () => {
  const { gateway, logged } = await startGateway([metadata], { tls: { cert, key } })
  const raw = await tlsClient(gateway.port)
  expect((await raw.roundTrip(Metadata, 12, { topics: null })).clusterId).toBe('tides')
  await gateway.close()
  await raw.ended()
  expect([gateway.connections, logged]).toEqual([0, []])
})

test('what is no TLS ends with a line', async () => {
  const { client, logged, gateway } = await startGateway([metadata], { tls: { cert, key } })
  const raw = await client()
  raw.ask(Metadata, 12, { topics: null })
  await raw.ended()
  expect(logged).toEqual([expect.stringMatching(/^127\.0\.0\.1:\d+: no TLS came of it: .*is closed$/)])
  expect(gateway.connections).toBe(0)
})

test('clients show a certificate, where they have to', async () => {
  const { gateway, logged } = await startGateway([metadata], { tls: { cert, key, clientCa: cert } })
  const stranger = await tlsClient(gateway.port)
  await stranger.ended()
  expect(logged).toEqual([expect.stringMatching(/no TLS came of it/)])
  const known = await tlsClient(gateway.port, { cert, key })
  expect((await known.roundTrip(Metadata, 12, { topics: null })).clusterId).toBe('tides')
})

test('a gateway that closes waits for nobody who has yet to speak TLS', async () => {
  const { gateway, client } = await startGateway([metadata], { tls: { cert, key } })
  const silent = await client()
  await until(() => gateway.connections === 1)
  const sinceMs = performance.now()
  await gateway.close()
  await silent.ended()
  expect(performance.now() - sinceMs).toBeLessThan(GATEWAY_CLOSE_MS_MAX / 2)
})

test('a certificate that is made anew is shown to those who come then, and one that is none is not', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'tidemark-tls-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const [certFile, keyFile] = [join(folder, 'cert.pem'), join(folder, 'key.pem')]
  const put = async (pair: { cert: string; key: string }) => {
    await writeFile(certFile, pair.cert)
    await writeFile(keyFile, pair.key)
  }
  await put(SELF_SIGNED)
  const files = new TlsFiles({ certFile, keyFile, clientCaFile: undefined })
  const { gateway } = await startGateway([metadata], { tls: await files.read() })
  const told: string[] = []
  const renew = () => files.renew(gateway, line => told.push(line))
  const before = await tlsClient(gateway.port)
  await renew()
  expect(told).toEqual([])
  // The half of it, as between two writes, and then the whole.
  await writeFile(certFile, SELF_SIGNED_ANEW.cert)
  await renew()
  await renew()
  expect(told.splice(0)).toEqual([expect.stringMatching(/^the certificate from before is still shown: /)])
  expect((await (await tlsClient(gateway.port)).roundTrip(Metadata, 12, { topics: null })).clusterId).toBe(
    'tides',
  )
  await put(SELF_SIGNED_ANEW)
  await renew()
  expect(told).toEqual([`the certificate in ${certFile} is shown from now on`])
  const stranger = await tlsClient(gateway.port)
  await stranger.ended()
  const after = await tlsClient(gateway.port, { ca: SELF_SIGNED_ANEW.cert })
  for (const raw of [before, after])
    expect((await raw.roundTrip(Metadata, 12, { topics: null })).clusterId).toBe('tides')
})
