/** What a directory has of its own: files in the making, files that stay open, folders. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readdir, readlink, rm, rmdir, stat, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type LocalStore, openLocalStore } from '../../../src/adapters/local/local-store.ts'
import { toPosition } from '../../../src/core/numbers.ts'
import { NotApplied, StoreFailed } from '../../../src/ports/outcome.ts'

const WORKER = fileURLToPath(new URL('store-worker.ts', import.meta.url))
const MiB = 1024 * 1024

let directory: string
let store: LocalStore

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tidemark-large-'))
  store = await openLocalStore(directory)
})
afterEach(async () => {
  await store.close()
  await rm(directory, { recursive: true, force: true })
})

const at = (...names: string[]) => join(directory, 'objects', ...names)
const unfinished = async () => await readdir(at('unfinished'))
const isThere = async (path: string) =>
  await stat(path).then(
    () => true,
    () => false,
  )

async function* chunks(count: number, chunk: Uint8Array, before: (number: number) => unknown = () => {}) {
  for (let number = 0; number < count; number += 1) {
    await before(number)
    yield chunk
  }
}

describe('a large object', () => {
  test('of 300 MiB takes hardly any memory', async () => {
    const chunk = Buffer.alloc(MiB, 'tide')
    const before = process.memoryUsage().arrayBuffers
    let most = 0
    const bytes = await store.objects.putLarge(
      'log/a/0/large',
      chunks(300, chunk, () => {
        most = Math.max(most, process.memoryUsage().arrayBuffers - before)
      }),
    )
    expect(bytes).toBe(300 * MiB)
    expect(most).toBeLessThan(24 * MiB)
    const end = await store.objects.get('log/a/0/large', toPosition(300 * MiB - 4), 10)
    expect(Buffer.from(end!).toString()).toBe('tide')
  })

  test('lies elsewhere until it is whole, and nowhere when it has failed', async () => {
    const failure = new Error('the source failed')
    const key = 'log/a/0/broken'
    const put = store.objects.putLarge(
      key,
      chunks(100, Buffer.alloc(1_000), async number => {
        expect(await unfinished()).toHaveLength(1)
        expect(await isThere(at(key))).toBe(false)
        if (number === 30) throw failure
      }),
    )
    await expect(put).rejects.toBe(failure)
    expect(await unfinished()).toEqual([])
    // It says nothing of the disk.
    expect(await store.health.look()).toBeUndefined()
  })

  test('that finds no place leaves nothing behind', async () => {
    await writeFile(at('log'), 'a file where a folder should be')
    await expect(store.objects.putLarge('log/a/0/1', chunks(3, Buffer.alloc(10)))).rejects.toThrow(
      StoreFailed,
    )
    expect(await unfinished()).toEqual([])
  })

  test('that another process clears away meanwhile is given anew', async () => {
    const clearing = store.objects.putLarge(
      'log/a/0/1',
      chunks(3, Buffer.alloc(10), async () => {
        for (const name of await unfinished()) await rm(at('unfinished', name))
      }),
    )
    await expect(clearing).rejects.toThrow(NotApplied)
    expect(await store.objects.putLarge('log/a/0/1', chunks(3, Buffer.alloc(10)))).toBe(30)
  })

  test('whose process is killed leaves nothing under its name, and what it leaves is cleared away', async () => {
    const key = 'log/a/0/killed'
    const child = spawn(process.execPath, [WORKER, directory, 'put-large-forever', key], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    await once(child.stdout, 'data')
    child.kill('SIGKILL')
    await once(child, 'exit')
    expect(await store.objects.get(key, toPosition(0), 1)).toBeUndefined()
    for await (const listed of store.objects.list()) expect(listed).toBeUndefined()
    const left = await unfinished()
    expect(left).toHaveLength(1)
    await store.close()
    // A young one may be another process's.
    store = await openLocalStore(directory)
    expect(await unfinished()).toEqual(left)
    await store.close()
    await utimes(at('unfinished', left[0]!), 0, 0)
    store = await openLocalStore(directory)
    expect(await unfinished()).toEqual([])
  })

  test('is refused where the store was opened to be read', async () => {
    const reading = await openLocalStore(directory, 'read')
    await expect(reading.objects.putLarge('log/a/0/1', chunks(1, Buffer.alloc(1)))).rejects.toThrow(
      StoreFailed,
    )
    await expect(reading.objects.removeAll(['log/a/0/1'])).rejects.toThrow(StoreFailed)
    await reading.close()
  })
})

describe('what is removed', () => {
  /** Files of the store that this process has open, although they have no name any more. */
  async function openAndGone(): Promise<string[]> {
    const targets = await Promise.all(
      (await readdir('/proc/self/fd')).map(fd => readlink(`/proc/self/fd/${fd}`).catch(() => '')),
    )
    return targets.filter(target => target.startsWith(directory) && target.endsWith('(deleted)'))
  }

  test.runIf(process.platform === 'linux')(
    'gives back its room at once, also when it was just read',
    async () => {
      const keys = Array.from({ length: 20 }, (_, number) => `log/a/0/${number}`)
      for (const key of keys) await store.objects.put(key, [Buffer.alloc(1_000)])
      for (const key of keys) await store.objects.get(key, toPosition(0), 10)
      await store.objects.remove(keys[0]!)
      await store.objects.removeAll(keys.slice(1))
      expect(await openAndGone()).toEqual([])
      expect(await store.objects.get(keys[0]!, toPosition(0), 10)).toBeUndefined()
      expect(await isThere(at('log', 'a'))).toBe(false)
    },
  )

  test('by the thousands is gone, with its folders, but for those in which something is left', async () => {
    const keys: string[] = []
    for (let folder = 0; folder < 20; folder += 1) {
      await mkdir(at('ingest', '0000000007', `${folder}`), { recursive: true })
      for (let number = 0; number < 1_000; number += 1) keys.push(`ingest/0000000007/${folder}/${number}`)
    }
    for (const key of keys) await writeFile(at(key), '')
    const [kept, ...others] = keys
    await store.objects.removeAll(others)
    expect(await readdir(at('ingest', '0000000007'))).toEqual(['0'])
    await store.objects.removeAll([kept!])
    expect(await readdir(at('ingest'))).toEqual([])
  })

  test('may be in a folder that is used again, or that another process has removed just now', async () => {
    const key = 'log/a/0/1'
    for (let round = 0; round < 3; round += 1) {
      await store.objects.put(key, [Buffer.from('x')])
      await store.objects.removeAll([key])
      await store.objects.putLarge(key, chunks(2, Buffer.from('y')))
      expect(Buffer.from((await store.objects.get(key, toPosition(0), 3))!).toString()).toBe('yy')
      await rm(at(key))
      for (const folder of ['log/a/0', 'log/a', 'log']) await rmdir(at(folder))
    }
  })

  test('while others put into the same folder harms none of them', async () => {
    const other = await openLocalStore(directory)
    const puts = Array.from({ length: 60 }, async (_, number) => {
      const key = `log/a/0/${number}`
      const objects = number % 2 === 0 ? store.objects : other.objects
      for (let tries = 0; ; tries += 1) {
        try {
          await objects.put(key, [Buffer.from(key)])
          break
        } catch (error) {
          // As whoever puts does.
          if (!(error instanceof NotApplied) || tries === 20) throw error
        }
      }
      const found = await objects.get(key, toPosition(0), 100)
      expect(Buffer.from(found!).toString()).toBe(key)
      await (number % 3 === 0 ? other : store).objects.removeAll([key])
    })
    await Promise.all(puts)
    expect(await readdir(at('log'))).toEqual([])
    await other.close()
  })
})

test.each(['../', 'a//', '/', './a', 'a/../b'])('no listing leaves the store: %j', async prefix => {
  await expect(store.objects.list(prefix).next()).rejects.toThrow(RangeError)
})
