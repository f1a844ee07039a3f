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

/** What a writer was told; with `killAfter`, up to when it is killed, which is after so many answers. */
async function runWriter(directory: string, writer: number, killAfter?: number): Promise<Acknowledged[]> {
  const child = spawn(process.execPath, [WORKER, directory, String(writer), String(BATCHES)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = new Promise<number | null>(resolve => child.on('exit', resolve))
  let printed = ''
  child.stdout.on('data', part => {
    printed += part
    if (killAfter !== undefined && printed.split('\n').length > killAfter) child.kill('SIGKILL')
  })
  const drained = new Promise(resolve => child.stdout.on('close', resolve))
  const exitCode = await ended
  if (killAfter === undefined) expect(exitCode).toBe(0)
  await drained
  // The last line may have been cut off.
  return printed
    .split('\n')
    .slice(0, -1)
    .map(line => {
      const [batch, baseOffset, records] = line.split(' ').map(Number)
      return { writer, batch: batch!, baseOffset: baseOffset!, records: records! }
    })
}

async function freshStore(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'tidemark-sixteen-'))
  const { broker, close } = await openEmbedded({ directory })
  await broker.createTopic({ topic: 'shared' })
  await close()
  return directory
}

/** Reads the whole log and checks what was acknowledged against it; tells how many records there are. */
async function checkLog(directory: string, acknowledged: readonly Acknowledged[]): Promise<number> {
  const { broker, verify, close } = await openEmbedded({ directory })
  try {
    const read = await readAll(broker, { topic: 'shared', partition: 0, maxBytes: 1_000_000 })
    expect(read.every(({ offset }, index) => offset === index)).toBe(true)
    expect(new Set(read.map(({ value }) => value)).size).toBe(read.length)

    // What a producer was told is where its records are.
    for (const { writer, batch, baseOffset, records } of acknowledged) {
      for (let record = 0; record < records; record += 1) {
        expect(read[baseOffset + record]?.value).toBe(`${writer}:${batch}:${record}`)
      }
    }

    // And what one writer produced, one call after the other, stands in that order.
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
    expect(summary.records).toBe(read.length)
    return read.length
  } finally {
    await close()
    await rm(directory, { recursive: true, force: true })
  }
}

const spanOf = (acknowledged: readonly Acknowledged[]) =>
  acknowledged.reduce((sum, { records }) => sum + records, 0)

test('sixteen processes append to one partition at the same time: no record lost, doubled or misplaced', {
  timeout: 180_000,
}, async () => {
  const directory = await freshStore()
  const writers = Array.from({ length: WRITERS }, (_, writer) => runWriter(directory, writer))
  const acknowledged = (await Promise.all(writers)).flat()
  expect(acknowledged).toHaveLength(WRITERS * BATCHES)
  expect(await checkLog(directory, acknowledged)).toBe(spanOf(acknowledged))
})

test('half of them are killed while they write: the others go on, and what was acknowledged is there', {
  timeout: 180_000,
}, async () => {
  const directory = await freshStore()
  const writers = Array.from({ length: WRITERS }, (_, writer) =>
    runWriter(directory, writer, writer % 2 ? 5 + writer * 3 : undefined),
  )
  const acknowledged = (await Promise.all(writers)).flat()
  expect(acknowledged.length).toBeGreaterThanOrEqual((WRITERS / 2) * BATCHES)
  // Of a batch in flight nobody knows.
  expect(await checkLog(directory, acknowledged)).toBeGreaterThanOrEqual(spanOf(acknowledged))
})
