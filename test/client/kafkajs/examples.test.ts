/** The programs in examples/kafkajs: they compile against both, and run. Against Kafka they run by hand. */
import { execFile } from 'node:child_process'
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest'
import { createHttpApp } from '../../../src/contract/http/app.ts'
import { openInMemory } from '../../../src/embedded/embedded.ts'
import { startHttpServer } from '../../../src/embedded/http-server.ts'

const run = promisify(execFile)
const ROOT = join(import.meta.dirname, '..', '..', '..')
const EXAMPLES = ['producer', 'each-message', 'each-batch', 'gauge-consumer']
const OURS =
  /^import (?:type )?(?:\* as \w+|\{[^}]*\}) from '\.\.\/\.\.\/src\/client\/kafkajs\/index\.ts'\n/gm

// Processes and compilers, one after the other.
vi.setConfig({ testTimeout: 240_000 })

/** The package as it is built. It may name itself: what it exports is looked up as by anybody else. */
let builtPackage = ''

beforeAll(async () => {
  builtPackage = await makeFolder()
  await cp(join(ROOT, 'package.json'), join(builtPackage, 'package.json'))
  const build = ['-p', join(ROOT, 'tsconfig.build.json'), '--outDir', join(builtPackage, 'dist')]
  await run(join(ROOT, 'node_modules/.bin/tsc'), build)
}, 240_000)

afterAll(() => rm(builtPackage, { recursive: true }))

/** The program as it was written for KafkaJS: the import that stands in its comment, in place of the one it has. */
async function originalOf(name: string): Promise<string> {
  const source = await readFile(join(ROOT, 'examples/kafkajs', `${name}.ts`), 'utf8')
  const original = source.replace(OURS, '').replace(/^\/\/ (?=import )/gm, '')
  expect(original).toMatch(/^import .* from 'kafkajs'$/m)
  expect(original).not.toMatch(/tidemark|index\.ts/i)
  return original
}

/** With the packages that this repository has. */
async function makeFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'tidemark-kafkajs-'))
  await symlink(join(ROOT, 'node_modules'), join(folder, 'node_modules'))
  return folder
}

async function fill(folder: string, files: Readonly<Record<string, string>>): Promise<void> {
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text)
}

async function compile(folder: string, ...flags: string[]): Promise<string> {
  const all = [
    '--noEmit',
    '--strict',
    '--target',
    'es2024',
    '--module',
    'nodenext',
    '--types',
    'node',
    ...flags,
  ]
  const files = EXAMPLES.map(name => `${name}.ts`)
  const compiler = join(ROOT, 'node_modules/.bin/tsc')
  return run(compiler, [...all, ...files], { cwd: folder }).then(
    ({ stdout }) => stdout,
    ({ stdout }) => stdout,
  )
}

async function originals(edit: (source: string) => string): Promise<Record<string, string>> {
  const files = EXAMPLES.map(async name => [`${name}.ts`, edit(await originalOf(name))] as const)
  return Object.fromEntries(await Promise.all(files))
}

test('they compile against KafkaJS, with its import', async () => {
  const folder = await makeFolder()
  onTestFinished(() => rm(folder, { recursive: true }))
  await fill(folder, { ...(await originals(source => source)), 'package.json': '{ "type": "module" }' })
  expect(await compile(folder, '--skipLibCheck')).toBe('')
})

test('they compile against the built package and run, with nothing but the import’s name changed', async () => {
  const files = await originals(source => source.replaceAll(`from 'kafkajs'`, `from 'tidemark/kafkajs'`))
  await fill(builtPackage, files)
  // The package's declarations are looked through, too.
  expect(await compile(builtPackage, '--skipLibCheck', 'false')).toBe('')
  await runAll(builtPackage)
})

test('they run as they stand', async () => {
  await runAll(join(ROOT, 'examples/kafkajs'))
})

test('all names of the package load in every Node that is found here, by import and by require', async () => {
  const count = `const count = names => Object.keys(names).filter(name => name !== 'default').length\n`
  await fill(builtPackage, {
    'names.mjs': `${count}console.log(count(await import('tidemark/kafkajs')))\n`,
    'names.cjs': `${count}console.log(count(require('tidemark/kafkajs')))\n`,
  })
  const names = new Set<string>()
  for (const node of new Set([process.execPath, '/usr/bin/node', '/usr/local/bin/node'])) {
    for (const program of ['names.mjs', 'names.cjs']) {
      const { stdout } = await run(node, ['--no-warnings', program], { cwd: builtPackage }).catch(error => {
        if (error.code === 'ENOENT') return { stdout: '' }
        throw error
      })
      if (stdout !== '') names.add(stdout.trim())
    }
  }
  expect(names.size).toBe(1)
  expect(Number([...names][0])).toBeGreaterThan(30)
})

test('what the page shows of the examples is in them', async () => {
  const page = await readFile(join(ROOT, 'docs/from-kafkajs.md'), 'utf8')
  const quotes = [...page.matchAll(/<!-- from examples -->\n```ts\n(.*?)```/gs)].map(
    ([, quote]) => quote ?? '',
  )
  expect(quotes.length).toBe(1)
  const producer = await readFile(join(ROOT, 'examples/kafkajs/producer.ts'), 'utf8')
  expect(producer.replaceAll("'../../src/client/kafkajs/index.ts'", "'tidemark/kafkajs'")).toContain(
    quotes[0],
  )
})

async function runAll(folder: string): Promise<void> {
  const { broker, close } = openInMemory()
  const app = createHttpApp({ broker, logger: { error: console.error } })
  const { url, close: closeServer } = await startHttpServer(app, { port: 0 })
  const shown: string[] = []
  try {
    for (const name of EXAMPLES) {
      const env = { ...process.env, BROKER: new URL(url).host }
      const { stdout, stderr } = await run(process.execPath, [join(folder, `${name}.ts`)], {
        env,
        timeout: 100_000,
      })
      expect([name, stderr]).toEqual([name, ''])
      shown.push(stdout)
    }
  } finally {
    await closeServer()
    await close()
  }
  expect(shown).toEqual([
    'producer.connect\n3 calls, the first one from offset 0 on\nand to gauge-alarms and gauges\n',
    'dover: 0 m (0)\ndover: 0.1 m (1)\ndover: 0.2 m (2)\n32 readings\n',
    'bergen 5, cuxhaven 4, vigo 2.9, brest 1.9, dover 0.9\n32 of 32 committed\n',
    '2026-01-01T00:00:00.000Z bergen: above 4.5 m\n1 member: {"gauge-alarms":[0]}\n',
  ])
}
