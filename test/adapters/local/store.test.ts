import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type LocalStore, openLocalStore } from '../../../src/adapters/local/local-store.ts'
import { SMALL_OBJECT_BYTES_MAX } from '../../../src/core/limits.ts'
import { toOffset, toPosition } from '../../../src/core/numbers.ts'
import { logObjectKey, parseSegmentKey, segmentKey } from '../../../src/core/storage-layout.ts'
import { StoreFailed } from '../../../src/ports/outcome.ts'
import { everyEntry, fillBlocks, freshId, freshPartition, inlineEntry } from '../../conformance/samples.ts'

const WORKER = fileURLToPath(new URL('store-worker.ts', import.meta.url))

/** Too large to be a row at first. */
const LARGE = Buffer.alloc(SMALL_OBJECT_BYTES_MAX + 1, 'bytes')

let directory: string
let store: LocalStore

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tidemark-local-'))
  store = await openLocalStore(directory)
})
afterEach(async () => {
  await store.close()
  await rm(directory, { recursive: true, force: true })
})

/** Runs a command of the worker in a process of its own; resolves with what it printed. */
async function inProcess(...args: string[]): Promise<unknown> {
  const child = spawn(process.execPath, [WORKER, directory, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = new Promise<number | null>(resolve => child.on('exit', resolve))
  let printed = ''
  for await (const part of child.stdout) printed += part
  expect(await ended).toBe(0)
  return JSON.parse(printed)
}

const files = async () =>
  (await readdir(join(directory, 'objects'), { recursive: true, withFileTypes: true }))
    .filter(entry => entry.isFile())
    .map(entry => join(entry.parentPath, entry.name).slice(join(directory, 'objects').length + 1))

describe('two processes', () => {
  test("see each other's heads, objects and topics as soon as they are written", async () => {
    const partition = freshPartition(3)
    await store.index.createHead(partition, 0)
    // Read once before, so that a read view of then would be seen.
    expect((await store.index.readHead(partition))?.nextOffset).toBe(0)
    for (let round = 1; round <= 3; round += 1) {
      const told = (await inProcess('append', partition.topicId, String(partition.partition))) as {
        nextOffset: number
        key: string
        topic: string
      }
      expect(told.nextOffset).toBe(round * 2 - 1)
      expect(await store.index.readHead(partition)).toMatchObject({ nextOffset: round * 2 - 1 })
      expect(Buffer.from((await store.objects.get(told.key, toPosition(0), 100))!).toString()).toBe(
        'from the worker',
      )
      expect(await store.topics.get(told.topic)).toMatchObject({ partitions: 7 })
      const outcome = await store.index.append(partition, inlineEntry(1), toOffset(0))
      expect(outcome).toMatchObject({ kind: 'appended', head: { nextOffset: round * 2 } })
    }
  })

  test('give one another no chance to lose an update', async () => {
    const partition = freshPartition()
    await store.index.createHead(partition, 0)
    const workers = [1, 2, 3].map(() => inProcess('append-many', partition.topicId, '0', '40'))
    const own: Promise<unknown>[] = []
    for (let number = 0; number < 40; number += 1) {
      own.push(store.index.append(partition, inlineEntry(1), toOffset(0)))
      if (number % 4 === 0) await new Promise(resolve => setImmediate(resolve))
    }
    await Promise.all([...workers, ...own])
    expect((await everyEntry(store.index, partition)).size).toBe(160)
    expect(await store.index.readHead(partition)).toMatchObject({ nextOffset: 160 })
  })
})

test('a store that was closed has everything when it is opened again', async () => {
  const partition = freshPartition()
  await store.index.createHead(partition, 0)
  const blocks = await fillBlocks(store.index, partition, 20)
  await store.index.append(partition, inlineEntry(5), toOffset(20))
  const head = await store.index.readHead(partition)
  const key = segmentKey(freshId())
  const bytes = randomBytes(100_000)
  await store.objects.put(key, [bytes])
  const topic = {
    name: 'tides',
    topicId: partition.topicId,
    partitions: 1,
    configs: { 'flush.ms': '1' },
    createdMs: 5,
    state: 'live' as const,
    version: 'v',
  }
  await store.topics.put(topic, undefined)
  await store.close()
  store = await openLocalStore(directory)
  expect(await store.index.readHead(partition)).toEqual(head)
  expect(await store.index.readBlocks(partition, toOffset(0), 100)).toEqual(blocks)
  expect(Buffer.from((await store.objects.get(key, toPosition(0), 100_000))!).equals(bytes)).toBe(true)
  expect(await store.topics.get('tides')).toEqual(topic)
})

describe('files', () => {
  test('lie where the names of storage-layout.ts say', async () => {
    const partition = freshPartition()
    const key = logObjectKey(partition, toOffset(7), freshId())
    await store.objects.put(key, [LARGE])
    const path = join(directory, 'objects', 'log', partition.topicId, `${partition.partition}`, basename(key))
    expect(await readFile(path)).toEqual(LARGE)
    expect(await files()).toEqual(['format.json', key])
    expect((await stat(join(directory, 'index'))).isDirectory()).toBe(true)
  })

  test("that are unfinished and old are cleared away at the start, young ones may be another's", async () => {
    const unfinished = join(directory, 'objects', 'unfinished')
    await writeFile(join(unfinished, 'old'), 'x')
    await writeFile(join(unfinished, 'young'), 'x')
    const hoursAgo = new Date(Date.now() - 2 * 3_600_000)
    await utimes(join(unfinished, 'old'), hoursAgo, hoursAgo)
    await store.close()
    store = await openLocalStore(directory)
    expect(await readdir(unfinished)).toEqual(['young'])
    const listed: string[] = []
    for await (const { key } of store.objects.list()) listed.push(key)
    expect(listed).toEqual([])
  })

  test.each([
    ['segments', () => segmentKey(freshId())],
    ['log', () => logObjectKey(freshPartition(), toOffset(0), freshId())],
  ])('that could not be written leave nothing behind in %s', async (folder, newKey) => {
    await writeFile(join(directory, 'objects', folder), 'a file where a folder should be')
    await expect(store.objects.put(newKey(), [LARGE])).rejects.toThrow(StoreFailed)
    expect(await readdir(join(directory, 'objects', 'unfinished'))).toEqual([])
    await rm(join(directory, 'objects', folder))
    const key = newKey()
    await store.objects.put(key, [LARGE])
    expect(await store.objects.get(key, toPosition(LARGE.length - 1), 5)).toHaveLength(1)
  })

  test('of many objects can be read at the same time, more than stay open', async () => {
    const keys = Array.from({ length: 400 }, () => segmentKey(freshId()))
    await Promise.all(keys.map(key => store.objects.put(key, [Buffer.from(key)])))
    for (let round = 0; round < 2; round += 1) {
      const read = await Promise.all(keys.map(key => store.objects.get(key, toPosition(0), 100)))
      expect(read.map(bytes => Buffer.from(bytes!).toString())).toEqual(keys)
    }
  })
})

test.each([
  '',
  '/',
  '/absolute',
  'a//b',
  'a/',
  '.',
  '..',
  '../up',
  'a/../b',
  'a/./b',
  'a\0b',
  'unfinished/a',
])('the key %j is refused', async key => {
  await expect(store.objects.put(key, [Buffer.from('x')])).rejects.toThrow(RangeError)
  await expect(store.objects.get(key, toPosition(0), 1)).rejects.toThrow(RangeError)
  await expect(store.objects.remove(key)).rejects.toThrow(RangeError)
})

test('a process that is killed while it writes leaves no half object under a name', async () => {
  for (let round = 0; round < 3; round += 1) {
    const child = spawn(process.execPath, [WORKER, directory, 'put-forever'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const ended = new Promise(resolve => child.on('exit', resolve))
    let acknowledged = ''
    await new Promise<void>(resolve => {
      child.stdout.on('data', part => {
        acknowledged += part
        if (acknowledged.split('\n').length > 20 * (round + 1)) resolve()
      })
    })
    child.kill('SIGKILL')
    await ended
    const keys = new Set<string>()
    for await (const { key, bytes } of store.objects.list()) {
      keys.add(key)
      const id = parseSegmentKey(key)!
      const size = 1_000 + (Number.parseInt(id.slice(0, 4), 16) % 300_000)
      expect([key, bytes]).toEqual([key, size])
      const content = (await store.objects.get(key, toPosition(0), size))!
      expect(Buffer.from(content).equals(Buffer.alloc(size, id))).toBe(true)
    }
    for (const key of acknowledged.split('\n').slice(0, -1)) expect(keys.has(key)).toBe(true)
  }
})
