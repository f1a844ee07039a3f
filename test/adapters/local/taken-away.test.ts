import { existsSync, renameSync } from 'node:fs'
import { cp, mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Footing } from '../../../src/adapters/local/footing.ts'
import { type LocalStore, openLocalStore } from '../../../src/adapters/local/local-store.ts'
import { SqliteItems } from '../../../src/adapters/local/sqlite-items.ts'
import { SMALL_OBJECT_BYTES_MAX } from '../../../src/core/limits.ts'
import { toOffset, toPosition } from '../../../src/core/numbers.ts'
import { logObjectKey, segmentKey } from '../../../src/core/storage-layout.ts'
import { NotApplied, StoreFailed } from '../../../src/ports/outcome.ts'
import { freshId, freshPartition, inlineEntry } from '../../conformance/samples.ts'

let around: string
let directory: string
let store: LocalStore
const partition = freshPartition()
const KEY = segmentKey(freshId())
/** Too large to be a row at first. */
const LARGE = Buffer.alloc(SMALL_OBJECT_BYTES_MAX + 1, 'bytes')

beforeEach(async () => {
  around = await mkdtemp(join(tmpdir(), 'tidemark-away-'))
  directory = join(around, 'store')
  store = await openLocalStore(directory)
  await store.index.createHead(partition, 0)
  await append()
  await store.objects.put(KEY, [LARGE])
})
afterEach(async () => {
  await store.close()
  await rm(around, { recursive: true, force: true })
})

const append = async () => await store.index.append(partition, inlineEntry(1), toOffset(0))
const put = async () => await store.objects.put(segmentKey(freshId()), [LARGE])
const SETTLED = logObjectKey(partition, toOffset(0), freshId())
const putSettled = async () => await store.objects.put(SETTLED, [LARGE])
const inIndex = (name: string) => join(directory, 'index', name)

async function expectRefusal(words: string): Promise<void> {
  // So long after the last write, the next one looks before anything is written.
  await sleep(60)
  for (const write of [append, put, append, put]) {
    const failure = await write().catch(error => error)
    expect(failure).toBeInstanceOf(StoreFailed)
    expect(failure.message).toContain(words)
    expect(failure.message).toContain('put it back')
    expect(failure.isUnsure).toBe(false)
  }
  expect(await store.health.look()).toContain(words)
}

async function expectHealth(): Promise<void> {
  expect(await store.health.look()).toBeUndefined()
  await put()
  expect((await append()).kind).toBe('appended')
}

describe('what is taken away from under an open store ends its writes, and they go on when it is back:', () => {
  test.each([
    ['the directory', '', 'is gone'],
    ['the folder of the index', 'index', 'is gone'],
    ['the index', 'index/index.sqlite', 'index.sqlite is gone'],
    ['its log', 'index/index.sqlite-wal', 'index.sqlite-wal is gone'],
    ['its shared memory', 'index/index.sqlite-shm', 'index.sqlite-shm is gone'],
    ['the objects', 'objects', 'objects is gone'],
  ])('%s', async (_, name, words) => {
    await expectHealth()
    const path = join(directory, name)
    await rename(path, `${directory}-away`)
    await expectRefusal(words)
    // Nothing was made anew in its place.
    expect(existsSync(path)).toBe(false)
    // What is known is served on.
    expect((await store.index.readHead(partition))?.nextOffset).toBe(2)
    await rename(`${directory}-away`, path)
    await expectHealth()
  })

  test('another store in the place of this one', async () => {
    await rename(directory, `${directory}-away`)
    const other = await openLocalStore(directory)
    await expectRefusal('is not what it was')
    await other.close()
    await rm(directory, { recursive: true })
    await rename(`${directory}-away`, directory)
    await expectHealth()
  })

  test('another folder in the place of the objects, which may have been given the same number', async () => {
    for (let times = 0; times < 5; times += 1) {
      await rm(join(directory, 'objects'), { recursive: true })
      await mkdir(join(directory, 'objects', 'unfinished'), { recursive: true })
    }
    await expectRefusal('objects is not what it was')
  })

  test('a copy of the index in its place, with the same bytes', async () => {
    await cp(inIndex('index.sqlite'), inIndex('copy'))
    await rename(inIndex('copy'), inIndex('index.sqlite'))
    await expectRefusal('index.sqlite is not what it was')
  })

  test('a directory that was removed for good', async () => {
    await rm(directory, { recursive: true })
    await expectRefusal('is gone')
    expect(existsSync(directory)).toBe(false)
    // It was read before and is still open.
    expect((await store.index.readHead(partition))?.nextOffset).toBe(1)
  })
})

