/**
 * `npm run demo`: a broker in this process, its HTTP server, a few thousand real records in and out again, every
 * byte checked, a restart, and a check of the whole store. Ends with status 1 where anything is not as it was sent.
 */
import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { lstat, mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir, userInfo } from 'node:os'
import { join, relative } from 'node:path'
import {
  type Broker,
  createHttpApp,
  decodeBatches,
  type Embedded,
  encodeBatch,
  fetchLocated,
  HttpBroker,
  type HttpServer,
  type LogRecord,
  openEmbedded,
  partitionForKey,
  startHttpServer,
  toOffset,
  UrlSigner,
} from '../src/index.ts'

const REPOSITORY = join(import.meta.dirname, '..')
const LINES = 'lines'
const LINES_PARTITIONS = 4
const JOURNAL = 'journal'
const JOURNAL_RECORDS_MAX = 1_000
const BATCH_RECORDS = 100
const FETCH_BYTES = 256 * 1024
const SEGMENTS_SHOWN = 5
const DIRECTORY_PREFIX = 'tidemark-demo-'
const OLD_RUN_MS = 24 * 3_600_000

interface SentRecord {
  key: Uint8Array | null
  value: Uint8Array
  timestampMs: number
}

/** What was sent to each partition, in order: the record at offset n is the nth of its list. */
type Sent = Map<string, SentRecord[][]>

interface Running {
  embedded: Embedded
  server: HttpServer
  /** The same broker, as anybody else on this machine sees it. */
  http: Broker
}

async function demo(): Promise<void> {
  await removeOldRuns()
  const directory = await mkdtemp(join(tmpdir(), DIRECTORY_PREFIX))
  say(`Tidemark demo\n  data    ${directory}`)

  const running = await start(directory)
  say(`  broker  ${running.server.url}, in this process`)
  const sent: Sent = new Map()
  step('Produce')
  await produceLines(running.http, sent)
  await produceJournal(running.embedded.broker, sent)

  step('Consume, and compare each byte, offset and timestamp with what was sent')
  await consumeAll('over HTTP', running.http, sent)
  await consumeAll('in process', running.embedded.broker, sent)
  await consumeAll('located', running.http, sent, true)

  step('Restart: close the broker, open the directory again')
  await stop(running)
  const again = await start(directory)
  await consumeAll('over HTTP', again.http, sent)
  await produceAfterRestart(again.http, sent)

  step('Verify: read the whole store and check the index, the checksums and the offsets')
  await verifyStore(again.embedded)
  await stop(again)

  step('On the disk, now that closing has moved the last record from the index into a segment')
  await showStore(directory)
  step('Next')
  const store = `--dir ${/^[\w./-]+$/.test(directory) ? directory : `'${directory}'`}`
  say(`  npx tidemark topic describe ${LINES} ${store}`)
  say(`  npx tidemark consume ${JOURNAL} --exit-at-end --format '%o %s\\n' ${store}`)
  say(`  npx tidemark dev ${store}      # serves this store; README.md goes on from there`)
  say('\nAll of it came back as it was sent.')
}

async function start(directory: string): Promise<Running> {
  const signer = new UrlSigner({ secret: randomBytes(32) })
  const embedded = await openEmbedded({
    directory,
    locator: { locate: async (key, position, bytes) => signer.sign(key, position, bytes, Date.now()) },
  })
  const objects = { signer, get: embedded.objects.get.bind(embedded.objects) }
  const app = createHttpApp({ broker: embedded.broker, objects, logger: console })
  const server = await startHttpServer(app, { port: 0 })
  return { embedded, server, http: new HttpBroker({ url: server.url }) }
}

async function stop({ embedded, server }: Running): Promise<void> {
  await server.close()
  await embedded.close()
}

