import { existsSync } from 'node:fs'
import {
  cp,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  truncate,
  utimes,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { openLocalStore } from '../../../src/adapters/local/local-store.ts'
import { segmentKey } from '../../../src/core/storage-layout.ts'
import { encodeStoreFormat } from '../../../src/core/store-format.ts'
import { openEmbedded } from '../../../src/embedded/embedded.ts'
import { StoreFailed } from '../../../src/ports/outcome.ts'
import { batchOf } from '../../broker/harness.ts'
import { freshId } from '../../conformance/samples.ts'

let around: string
let directory: string

beforeEach(async () => {
  around = await mkdtemp(join(tmpdir(), 'tidemark-format-'))
  directory = join(around, 'store')
})
afterEach(async () => {
  await rm(around, { recursive: true, force: true })
})

const everything = async (path: string) => (await readdir(path, { recursive: true })).toSorted()
const inStore = (...names: string[]) => join(directory, ...names)

/** A store with a topic and records, some of them in an object. */
async function makeStore(at = directory): Promise<void> {
  const { broker, close } = await openEmbedded({ directory: at })
  await broker.createTopic({ topic: 'tides' })
  for (const value of ['ebb', 'x'.repeat(10_000)]) {
    await broker.produce({ topic: 'tides', partition: 0, batches: batchOf([value], { timestampMs: 1 }) })
  }
  await close()
}

/** As a store was before stores said what they are. */
async function forgetFormat(at = directory): Promise<void> {
  await rm(join(at, 'format.json'))
  await rm(join(at, 'objects', 'format.json'))
  const database = new DatabaseSync(join(at, 'index', 'index.sqlite'))
  database.exec("DELETE FROM items WHERE key = 'store/format'")
  database.close()
}

async function refusal(access: 'read' | 'write' | 'create'): Promise<string> {
  const failure = await openLocalStore(directory, access).catch(error => error)
  expect(failure).toBeInstanceOf(StoreFailed)
  return failure.message
}

async function findings(): Promise<string[]> {
  const store = await openEmbedded({ directory, access: 'read' })
  const found: string[] = []
  for await (const { severity, place, problem } of store.verify().findings) {
    found.push(`${severity}: ${place}: ${problem}`)
  }
  await store.close()
  return found
}

/** Makes all objects look older than anything that is unfinished. */
async function age(byMs = 3_600_000): Promise<void> {
  const made = new Date(Date.now() - byMs)
  for (const name of await readdir(inStore('objects'), { recursive: true })) {
    await utimes(inStore('objects', name), made, made)
  }
  // Of those that share a file, the index knows when they were made.
  const database = new DatabaseSync(inStore('index', 'index.sqlite'))
  database.prepare('UPDATE packed SET madeMs = ?').run(made.getTime())
  database.close()
}

describe('a new store', () => {
  test('says what it is in its directory, its objects and its index, the same each time', async () => {
    const beforeMs = Date.now()
    const first = await openLocalStore(directory)
    await first.close()
    const stated = await readFile(inStore('format.json'), 'utf8')
    expect(await readFile(inStore('objects', 'format.json'), 'utf8')).toBe(stated)
    expect(JSON.parse(stated)).toEqual({
      format: 'tidemark',
      version: 5,
      storeId: expect.stringMatching(/^[0-9a-f]{32}$/),
      createdMs: expect.any(Number),
    })
    expect(first.format?.createdMs).toBeGreaterThanOrEqual(beforeMs)
    const second = await openLocalStore(directory)
    await second.close()
    expect(second.format).toEqual(first.format)
    expect(await readFile(inStore('format.json'), 'utf8')).toBe(stated)
  })

  test('that several make at the same time is one store', async () => {
    const stores = await Promise.all(Array.from({ length: 8 }, () => openLocalStore(directory)))
    expect(new Set(stores.map(({ format }) => format?.storeId)).size).toBe(1)
    for (const store of stores) await store.close()
    expect(await everything(directory)).toEqual([
      'format.json',
      'index',
      'index/index.sqlite',
      'objects',
      'objects/format.json',
      'objects/unfinished',
    ])
  })

  test.each(['lost+found', '.DS_Store'])('may be made beside %s', async name => {
    await mkdir(directory)
    await writeFile(inStore(name), '')
    await (await openLocalStore(directory)).close()
    expect(existsSync(inStore('format.json'))).toBe(true)
  })

  test.each([
    ['the statement in the directory', ['format.json']],
    ['both statements', ['format.json', 'objects/format.json']],
    ['all but the empty folders', ['format.json', 'objects/format.json', 'index/index.sqlite']],
    ['the whole index', ['format.json', 'objects/format.json', 'index']],
  ])('whose making broke off is made up for: without %s', async (_, names) => {
    await (await openLocalStore(directory)).close()
    for (const name of names) await rm(inStore(name), { recursive: true })
    const { format, close } = await openLocalStore(directory)
    await close()
    expect(JSON.parse(await readFile(inStore('format.json'), 'utf8'))).toMatchObject({ ...format })
  })
})

describe('a store from before stores said what they are', () => {
  test('is opened, and is given a statement by the first that may write', async () => {
    await makeStore()
    await forgetFormat()
    const before = await everything(directory)
    const reading = await openLocalStore(directory, 'read')
    expect(reading.format).toBeUndefined()
    await reading.close()
    expect(await everything(directory)).toEqual(before)
    const writing = await openLocalStore(directory, 'write')
    expect(writing.format).toMatchObject({ version: 5, createdMs: null })
    expect((await writing.topics.get('tides'))?.partitions).toBe(1)
    await writing.close()
    expect(await findings()).toEqual([])
  })

  test('whose index was lost and made anew is suspicious', async () => {
    await makeStore()
    await forgetFormat()
    await age()
    await rm(inStore('index'), { recursive: true })
    const database = join(around, 'empty')
    await (await openLocalStore(database)).close()
    await cp(join(database, 'index'), inStore('index'), { recursive: true })
    const empty = new DatabaseSync(inStore('index', 'index.sqlite'))
    empty.exec('DELETE FROM items')
    empty.close()
    const told = await findings()
    expect(told.at(-1)).toMatch(
      /^suspicious: the index: it has no topic, and \d+ objects .* has an index been lost/,
    )
    expect(told.slice(0, -1).every(line => line.startsWith('leftover: segments/'))).toBe(true)
  })
})

describe('a store of version 1', () => {
  const NAMES = ['format.json', 'objects/format.json']

  /** Has those parts of a store say what version 1 did; tells what. */
  async function lower(parts: readonly string[]): Promise<string> {
    const old = (await readFile(inStore('format.json'), 'utf8')).replace('"version":5', '"version":1')
    for (const name of parts) {
      if (name !== 'index') await writeFile(inStore(name), old)
    }
    if (parts.includes('index')) {
      const database = new DatabaseSync(inStore('index', 'index.sqlite'))
      database.prepare('UPDATE items SET value = ? WHERE key = ?').run(Buffer.from(old), 'store/format')
      database.close()
    }
    return old
  }

  test('is read as it is, and raised in all its parts by who may write', async () => {
    await makeStore()
    const old = await lower([...NAMES, 'index'])
    const reading = await openLocalStore(directory, 'read')
    expect(reading.format).toMatchObject({ version: 1 })
    await reading.close()
    for (const name of NAMES) expect(await readFile(inStore(name), 'utf8')).toBe(old)
    const stores = await Promise.all(Array.from({ length: 4 }, () => openLocalStore(directory, 'write')))
    for (const { format } of stores) expect(format).toEqual({ ...reading.format, version: 5 })
    expect((await stores[0]!.topics.get('tides'))?.partitions).toBe(1)
    for (const store of stores) await store.close()
    const raised = old.replace('"version":1', '"version":5')
    for (const name of NAMES) expect(await readFile(inStore(name), 'utf8')).toBe(raised)
    expect(await findings()).toEqual([])
  })

  test.each([[[...NAMES]], [['objects/format.json']], [['format.json']]])(
    'whose raising broke off before %s is made up for',
    async parts => {
      await makeStore()
      await lower(parts)
      await (await openLocalStore(directory, 'write')).close()
      const stated = await Promise.all(NAMES.map(name => readFile(inStore(name), 'utf8')))
      expect(stated[0]).toContain('"version":5')
      expect(stated[1]).toBe(stated[0])
    },
  )
})

describe('refused, with what to do, and nothing is touched:', () => {
  afterEach(async () => {
    expect(existsSync(inStore('index', 'index.sqlite-wal'))).toBe(false)
  })

  test.each(['read', 'write'] as const)('a path where nothing is, to %s', async access => {
    expect(await refusal(access)).toContain('there is no such directory')
    expect(existsSync(directory)).toBe(false)
  })

  test.each(['read', 'write'] as const)('an empty folder, to %s', async access => {
    await mkdir(directory)
    expect(await refusal(access)).toContain('it is empty')
    expect(await everything(directory)).toEqual([])
  })

  test.each(['read', 'write', 'create'] as const)('a folder of other things, to %s', async access => {
    await mkdir(directory)
    for (const name of ['a.txt', 'b.txt', 'c', 'd']) await writeFile(inStore(name), '')
    expect(await refusal(access)).toContain(
      "is no store of Tidemark's: it holds other things (a.txt, b.txt, c, …)",
    )
    expect(await everything(directory)).toEqual(['a.txt', 'b.txt', 'c', 'd'])
  })

  test.each(['read', 'write', 'create'] as const)('a file, to %s', async access => {
    await writeFile(directory, 'tides')
    expect(await refusal(access)).toContain('there is a file where a folder should be')
  })

  test.each(['read', 'write', 'create'] as const)(
    'a folder where the index should be, to %s',
    async access => {
      await makeStore()
      await rm(inStore('index', 'index.sqlite'))
      await mkdir(inStore('index', 'index.sqlite'))
      expect(await refusal(access)).toContain('index.sqlite is a folder, where a file should be')
    },
  )

  test.each(['read', 'write', 'create'] as const)('a store whose index is lost, to %s', async access => {
    await makeStore()
    await rm(inStore('index'), { recursive: true })
    const before = await everything(directory)
    expect(await refusal(access)).toContain('has an index been lost? Bring it back from a backup')
    expect(await everything(directory)).toEqual(before)
  })

  test('but to make it anew: then it says what the objects do', async () => {
    await makeStore()
    const stated = await readFile(inStore('format.json'))
    await rm(inStore('index'), { recursive: true })
    const { format, close } = await openLocalStore(directory, 'rebuild')
    await close()
    expect(Buffer.from(encodeStoreFormat(format!))).toEqual(stated)
    for (const access of ['rebuild', 'write'] as const)
      await (await openLocalStore(directory, access)).close()
    expect(await readFile(inStore('objects', 'format.json'))).toEqual(stated)
  })

  test('and nothing is made anew where there is no store, or without objects', async () => {
    const failed = async () => (await openLocalStore(directory, 'rebuild').catch(error => error)).message
    expect(await failed()).toContain('there is no such directory')
    await makeStore()
    await rm(inStore('index'), { recursive: true })
    await rm(inStore('objects'), { recursive: true })
    expect(await failed()).toContain('nothing is left to make an index of')
    expect(existsSync(inStore('index'))).toBe(false)
  })

  test.each(['read', 'write', 'create'] as const)('the same of an older store, to %s', async access => {
    await makeStore()
    await forgetFormat()
    await rm(inStore('index'), { recursive: true })
    expect(await refusal(access)).toContain('has an index been lost?')
    expect(existsSync(inStore('index'))).toBe(false)
  })

  test.each(['read', 'write', 'create'] as const)('an index that was emptied, to %s', async access => {
    await makeStore()
    await truncate(inStore('index', 'index.sqlite'))
    expect(await refusal(access)).toContain('has an index been lost?')
  })

  test.each(['index', 'objects'])('another store’s %s', async part => {
    const other = join(around, 'other')
    await makeStore()
    await makeStore(other)
    await rename(inStore(part), join(around, 'away'))
    await rename(join(other, part), inStore(part))
    for (const access of ['read', 'write', 'create'] as const) {
      expect(await refusal(access)).toContain('do not belong together')
    }
  })

  test('a store without its objects', async () => {
    await makeStore()
    await rm(inStore('objects'), { recursive: true })
    for (const access of ['read', 'write', 'create'] as const) {
      expect(await refusal(access)).toContain('objects is gone')
      expect(existsSync(inStore('objects'))).toBe(false)
    }
  })

  test('a newer store, before anything else in it is looked at', async () => {
    await mkdir(inStore('other layout'), { recursive: true })
    const newer = { version: 6, storeId: freshId(), createdMs: 5 }
    await writeFile(inStore('format.json'), encodeStoreFormat(newer))
    for (const access of ['read', 'write', 'create'] as const) {
      expect(await refusal(access)).toContain('is of a newer Tidemark (format 6, and this one knows 5)')
    }
    expect(await everything(directory)).toEqual(['format.json', 'other layout'])
  })
})

describe('what only reads', () => {
  test('leaves everything as it is, and refuses to write', async () => {
    await makeStore()
    await writeFile(inStore('objects', 'unfinished', 'old'), 'x')
    await age()
    const before = await everything(directory)
    const { broker, close } = await openEmbedded({ directory, access: 'read' })
    expect((await broker.listTopics()).map(({ topic }) => topic)).toEqual(['tides'])
    for (const bytes of [10, 10_000]) {
      const batches = batchOf(['x'.repeat(bytes)], { timestampMs: 1 })
      await expect(broker.produce({ topic: 'tides', partition: 0, batches })).rejects.toMatchObject({
        kafkaName: 'KAFKA_STORAGE_ERROR',
        message: expect.stringContaining('open it for writing'),
      })
    }
    await expect(broker.createTopic({ topic: 'other' })).rejects.toThrow('open it for writing')
    await close()
    expect(await everything(directory)).toEqual(before)
  })
})

describe('verify', () => {
  test('suspects a lost index where objects are older than it', async () => {
    await makeStore()
    const id = freshId()
    const { objects, close } = await openLocalStore(directory)
    await objects.put(segmentKey(id), [Buffer.from('of another time')])
    await close()
    // As young as a crash leaves it: a leftover.
    await age(120_000)
    expect(await findings()).toEqual([`leftover: ${segmentKey(id)}: nothing refers to it (15 bytes)`])
    await age()
    expect(await findings()).toEqual([
      `leftover: ${segmentKey(id)}: nothing refers to it (15 bytes)`,
      'suspicious: the index: 1 objects (15 bytes) that nothing refers to are older than it: has an index been lost?',
    ])
  })

  test('calls what deletions leave no more than that', async () => {
    await makeStore()
    const { broker, close } = await openEmbedded({ directory })
    await broker.deleteTopic('tides')
    await close()
    await age(120_000)
    const told = await findings()
    expect(told.length).toBeGreaterThan(0)
    expect(told.every(line => line.startsWith('leftover: '))).toBe(true)
  })
})
