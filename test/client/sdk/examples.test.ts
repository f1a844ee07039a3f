import { execFile } from 'node:child_process'
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { createHttpApp } from '../../../src/contract/http/app.ts'
import { openInMemory } from '../../../src/embedded/embedded.ts'
import { startHttpServer } from '../../../src/embedded/http-server.ts'

const run = promisify(execFile)
const ROOT = join(import.meta.dirname, '..', '..', '..')
const exampleOf = (name: string) => readFile(join(ROOT, 'examples', `${name}.ts`), 'utf8')

// Processes and compilers, one after the other.
vi.setConfig({ testTimeout: 240_000 })

let url = ''

beforeEach(async () => {
  const { broker, close } = openInMemory()
  const app = createHttpApp({ broker, logger: { error: console.error } })
  const server = await startHttpServer(app, { port: 0 })
  url = server.url
  onTestFinished(async () => {
    await server.close()
    await close()
  })
})

async function example(name: string, ...args: string[]): Promise<string> {
  const { stdout, stderr } = await run(process.execPath, [join(ROOT, 'examples', `${name}.ts`), ...args], {
    env: { ...process.env, TIDEMARK_URL: url },
    timeout: 100_000,
  })
  expect(stderr).toBe('')
  return stdout
}

test('admin, producer, group and loop, one after the other', async () => {
  expect(await example('admin')).toMatch(/^made tides\ntides 0: 0 to 0\n.*gauges begins at 0, 0, 0\n$/s)
  expect(await example('producer')).toMatch(/^dover is in partition \d, from offset 0 on\nwrote 4 more\n$/)
  const lines = (await example('consumer-group', '6')).trim().split('\n').toSorted()
  expect(lines.map(line => line.replace(/^.* (?=\w+ = )/, '')).toSorted()).toEqual([
    'bergen = 5.0',
    'brest = 3.0',
    'cuxhaven = 4.0',
    'dover = 6.2',
    'dover = 6.4',
    'vigo = 6.0',
  ])
  // Two runs of a loop get every record once: what the first one committed the second one does not see.
  const looped = `${await example('async-iteration', '4')}${await example('async-iteration', '2')}`
  expect(new Set(looped.trim().split('\n')).size).toBe(6)
  // What is high of these six.
  const carried = (await example('exactly-once', '6')).trim().split('\n')
  const counts = carried.map(line => /: (\d+) read, (\d+) carried$/.exec(line)!.slice(1).map(Number))
  expect(counts.reduce(([read, high], [more, higher]) => [read! + more!, high! + higher!], [0, 0])).toEqual([
    6, 3,
  ])
  // However many there are, without a group they can be read again.
  const all = (await example('reader', '9')).trim().split('\n')
  expect(all.map(line => line.replace(/^.* (?=\w+ = )/, '')).toSorted()).toEqual([
    'bergen = 5.0',
    'brest = 3.0',
    'cuxhaven = 4.0',
    'dover = 6.2',
    'dover = 6.4',
    'vigo = 6.0',
  ])
  expect(await example('admin')).toMatch(/^tides was there/)
  expect(await example('writer')).toBe('lines that are not in the log: none\n')
})

describe('a program written for KafkaJS', () => {
  test('runs', async () => {
    expect(await example('kafkajs-program')).toBe(
      '300 readings of 10 gauges, 300 committed\nassigned: levels\n',
    )
  })

  test('compiles against KafkaJS with its own import and constructor, and nothing else changed', async () => {
    const folder = await temporaryFolder()
    const source = await exampleOf('kafkajs-program')
    const original = source
      .replace(/^import .* from '..\/src\/index.ts'$/m, '')
      .replace(/^const kafka = new Tidemark\(.*$/m, '')
      .replace(/^\/\/ (?=import |const kafka )/gm, '')
    expect(original).toMatch(/^const kafka = new Kafka/m)
    expect(original).not.toMatch(/Tidemark/)
    await writeFile(join(folder, 'program.ts'), original)
    const flags = '--noEmit --strict --skipLibCheck --target es2024 --module nodenext --types node'.split(' ')
    await run(join(ROOT, 'node_modules/.bin/tsc'), [...flags, 'program.ts'], { cwd: folder })
  })
})

test('what the README and the guide show of the examples is in them', async () => {
  const examples = (
    await Promise.all(
      ['producer', 'writer', 'consumer-group', 'async-iteration', 'reader', 'admin'].map(exampleOf),
    )
  )
    .join('\n')
    .replaceAll("'../src/index.ts'", "'tidemark'")
  for (const [page, count] of [
    ['README.md', 2],
    ['docs/sdk.md', 7],
  ] as const) {
    const text = await readFile(join(ROOT, page), 'utf8')
    const quotes = [...text.matchAll(/<!-- from examples -->\n```ts\n(.*?)```/gs)].map(
      ([, quote]) => quote ?? '',
    )
    expect([page, quotes.length]).toEqual([page, count])
    for (const quote of quotes) expect(examples).toContain(quote)
  }
})

describe('the built package', () => {
  test('works in every Node that is found here, without zstd where there is none', async () => {
    const folder = await temporaryFolder()
    await run(join(ROOT, 'node_modules/.bin/tsc'), [
      '-p',
      join(ROOT, 'tsconfig.build.json'),
      '--outDir',
      join(folder, 'dist'),
    ])
    await cp(join(ROOT, 'test/client/sdk/roundtrip.mjs'), join(folder, 'roundtrip.mjs'))
    const versions: string[] = []
    for (const node of new Set([process.execPath, '/usr/bin/node', '/usr/local/bin/node'])) {
      const found = await run(node, ['roundtrip.mjs', url], { cwd: folder, timeout: 100_000 }).catch(
        error => {
          if (error.code === 'ENOENT') return undefined
          throw error
        },
      )
      if (found) versions.push(found.stdout)
    }
    expect(versions.length).toBeGreaterThan(0)
    for (const version of versions) expect(version).toMatch(/^v\d+\.\d+\.\d+ read 3 and 3\n$/)
  })
})

/** With the packages that this repository has. */
async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'tidemark-sdk-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  await symlink(join(ROOT, 'node_modules'), join(folder, 'node_modules'))
  await writeFile(join(folder, 'package.json'), JSON.stringify({ type: 'module' }))
  return folder
}
