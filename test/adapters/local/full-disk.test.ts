import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { toOffset } from '../../../src/core/numbers.ts'
import { openEmbedded } from '../../../src/embedded/embedded.ts'
import { recordsIn } from '../../broker/harness.ts'

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