/** Lines of this repository's files, keyed by their file, so that the lines of a file stay in order. */
async function produceLines(broker: Broker, sent: Sent): Promise<void> {
  await broker.createTopic({ topic: LINES, partitions: LINES_PARTITIONS })
  const partitions: SentRecord[][] = Array.from({ length: LINES_PARTITIONS }, () => [])
  const files = await textFiles()
  for (const file of files) {
    const key = Buffer.from(relative(REPOSITORY, file))
    const partition = partitions[partitionForKey(key, LINES_PARTITIONS)]!
    for (const line of (await readFile(file, 'utf8')).split('\n')) {
      partition.push({ key, value: Buffer.from(line), timestampMs: Date.now() })
    }
  }
  sent.set(LINES, partitions)
  const records = partitions.flat()
  const timer = new Timer()
  const batches = await Promise.all(
    partitions.map(async (list, partition) => {
      const groups = inGroups(list, BATCH_RECORDS)
      for (const group of groups) await produce(broker, LINES, partition, group)
      return groups.length
    }),
  )
  const calls = batches.reduce((sum, count) => sum + count, 0)
  report(LINES, `${files.length} files, key = file, over HTTP in ${calls} batches, zstd`, records, timer)
}

/** Single records, all at once: calls that arrive together share a commit, and small ones need no object. */
async function produceJournal(broker: Broker, sent: Sent): Promise<void> {
  await broker.createTopic({ topic: JOURNAL })
  const { what, lines } = await journal()
  const records = lines.map(line => ({ key: null, value: Buffer.from(line), timestampMs: Date.now() }))
  sent.set(JOURNAL, [records])
  const timer = new Timer()
  await Promise.all(records.map(record => produce(broker, JOURNAL, 0, [record])))
  report(JOURNAL, `${what}, in process, a call for each record`, records, timer)
}

async function produceAfterRestart(broker: Broker, sent: Sent): Promise<void> {
  const [records] = sent.get(JOURNAL)!
  const record = { key: null, value: Buffer.from('written after the restart'), timestampMs: Date.now() }
  const { baseOffset } = await produce(broker, JOURNAL, 0, [record])
  check(baseOffset === records!.length, `the record after the restart got offset ${baseOffset}`)
  records!.push(record)
  say(`  ${JOURNAL}: a new record got offset ${baseOffset}, the one after the last`)
}

async function produce(broker: Broker, topic: string, partition: number, records: readonly SentRecord[]) {
  return await broker.produce({ topic, partition, batches: encodeBatch(records, { compression: 'zstd' }) })
}

async function consumeAll(how: string, broker: Broker, sent: Sent, isLocated = false): Promise<void> {
  const timer = new Timer()
  const all: LogRecord[] = []
  for (const [topic, partitions] of sent) {
    for (const [partition, expected] of partitions.entries()) {
      const found = await consume(broker, topic, partition, isLocated)
      compare(`${topic}/${partition}`, expected, found)
      all.push(...found)
    }
  }
  report(how, isLocated ? 'the broker told where, the bytes came from the segments' : 'equal', all, timer)
}

async function consume(
  broker: Broker,
  topic: string,
  partition: number,
  isLocated: boolean,
): Promise<LogRecord[]> {
  const records: LogRecord[] = []
  for (let offset = toOffset(0); ; ) {
    const request = { topic, partition, offset, maxBytes: FETCH_BYTES }
    const fetched = isLocated ? await fetchLocated(await broker.locate(request)) : await broker.fetch(request)
    for (const chunk of fetched.chunks) {
      // A batch comes whole, also where it begins before the wanted offset.
      records.push(...decodeBatches(chunk).filter(record => record.offset >= offset))
    }
    offset = fetched.nextOffset
    if (offset >= fetched.endOffset) return records
    check(fetched.chunks.length > 0, `${topic}/${partition} goes no further than offset ${offset}`)
  }
}

function compare(place: string, expected: readonly SentRecord[], found: readonly LogRecord[]): void {
  check(found.length === expected.length, `${place}: ${found.length} of ${expected.length} records came back`)
  for (const [index, record] of found.entries()) {
    const { key, value, timestampMs } = expected[index]!
    check(record.offset === index, `${place}: offset ${record.offset} came where ${index} was due`)
    check(isEqual(record.key, key), `${place}: another key at offset ${index}`)
    check(isEqual(record.value, value), `${place}: another value at offset ${index}`)
    check(record.timestampMs === timestampMs, `${place}: another timestamp at offset ${index}`)
  }
}

async function verifyStore(embedded: Embedded): Promise<void> {
  const { findings, summary } = embedded.verify()
  for await (const { severity, place, problem } of findings) {
    check(severity !== 'error', `${place}: ${problem}`)
    say(`  ${severity}: ${place}: ${problem}`)
  }
  const { topics, partitions, records, batches, objects } = summary
  say(
    `  sound: ${topics} topics, ${partitions} partitions, ${number(records)} records in ${number(batches)} batches, ` +
      `${number(objects)} segments`,
  )
}

