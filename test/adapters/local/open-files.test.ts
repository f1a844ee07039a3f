import { type FileHandle, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { OpenFiles } from '../../../src/adapters/local/open-files.ts'

/** What Node says of a handle that has been closed. */
const CLOSED = -1

let directory: string
let files: OpenFiles

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tidemark-open-'))
  files = new OpenFiles(100)
})
afterEach(async () => {
  await files.close()
  await rm(directory, { recursive: true })
})

async function makeFile(name: string): Promise<string> {
  const path = join(directory, name)
  await writeFile(path, name)
  return path
}

test('a file that was read stays open for the next reader', async () => {
  const path = await makeFile('a')
  const handles: FileHandle[] = []
  for (let round = 0; round < 3; round += 1) await files.use(path, async handle => handles.push(handle))
  expect(new Set(handles).size).toBe(1)
  expect(handles[0]!.fd).not.toBe(CLOSED)
})

test('one whose read failed is closed when its last reader is done', async () => {
  const path = await makeFile('a')
  let other: FileHandle | undefined
  const slow = Promise.withResolvers<void>()
  const reading = files.use(path, async handle => {
    other = handle
    await slow.promise
    return handle.fd
  })
  await expect(
    files.use(path, () => {
      throw new Error('EIO')
    }),
  ).rejects.toThrow('EIO')
  expect(other!.fd).not.toBe(CLOSED)
  slow.resolve()
  expect(await reading).not.toBe(CLOSED)
  expect(other!.fd).toBe(CLOSED)
})

test('a missing file is looked for anew', async () => {
  const path = join(directory, 'late')
  expect(await files.use(path, async () => 'there')).toBeUndefined()
  await writeFile(path, 'x')
  expect(await files.use(path, async () => 'there')).toBe('there')
})

test('no more than so many stay open, and none in use is closed', async () => {
  const paths = await Promise.all(Array.from({ length: 700 }, (_, number) => makeFile(`${number}`)))
  const handles: FileHandle[] = []
  await Promise.all(
    paths.map(path =>
      files.use(path, async handle => {
        handles.push(handle)
        expect((await handle.stat()).size).toBeGreaterThan(0)
      }),
    ),
  )
  expect(handles.filter(({ fd }) => fd !== CLOSED).length).toBeLessThanOrEqual(512)
  await files.close()
  expect(handles.filter(({ fd }) => fd !== CLOSED)).toEqual([])
})

test('no more files are open than may be: who needs another one waits, and gets it', async () => {
  const few = new OpenFiles(3)
  const paths = await Promise.all(Array.from({ length: 20 }, (_, nth) => makeFile(`few-${nth}`)))
  let open = 0
  let openMost = 0
  const handles = new Set<FileHandle>()
  const read = async (path: string) =>
    few.use(path, async handle => {
      handles.add(handle)
      open += 1
      openMost = Math.max(openMost, [...handles].filter(({ fd }) => fd !== CLOSED).length)
      await new Promise(resolve => setImmediate(resolve))
      open -= 1
      return path
    })
  // Each twice, so that some wait for a file that another one has opened meanwhile.
  const wanted = [...paths, ...paths]
  expect(await Promise.all(wanted.map(read))).toEqual(wanted)
  expect(open).toBe(0)
  expect(openMost).toBeLessThanOrEqual(3)
  await few.close()
  expect([...handles].every(({ fd }) => fd === CLOSED)).toBe(true)
})

test('one that is forgotten is closed at once, or when its last reader is done', async () => {
  const path = await makeFile('gone')
  let handle: FileHandle | undefined
  await files.use(path, async opened => {
    handle = opened
  })
  await files.forget(path)
  expect(handle!.fd).toBe(CLOSED)
  const slow = Promise.withResolvers<void>()
  const reading = files.use(path, async opened => {
    handle = opened
    await slow.promise
    return (await opened.readFile()).toString()
  })
  await rm(path)
  await files.forget(path)
  slow.resolve()
  expect(await reading).toBe('gone')
  expect(handle!.fd).toBe(CLOSED)
  expect(await files.use(path, async () => 'there')).toBeUndefined()
  await files.forget(path)
})

test('what others have removed is closed at the next look, and what is being read is not', async () => {
  const watched = new OpenFiles(10, 0)
  const [gone, read, kept] = await Promise.all(['gone', 'read', 'kept'].map(makeFile))
  const handles = new Map<string, FileHandle>()
  const note = (path: string) => async (handle: FileHandle) => void handles.set(path, handle)
  for (const path of [gone!, kept!]) await watched.use(path, note(path))
  const slow = Promise.withResolvers<void>()
  const reading = watched.use(read!, async handle => {
    handles.set(read!, handle)
    await slow.promise
    return (await handle.readFile()).toString()
  })
  await rm(gone!)
  await rm(read!)
  await watched.use(kept!, async () => {})
  expect(handles.get(gone!)!.fd).toBe(CLOSED)
  expect(handles.get(kept!)!.fd).not.toBe(CLOSED)
  slow.resolve()
  expect(await reading).toBe('read')
  await watched.lookForRemoved()
  expect(handles.get(read!)!.fd).toBe(CLOSED)
  await watched.close()
})