test('a write that is committed when the index has just gone is not acknowledged, and may be there', async () => {
  const folder = join(around, 'index')
  await mkdir(folder)
  const items = await SqliteItems.open(join(folder, 'index.sqlite'), new Footing(around), 'create')
  const failure = await items
    .update('key', () => {
      // Between the transaction's beginning and its end.
      renameSync(folder, `${folder}-away`)
      return { put: Buffer.from('value'), answer: 'acknowledged' }
    })
    .catch(error => error)
  expect(failure).toBeInstanceOf(StoreFailed)
  expect(failure.isUnsure).toBe(true)
  expect(Buffer.from((await items.get('key'))!).toString()).toBe('value')
  await items.close()
})

describe('parts of the objects that somebody removes are made anew:', () => {
  test.each(['segments', 'unfinished', 'log'])('%s', async name => {
    await putSettled()
    await rm(join(directory, 'objects', name), { recursive: true })
    // A put that finds it gone may be told so; the broker tries again.
    for (const write of [put, putSettled]) {
      await write().catch(error => expect(error).toBeInstanceOf(NotApplied))
      await write()
    }
    const key = segmentKey(freshId())
    await store.objects.put(key, [Buffer.from('again')])
    expect(Buffer.from((await store.objects.get(key, toPosition(0), 9))!).toString()).toBe('again')
  })

  test('a folder of segments that another has replaced keeps what is put', async () => {
    await store.objects.put(SETTLED, [LARGE])
    const folder = join(directory, 'objects', SETTLED, '..')
    await rename(folder, `${folder}-away`)
    await mkdir(folder)
    await expect(store.objects.put(SETTLED, [LARGE])).rejects.toThrow(NotApplied)
    await store.objects.put(SETTLED, [LARGE])
    expect(existsSync(join(directory, 'objects', SETTLED))).toBe(true)
  })

  test('a file that commits share, and that another has replaced, takes no more of them', async () => {
    const [folder] = await readdir(join(directory, 'objects', 'segments'))
    const [name] = await readdir(join(directory, 'objects', 'segments', folder!))
    const path = join(directory, 'objects', 'segments', folder!, name!)
    await cp(path, `${path}-copy`)
    await rename(`${path}-copy`, path)
    const key = segmentKey(freshId())
    await store.objects.put(key, [LARGE])
    for (const each of [KEY, key])
      expect(Buffer.from((await store.objects.get(each, toPosition(0), LARGE.length))!)).toEqual(LARGE)
  })
})

test('a store whose program goes elsewhere stays where it was opened', async () => {
  const before = process.cwd()
  await store.close()
  process.chdir(around)
  store = await openLocalStore('store')
  process.chdir('/')
  try {
    await expectHealth()
  } finally {
    process.chdir(before)
  }
})

test('trouble with the disk is told by the store until it is over', async () => {
  // A file where a folder of segments should be.
  await rm(join(directory, 'objects', 'segments'), { recursive: true })
  await writeFile(join(directory, 'objects', 'segments'), '')
  await put().catch(() => {})
  await expect(put()).rejects.toThrow('there is a file where a folder should be')
  expect(await store.health.look()).toContain('there is a file where a folder should be')
  await rm(join(directory, 'objects', 'segments'))
  // Nobody writes: the store tries it out by itself.
  await expect.poll(() => store.health.look(), { timeout: 20_000 }).toBeUndefined()
  await expectHealth()
})