async function showStore(directory: string): Promise<void> {
  const objects = await filesBelow(join(directory, 'objects'))
  const index = await filesBelow(join(directory, 'index'))
  const total = (files: readonly { bytes: number }[]) => files.reduce((sum, { bytes }) => sum + bytes, 0)
  say(`  segments  ${join(directory, 'objects')}: ${objects.length} files, ${number(total(objects))} bytes`)
  say(`  index     ${join(directory, 'index')}: SQLite, ${number(total(index))} bytes`)
  for (const { path, bytes } of objects.toSorted((a, b) => b.bytes - a.bytes).slice(0, SEGMENTS_SHOWN)) {
    say(`  ${number(bytes).padStart(10)}  ${relative(directory, path)}`)
  }
  if (objects.length > SEGMENTS_SHOWN) say(`              … and ${objects.length - SEGMENTS_SHOWN} more`)
}

/** This repository's own text: there is always some, and it is no toy. */
async function textFiles(): Promise<string[]> {
  const folders = ['src', 'docs', 'examples'].map(name => join(REPOSITORY, name)).filter(existsSync)
  const found = await Promise.all(folders.map(filesBelow))
  return found
    .flat()
    .map(({ path }) => path)
    .filter(path => /\.(ts|js|md)$/.test(path))
    .sort()
}

/** The commits, where this is a checkout and git is there; else the files. */
async function journal(): Promise<{ what: string; lines: string[] }> {
  if (existsSync(join(REPOSITORY, '.git'))) {
    const command = ['log', '--reverse', `--max-count=${JOURNAL_RECORDS_MAX}`, '--format=%h %cs %s']
    try {
      const text = execFileSync('git', command, {
        cwd: REPOSITORY,
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'ignore'],
        timeout: 10_000,
      })
      return { what: 'the lines of git log', lines: text.trimEnd().split('\n') }
    } catch {
      // No git here: the files will do.
    }
  }
  const files = await textFiles()
  return { what: 'the names of files', lines: files.map(file => relative(REPOSITORY, file)) }
}

/** Only this user's, and only old ones: on the last one, somebody may have a broker running. */
async function removeOldRuns(): Promise<void> {
  for (const name of await readdir(tmpdir())) {
    if (!new RegExp(`^${DIRECTORY_PREFIX}\\w{6}$`).test(name)) continue
    const path = join(tmpdir(), name)
    const { uid, mtimeMs } = await lstat(path)
    const isOld = Date.now() - mtimeMs > OLD_RUN_MS
    if (isOld && uid === userInfo().uid) await rm(path, { recursive: true, force: true })
  }
}

async function filesBelow(folder: string): Promise<{ path: string; bytes: number }[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const paths = entries.filter(entry => entry.isFile()).map(entry => join(entry.parentPath, entry.name))
  return await Promise.all(paths.map(async path => ({ path, bytes: (await stat(path)).size })))
}

function inGroups<T>(items: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, index) =>
    items.slice(index * size, (index + 1) * size),
  )
}

function isEqual(left: Uint8Array | null, right: Uint8Array | null): boolean {
  return left === null || right === null ? left === right : Buffer.compare(left, right) === 0
}

class Timer {
  readonly #startMs = performance.now()

  seconds(): string {
    return ((performance.now() - this.#startMs) / 1000).toFixed(2)
  }
}

function report(
  what: string,
  how: string,
  records: readonly { key: Uint8Array | null; value: Uint8Array | null }[],
  timer: Timer,
): void {
  const bytes = records.reduce((sum, { key, value }) => sum + (key?.length ?? 0) + (value?.length ?? 0), 0)
  const figures = `${number(records.length)} records, ${number(bytes)} bytes, ${timer.seconds()} s`
  say(`  ${what.padEnd(10)}  ${figures.padEnd(42)}  ${how}`)
}

function number(value: number): string {
  return value.toLocaleString('en-US')
}

function step(title: string): void {
  say(`\n${title}`)
}

function say(line: string): void {
  console.log(line)
}

function check(holds: boolean, problem: string): void {
  if (!holds) throw new Error(problem)
}

try {
  await demo()
} catch (error) {
  console.error('\nThe demo failed:', error)
  process.exit(1)
}
