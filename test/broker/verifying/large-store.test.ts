import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const run = promisify(execFile)
const WORKER = fileURLToPath(new URL('./large-store-worker.ts', import.meta.url))
/** What Node and the program take by themselves is half of it. */
const HEAP_MIB = 36

test('a look at a store takes no more memory the more there is in it', { timeout: 120_000 }, async () => {
  const [entries, objects] = [100_000, 500_000]
  const options = [`--max-old-space-size=${HEAP_MIB}`, WORKER, String(entries), String(objects)]
  const { stdout } = await run(process.execPath, options, { timeout: 110_000 })
  // All that nothing refers to is told, and nothing else.
  expect(JSON.parse(stdout)).toEqual({ entries, objects, findings: objects - entries })
})
