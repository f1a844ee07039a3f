import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'

const WORKER = fileURLToPath(new URL('guarded-worker.ts', import.meta.url))

let scratch: string

beforeEach(() => {
  scratch = mkdtempSync(join(tmpdir(), 'tidemark-guarded-'))
  writeFileSync(join(scratch, 'file'), 'left behind')
})
afterEach(() => {
  rmSync(scratch, { recursive: true, force: true })
})

function start(...args: readonly string[]) {
  return spawn(process.execPath, [WORKER, scratch, ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
}

async function processIds(worker: ReturnType<typeof start>): Promise<number[]> {
  const [line] = await once(worker.stdout, 'data')
  return `${line}`.trim().split(' ').map(Number)
}

test('a guarded command, and what it has started, ends when its starter is killed', async () => {
  const worker = start()
  const ids = await processIds(worker)
  expect(ids.map(isRunning)).toEqual([true, true])
  worker.kill('SIGKILL')
  await expect.poll(() => ids.map(isRunning), { timeout: 30_000 }).toEqual([false, false])
  expect(existsSync(scratch)).toBe(false)
})

test('a guarded command that is stopped has ended', async () => {
  const worker = start('--stop')
  const ids = await processIds(worker)
  await once(worker, 'exit')
  await expect.poll(() => ids.map(isRunning), { timeout: 30_000 }).toEqual([false, false])
  expect(existsSync(scratch)).toBe(false)
})

function isRunning(processId: number): boolean {
  try {
    process.kill(processId, 0)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false
    throw error
  }
}
