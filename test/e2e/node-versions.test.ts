/** The package as npm installs it, in every Node that it is for: the commands and the SDK over HTTP, and embedded. */
import { execFile, execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type DevProcess, startDev } from '../cli/tidemark-process.ts'

const ROOT = join(import.meta.dirname, '../..')
/** The oldest that is promised, those around which SQLite, zstd and TypeScript came, and the newest. */
const VERSIONS = ['20.11.1', '22.12.0', '22.15.1', '22.18.0', '24.21.0', '26.10.0']
const folder = mkdtempSync(join(tmpdir(), 'tidemark-versions-'))
const app = join(folder, 'app')
let dev: DevProcess

beforeAll(async () => {
  const tarball = pack()
  mkdirSync(app)
  const dependencies = Object.fromEntries(
    VERSIONS.map(version => [`node-${version}`, `npm:node@${version}`] as const),
  )
  const manifest = { type: 'module', dependencies: { ...dependencies, tidemark: `file:${tarball}` } }
  writeFileSync(join(app, 'package.json'), JSON.stringify(manifest))
  writeFileSync(join(app, 'round-trip.js'), ROUND_TRIP)
  writeFileSync(join(app, 'embedded.js'), EMBEDDED)
  execFileSync('npm', ['install', '--no-audit', '--no-fund', '--prefer-offline'], { cwd: app, stdio: 'pipe' })
  dev = await startDev(join(folder, 'data'))
}, 300_000)
afterAll(async () => {
  await dev?.end('SIGTERM')
  rmSync(folder, { recursive: true, force: true })
})

/** Built elsewhere than in the checkout, which others use meanwhile. */
function pack(): string {
  const unpacked = join(folder, 'package')
  mkdirSync(join(unpacked, 'src/cli'), { recursive: true })
  for (const file of ['package.json', 'src/cli/tidemark.js']) cpSync(join(ROOT, file), join(unpacked, file))
  const tsc = join(ROOT, 'node_modules/.bin/tsc')
  execFileSync(tsc, ['-p', join(ROOT, 'tsconfig.build.json'), '--outDir', join(unpacked, 'dist')])
  const packed = execFileSync('npm', ['pack', '--ignore-scripts', '--json'], { cwd: unpacked, stdio: 'pipe' })
  const [{ filename }] = JSON.parse(packed.toString()) as [{ filename: string }]
  return join(unpacked, filename)
}

const ROUND_TRIP = `
import { HttpBroker, Tidemark } from 'tidemark/client'

const [url, topic] = process.argv.slice(2)
const tidemark = new Tidemark({ broker: new HttpBroker({ url }) })
const admin = tidemark.admin()
await admin.createTopics({ topics: [{ topic, numPartitions: 2 }] })
const producer = tidemark.producer()
await producer.connect()
await producer.send({ topic, messages: [{ key: 'k', value: 'from the SDK' }] })
await producer.disconnect()
const consumer = tidemark.consumer({ groupId: topic })
await consumer.subscribe({ topics: [topic], fromBeginning: true })
const value = await new Promise((resolve, reject) => {
  consumer.run({ eachMessage: async ({ message }) => resolve(message.value.toString()) }).catch(reject)
})
await consumer.disconnect()
console.log(value)
`

const EMBEDDED = `
import { openEmbedded, openInMemory } from 'tidemark'

const inMemory = openInMemory()
await inMemory.broker.createTopic({ topic: 't' })
await inMemory.close()
try {
  const embedded = await openEmbedded({ directory: process.argv[2] })
  await embedded.broker.createTopic({ topic: 't' })
  await embedded.close()
  console.log('made')
} catch (error) {
  console.log(error.name, error.message)
}
`

describe.each(VERSIONS)('Node %s', version => {
  const major = Number(version.split('.')[0])
  const minor = Number(version.split('.')[1])
  const atLeast = (wanted: number, andMinor: number) =>
    major > wanted || (major === wanted && minor >= andMinor)
  const directory = join(folder, `store-${version}`)

  async function run(...commandLine: string[]) {
    const {
      TIDEMARK_BROKER: _broker,
      TIDEMARK_TOKEN: _token,
      NODE_COMPILE_CACHE: _cache,
      ...env
    } = process.env
    const node = join(app, `node_modules/node-${version}/bin/node`)
    const child = promisify(execFile)(node, commandLine, { cwd: app, env })
    child.child.stdin?.end('{"from":"the command"}\n')
    return child.then(
      ({ stdout, stderr }) => ({ exitCode: 0, stdout, stderr }),
      ({ code, stdout, stderr }) => ({ exitCode: code as number, stdout, stderr }) as never,
    )
  }
  const tidemark = (...commandLine: string[]) =>
    run('node_modules/tidemark/src/cli/tidemark.js', ...commandLine)

  test('runs the commands over HTTP', async () => {
    expect(await tidemark('--version')).toMatchObject({ exitCode: 0, stdout: '0.1.0\n', stderr: '' })
    const topic = `commands-${version}`
    const broker = ['--broker', dev.url]
    expect(await tidemark('topic', 'create', topic, ...broker)).toMatchObject({ exitCode: 0 })
    expect(await tidemark('produce', topic, ...broker)).toMatchObject({ exitCode: 0 })
    const read = await tidemark('consume', topic, '--exit-at-end', ...broker)
    expect(read).toMatchObject({ exitCode: 0, stdout: '{"from":"the command"}\n' })
  })

  test('says what zstd needs where it has none', async () => {
    const topic = `zstd-${version}`
    const broker = ['--broker', dev.url]
    expect(await tidemark('topic', 'create', topic, ...broker)).toMatchObject({ exitCode: 0 })
    const sent = await tidemark('produce', topic, '--compression', 'zstd', ...broker)
    if (atLeast(22, 15)) expect(sent).toMatchObject({ exitCode: 0 })
    else {
      expect(sent).toMatchObject({ exitCode: 1 })
      expect(sent.stderr).toContain(`Node v${version} has no zstd. Use Node 22.15 or later`)
    }
  })

  test('runs the SDK over HTTP', async () => {
    const { stdout, stderr } = await run('round-trip.js', dev.url, `sdk-${version}`)
    expect({ stdout, stderr }).toEqual({ stdout: 'from the SDK\n', stderr: '' })
  })

  test('opens a store in a directory, or says what that needs', async () => {
    const { stdout } = await run('embedded.js', directory)
    const listed = await tidemark('topic', 'list', '--dir', directory)
    if (atLeast(22, 13)) {
      expect(stdout).toBe('made\n')
      expect(listed).toMatchObject({ exitCode: 0 })
    } else {
      expect(stdout).toContain(
        `TidemarkError A broker on a directory needs Node 22.13 or later, and its SQLite; this is Node ${version}.`,
      )
      mkdirSync(directory, { recursive: true })
      const refused = await tidemark('topic', 'list', '--dir', directory)
      expect(refused).toMatchObject({ exitCode: 1 })
      expect(refused.stderr).toContain(
        'UNSUPPORTED_VERSION: A broker on a directory needs Node 22.13 or later',
      )
    }
  })
})
