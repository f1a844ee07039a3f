import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { toOffset } from '../../../src/core/numbers.ts'
import { openEmbedded } from '../../../src/embedded/embedded.ts'
import { batchOf, recordsIn } from '../../broker/harness.ts'
import { mountSmallDisk } from './disks.ts'

const WORKER = fileURLToPath(new URL('full-disk-worker.ts', import.meta.url))
/** In blocks of 1 KiB: enough to open a store, too little to fill it. */
const FILE_BLOCKS_MAX = 300

test('a full disk ends in errors, not in the end of the process, and loses nothing', {
  timeout: 180_000,
}, async () => {
  const directory = await mkdtemp(join(tmpdir(), 'tidemark-full-'))
  try {
    // A file that would outgrow the limit fails to be written (EFBIG), as on a full disk.
    const script = `trap "" XFSZ; ulimit -f ${FILE_BLOCKS_MAX}; exec "$0" "$@"`
    const { stdout } = await promisify(execFile)('bash', ['-c', script, process.execPath, WORKER, directory])
    const { acknowledged, errors } = JSON.parse(stdout) as { acknowledged: string[]; errors: string[] }
    expect(errors.length).toBeGreaterThan(0)
    expect(acknowledged.length).toBeGreaterThan(0)

    const { broker, verify, close } = await openEmbedded({ directory })
    for (const place of acknowledged) {
      const [partition, offset, round] = place.split('/').map(Number)
      const request = { topic: 'tides', partition: partition!, offset: toOffset(offset!), maxBytes: 1 }
      const [record] = recordsIn((await broker.fetch(request)).chunks)
      expect([record?.offset, record?.value.split(' ')[0]]).toEqual([offset, `${round}`])
    }
    for await (const finding of verify().findings) expect(finding.severity).not.toBe('error')
    await close()
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
})

const disk = await mountSmallDisk()
await disk?.remove()

describe.runIf(disk !== undefined)('a disk of its own', () => {
  test.each([
    ['small records, for the index', 1_000],
    ['large records, for objects', 100_000],
  ])('that is full is told at once, and told to be over, and loses nothing: %s', async (_, bytes) => {
    const disk = (await mountSmallDisk())!
    try {
      const directory = join(disk.path, 'store')
      const reported: unknown[] = []
      const { broker, health, close } = await openEmbedded({ directory, reportError: e => reported.push(e) })
      await broker.createTopic({ topic: 'tides' })
      const acknowledged = new Map<number, string>()
      let sent = 0
      const produce = async () => {
        sent += 1
        const value = `${sent} ${'x'.repeat(bytes)}`
        const batches = batchOf([value], { timestampMs: Date.now() })
        const { baseOffset } = await broker.produce({ topic: 'tides', partition: 0, batches })
        acknowledged.set(baseOffset, value)
      }
      for (let round = 0; round < 2; round += 1) {
        await produce()
        expect(await health?.look()).toBeUndefined()
        const filler = join(disk.path, 'filler')
        await writeFile(filler, Buffer.alloc(8_000_000)).catch(() => {})
        let failure: unknown
        let startMs = performance.now()
        for (let tries = 0; tries < 500 && failure === undefined; tries += 1) {
          startMs = performance.now()
          failure = await produce().catch(error => error)
        }
        expect(performance.now() - startMs).toBeLessThan(10_000)
        expect(failure).toMatchObject({
          kafkaName: 'KAFKA_STORAGE_ERROR',
          message: expect.stringContaining('the disk is full: make room'),
        })
        expect(await health?.look()).toContain('the disk is full: make room')
        await rm(filler)
        await expect.poll(() => health?.look(), { timeout: 20_000 }).toBeUndefined()
      }
      await produce()
      await close()

      const again = await openEmbedded({ directory })
      for (const [offset, value] of acknowledged) {
        const request = { topic: 'tides', partition: 0, offset: toOffset(offset), maxBytes: 1 }
        const [record] = recordsIn((await again.broker.fetch(request)).chunks)
        expect([record?.offset, record?.value]).toEqual([offset, value])
      }
      for await (const finding of again.verify().findings) expect(finding.severity).not.toBe('error')
      await again.close()
    } finally {
      await disk.remove()
    }
  })
})
