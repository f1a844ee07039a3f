/** `tidemark gateway` on a directory, with a client that knows nothing of it. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { throughKafka, throughKcat } from '../cli/through-kafka.ts'
import { runTidemark, startGatewayProcess } from '../cli/tidemark-process.ts'

test("what Kafka's client writes through a gateway it reads, as a command does, and the store is sound", async () => {
  const folder = await mkdtemp(join(tmpdir(), 'tidemark-gateway-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const store = ['--dir', join(folder, 'store')]
  const gateway = await startGatewayProcess([...store, '--auto-create', '2'])
  const values = Array.from({ length: 1_000 }, (_, index) => `tide ${1_000 + index}`)
  expect(await throughKafka(gateway.url, 'tides', values)).toEqual(values)
  expect(throughKcat(gateway.url, 'by-kcat', values) ?? values).toEqual(values)
  expect(await gateway.end('SIGTERM')).toBe(0)
  expect(gateway.stderr()).not.toMatch(/failed|closed/)
  const { stdout } = await runTidemark([...store, 'consume', 'tides', '--exit-at-end'])
  expect(stdout.toString().trimEnd().split('\n').sort()).toEqual(values)
  expect(await runTidemark([...store, 'verify'])).toMatchObject({ exitCode: 0 })
})
