import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { openEmbedded } from '../../src/embedded/embedded.ts'
import { readAll } from '../broker/harness.ts'

const WORKER = fileURLToPath(new URL('sixteen-writers-worker.ts', import.meta.url))
const WRITERS = 16
const BATCHES = 100

interface Acknowledged {
  readonly writer: number
  readonly batch: number
  readonly baseOffset: number
  readonly records: number
}

async function runWriter(directory: string, writer: number): Promise<Acknowledged[]> {
  const child = spawn(process.execPath, [WORKER, directory, String(writer), String(BATCHES)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = new Promise<number | null>(resolve => child.on('exit', resolve))
  let printed = ''
  for await (const part of child.stdout) printed += part
  expect(await ended).toBe(0)
  return printed
    .trim()
    .split('\n')
    .map(line => {
      const [batch, baseOffset, records] = line.split(' ').map(Number)
      return { writer, batch: batch!, baseOffset: baseOffset!, records: records! }
    })
}

test('sixteen processes append to one partition at the same time: no record lost, doubled or misplaced', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'tidemark-sixteen-'))
  const before = await openEmbedded({ directory })
  await before.broker.createTopic({ topic: 'shared' })
  await before.close()

  const acknowledged = (
    await Promise.all(Array.from({ length: WRITERS }, (_, writer) => runWriter(directory, writer)))
  ).flat()
  expect(acknowledged).toHaveLength(WRITERS * BATCHES)

  const { broker, verify, close } = await openEmbedded({ directory })
  try {
    const read = await readAll(broker, { topic: 'shared', partition: 0, maxBytes: 1_000_000 })
    const total = acknowledged.reduce((sum, { records }) => sum + records, 0)
    expect(read.length).toBe(total)
    expect(read.every(({ offset }, index) => offset === index)).toBe(true)
    expect(new Set(read.map(({ value }) => value)).size).toBe(total)

    // What a producer was told is where its records are.
    for (const { writer, batch, baseOffset, records } of acknowledged) {
      for (let record = 0; record < records; record += 1) {
        expect(read[baseOffset + record]?.value).toBe(`${writer}:${batch}:${record}`)
      }
    }

    // And what one writer produced one call after the other stands in that order.
    for (let writer = 0; writer < WRITERS; writer += 1) {
      const own = read.filter(({ value }) => value.startsWith(`${writer}:`)).map(({ value }) => value)
      const inOrder = own.toSorted((left, right) => {
        const [, leftBatch, leftRecord] = left.split(':').map(Number)
        const [, rightBatch, rightRecord] = right.split(':').map(Number)
        return leftBatch! - rightBatch! || leftRecord! - rightRecord!
      })
      expect(own).toEqual(inOrder)
    }

    const { findings, summary } = verify()
    const errors: string[] = []
    for await (const { severity, place, problem } of findings) {
      if (severity === 'error') errors.push(`${place}: ${problem}`)
    }
    expect(errors).toEqual([])
    expect(summary.records).toBe(total)
  } finally {
    await close()
    await rm(directory, { recursive: true, force: true })
  }
})
