import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const WORKER = fileURLToPath(new URL('few-files-worker.ts', import.meta.url))

test('a process without a file to spare is told by its health, until it has some', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'tidemark-few-'))
  try {
    const script = 'ulimit -n 64; exec "$0" "$@"'
    const { stdout } = await promisify(execFile)('bash', ['-c', script, process.execPath, WORKER, directory])
    expect(JSON.parse(stdout)).toEqual([
      null,
      expect.stringContaining('this process has as many files open as it may: raise the limit (ulimit -n)'),
      null,
    ])
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
})
