import { spawnSync } from 'node:child_process'
import { cp, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openEmbedded } from '../../src/embedded/embedded.ts'
import { batchOf } from '../broker/harness.ts'
import { runTidemark } from './tidemark-process.ts'

const LAUNCHER = fileURLToPath(new URL('../../src/cli/tidemark.js', import.meta.url))
const COMMANDS = [
  ['topic', 'list'],
  ['topic', 'create', 'ebb'],
  ['consume', 'tides', '--exit-at-end'],
  ['produce', 'tides'],
  ['verify'],
  ['dev', '--http', '127.0.0.1:0'],
]

let around: string
let directory: string

beforeAll(async () => {
  around = await mkdtemp(join(tmpdir(), 'tidemark-failing-'))
  directory = join(around, 'store')
  const { broker, close } = await openEmbedded({ directory })
  await broker.createTopic({ topic: 'tides' })
  await broker.produce({ topic: 'tides', partition: 0, batches: batchOf(['ebb'], { timestampMs: 1 }) })
  await close()
})
afterAll(async () => {
  await rm(around, { recursive: true, force: true })
})

/** Expects that a command fails, with one line that says so and why. */
async function expectOneLine(command: readonly string[], at: string, words: string): Promise<void> {
  const { exitCode, stderr } = await runTidemark([...command, '--dir', at], { input: 'flow\n' })
  expect(stderr).toMatch(/^tidemark: .*\n$/)
  expect(stderr).toContain(words)
  expect(exitCode).toBe(1)
}

describe.each(COMMANDS)('%s %s', (...command) => {
  test('on an index with a damaged header', async () => {
    const at = join(around, `damaged-${command[0]}`)
    await cp(directory, at, { recursive: true })
    await writeFile(join(at, 'index', 'index.sqlite'), 'no database at all, of whatever kind')
    await expectOneLine(command, at, join(at, 'index', 'index.sqlite'))
  })

  test('on a file, and on a folder of other things, which stays as it is', async () => {
    const file = join(around, 'file')
    await writeFile(file, '')
    await expectOneLine(command, file, 'there is a file where a folder should be')
    const other = join(around, 'other')
    await mkdir(other, { recursive: true })
    await writeFile(join(other, 'notes.txt'), '')
    await expectOneLine(command, other, "is no store of Tidemark's")
    expect(await readdir(other)).toEqual(['notes.txt'])
  })
})

test('stacks come with --verbose, and only then', async () => {
  const command = ['topic', 'list', '--dir', join(around, 'file')]
  expect((await runTidemark(command)).stderr).not.toMatch(/^ +at /m)
  expect((await runTidemark([...command, '--verbose'])).stderr).toMatch(/^ +at .*local-store/m)
})

test('a process that may open no more files says so', async () => {
  const limited = (files: number) => {
    const script = `ulimit -n ${files}; exec "$0" "$@"`
    const args = ['-c', script, process.execPath, LAUNCHER, 'topic', 'list', '--dir', directory]
    return spawnSync('bash', args, { encoding: 'utf8' })
  }
  // Node itself needs some twenty; where there are enough for it and too few for the store, the store says so.
  const told: string[] = []
  for (let files = 19; files < 40; files += 1) {
    const { status, stderr } = limited(files)
    if (status === 1 && stderr.startsWith('tidemark: ')) told.push(stderr)
  }
  expect(told.length).toBeGreaterThan(0)
  for (const line of told) expect(line).toMatch(/^tidemark: KAFKA_STORAGE_ERROR: .*ulimit -n.*\n$/)
})
