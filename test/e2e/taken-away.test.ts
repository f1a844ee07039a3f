import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { runTidemark, startDev } from '../cli/tidemark-process.ts'

test('a directory that is removed under dev: producing fails, health says no, the terminal says so, reading goes on', async () => {
  const around = await mkdtemp(join(tmpdir(), 'tidemark-away-'))
  const directory = join(around, 'store')
  const dev = await startDev(directory)
  try {
    const environment = { TIDEMARK_BROKER: dev.url }
    await runTidemark(['topic', 'create', 'tides'], { environment })
    expect(await runTidemark(['produce', 'tides'], { input: 'ebb\n', environment })).toMatchObject({
      exitCode: 0,
    })
    expect((await fetch(`${dev.url}/health`)).status).toBe(200)

    await rm(directory, { recursive: true })
    const answer = await fetch(`${dev.url}/topics/tides/records`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ records: [{ value: 'flow' }] }),
    })
    expect(answer.status).toBe(503)
    expect(await answer.json()).toMatchObject({
      kafkaError: 'KAFKA_STORAGE_ERROR',
      // Where it went while the last look at the directory was still fresh, the record was written, and is lost.
      written: expect.stringMatching(/^(?:no|unknown)$/),
      detail: expect.stringContaining(`${directory} was taken away`),
    })
    const health = await fetch(`${dev.url}/health`)
    expect(health.status).toBe(503)
    expect(await health.json()).toMatchObject({ detail: expect.stringContaining('taken away') })
    await expect.poll(dev.stderr, { timeout: 10_000 }).toContain('trouble with the store: the store in')
    const read = await runTidemark(['consume', 'tides', '--from', 'earliest', '--exit-at-end'], {
      environment,
    })
    expect(`${read.stdout}`).toContain('ebb')
    expect(existsSync(directory)).toBe(false)
  } finally {
    await dev.end('SIGTERM')
    await rm(around, { recursive: true, force: true })
  }
  // Told in lines, not in stacks.
  expect(dev.stderr()).not.toMatch(/^ +at /m)
  expect(existsSync(directory)).toBe(false)
})
