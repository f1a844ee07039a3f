/** Where `tidemark dev` serves Kafka's clients, and what it does where it cannot. */
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { runTidemark, spawnTidemark, whenListening } from '../cli/tidemark-process.ts'

async function devWords(...more: string[]) {
  const directory = await mkdtemp(join(tmpdir(), 'tidemark-kafka-port-'))
  onTestFinished(() => rm(directory, { recursive: true }))
  return ['dev', '--dir', join(directory, 'store'), '--http', '127.0.0.1:0', ...more]
}

/** Listens on a port, or finds that somebody does already. */
async function occupy(port: number): Promise<number> {
  const server = createServer()
  server.listen(port, '127.0.0.1')
  await once(server, 'listening').catch(() => {})
  onTestFinished(() => void server.close())
  return (server.address() as AddressInfo | null)?.port ?? port
}

test('it goes on without Kafka where its port is in use and nobody asked for it, and says what to do', async () => {
  await occupy(9092)
  const dev = await whenListening(spawnTidemark(await devWords()))
  await expect.poll(dev.stderr).toContain("Kafka's clients are not served: port 9092 on 127.0.0.1 is in use.")
  expect(await dev.end('SIGTERM')).toBe(0)
})

test('it ends where the port is in use that it was told', async () => {
  const port = await occupy(0)
  const { exitCode, stderr } = await runTidemark(await devWords('--kafka', String(port)))
  expect([exitCode, stderr]).toEqual([1, expect.stringContaining(`Port ${port} on 127.0.0.1 is in use`)])
})

test('a token that is asked for is no open door for clients that cannot show one', async () => {
  const words = await devWords('--token', 'secret')
  const asked = await runTidemark([...words, '--kafka', '127.0.0.1:0'])
  expect([asked.exitCode, asked.stderr]).toEqual([2, expect.stringContaining('--kafka-users FILE')])
  const dev = await whenListening(spawnTidemark(words))
  await expect.poll(dev.stderr).toContain("Kafka's clients are not served: they show no token.")
  expect(await dev.end('SIGTERM')).toBe(0)
})
