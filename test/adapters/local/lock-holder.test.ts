import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { platform, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openLocalStore } from '../../../src/adapters/local/local-store.ts'
import { describeLockHolder } from '../../../src/adapters/local/lock-holder.ts'

const PROGRAM = `
  const { DatabaseSync } = require('node:sqlite')
  const database = new DatabaseSync(process.argv[2])
  database.exec('BEGIN IMMEDIATE')
  process.stdout.write('locked')
  setInterval(() => {}, 1_000)
`

let directory: string
let holder: ChildProcess | undefined

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'holder-'))
})
afterEach(async () => {
  holder?.kill('SIGKILL')
  await rm(directory, { recursive: true, force: true })
})

/** What is told of a process with these arguments that has the index. */
async function toldOf(...given: string[]): Promise<string> {
  const database = join(directory, 'store', 'index', 'index.sqlite')
  await (await openLocalStore(join(directory, 'store'))).close()
  await writeFile(join(directory, 'p.cjs'), PROGRAM)
  holder = spawn(process.execPath, ['p.cjs', database, ...given], { cwd: directory })
  await once(holder.stdout!, 'data')
  return describeLockHolder(database).replaceAll(directory, '')
}

test.runIf(platform() === 'linux').each([
  [['--token', 'hush', '--port', '80'], '--token … --port 80'],
  [['--secret=hush', '-p', '80'], '--secret=… -p 80'],
  [['--pass=hush', '--auth', 'hush', '--credentials=hush'], '--pass=… --auth … --credentials=…'],
  [['--header', 'Authorization: Bearer hush'], '--header …'],
  [['--broker', 'https://me:hush@tides.example/x'], '--broker https://…@tides.example/x'],
  [['TIDEMARK_TOKEN=hush', '--env=TOKEN=hush', 'a=b'], 'TIDEMARK_TOKEN=… --env=… a=b'],
])('of %j nothing that is a secret', async (given, shown) => {
  expect(await toldOf(...given)).toContain(`(node p.cjs /store/index/index.sqlite ${shown})`)
})
