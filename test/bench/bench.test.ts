import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import type { Measurement } from '../../bench/workload.ts'

test('the benchmark runs, and counts what it says', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'tidemark-bench-'))
  try {
    const main = join(import.meta.dirname, '../../bench/main.ts')
    const { stdout } = await promisify(execFile)(process.execPath, [
      main,
      '--records',
      '20000',
      '--directory',
      directory,
    ])
    expect(stdout).toContain('records/s')
    const results = JSON.parse(await readFile(join(directory, 'results.json'), 'utf8'))
    const measurements: Measurement[] = results.measurements
    expect(measurements.map(({ records }) => records)).toEqual([
      2_000, 2_000, 2_000, 20_000, 20_000, 20_000, 20_000, 20_000, 20_000,
    ])
    // A batch's header and its records' fields alone take this much.
    const batchesOf50 = measurements.find(({ name }) => name.startsWith('produce, batch 50'))
    expect(batchesOf50?.bytesBeyondPayload).toBeGreaterThan(10.2)
    expect(batchesOf50?.perMillionRecords.dollars).toBeGreaterThan(0)
  } finally {
    await rm(directory, { recursive: true })
  }
})
