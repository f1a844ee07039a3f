/**
 * After a power failure the write-ahead log ends somewhere behind what was last synced. Here it is cut off at each of its frames, as
 * if nothing behind had reached the disk: what is left must be a state that can be gone on from.
 */
import { cp, mkdtemp, rm, stat, truncate } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { type LocalStore, openLocalStore } from '../../../src/adapters/local/local-store.ts'
import { SMALL_OBJECT_BYTES_MAX } from '../../../src/core/limits.ts'
import { makeBlock, movedEpoch } from '../../../src/core/log/tail.ts'
import { toOffset, toPosition } from '../../../src/core/numbers.ts'
import { ingestKey, placeKey } from '../../../src/core/storage-layout.ts'
import { freshId, freshPartition, inlineEntry, NO_CHANGES } from '../../conformance/samples.ts'

const FRAME_BYTES = 4096 + 24
const ZERO = toOffset(0)

let around: string
let store: LocalStore
const directory = () => join(around, 'store')
const wal = (of = directory()) => join(of, 'index', 'index.sqlite-wal')
const walBytes = async () => (await stat(wal())).size

beforeEach(async () => {
  around = await mkdtemp(join(tmpdir(), 'tidemark-power-'))
  store = await openLocalStore(directory())
})
afterEach(async () => {
  await store.close()
  await rm(around, { recursive: true })
})

/** Looks at the store as it would be with so much of its log. */
async function lookAfter<T>(bytes: number, look: (store: LocalStore) => Promise<T>): Promise<T> {
  const copy = join(around, 'copy')
  await cp(directory(), copy, { recursive: true })
  await rm(join(copy, 'index', 'index.sqlite-shm'))
  await truncate(wal(copy), bytes)
  const opened = await openLocalStore(copy, 'write')
  try {
    return await look(opened)
  } finally {
    await opened.close()
    await rm(copy, { recursive: true })
  }
}

test('no entry is left without its object, and none is gone that was acknowledged', {
  timeout: 60_000,
}, async () => {
  const partition = freshPartition(0)
  await store.index.createHead(partition, 0)
  const begun = await walBytes()
  const acknowledged: number[] = []
  for (let round = 0; round < 5; round += 1) {
    const object = freshId()
    const place = { kind: 'object' as const, object, epoch: 1, position: toPosition(0) }
    // By turns a row, and a place in a file.
    const bytes = round % 2 === 0 ? 10_000 : SMALL_OBJECT_BYTES_MAX + 1
    // And waited for, or along with the entry.
    await store.objects.put(ingestKey(place), [Buffer.alloc(bytes, object)], round >= 2)
    const entry = inlineEntry(1, { id: object, bytes: 10_000, place })
    const appended = await store.index.append(partition, entry, ZERO, new Set())
    expect(appended.kind).toBe('appended')
    acknowledged.push(await walBytes())
  }
  const end = await walBytes()
  expect(end).toBeGreaterThan(begun)
  for (let bytes = begun; bytes <= end; bytes += FRAME_BYTES) {
    await lookAfter(bytes, async ({ index, objects }) => {
      const { tail } = (await index.readHead(partition))!
      expect(tail.length).toBeGreaterThanOrEqual(acknowledged.filter(at => at <= bytes).length)
      for (const { place } of tail) {
        if (place.kind === 'inline') throw new Error('it is in an object')
        expect(await objects.get(placeKey(place), toPosition(9_999), 1)).toHaveLength(1)
      }
    })
  }
})

test('what leaves the rows is in them, or in a file, wherever the log ends', {
  timeout: 60_000,
}, async () => {
  const keys = Array.from({ length: 6 }, () => ingestKey({ epoch: 1, object: freshId() }))
  const begun = await walBytes()
  for (const key of keys) await store.objects.put(key, [Buffer.from(key)])
  await store.index.createHead(freshPartition(0), 0)
  const acknowledged = await walBytes()
  // Else its log would be written into the index at its end.
  const other = await openLocalStore(directory())
  await store.close()
  const end = await walBytes()
  expect(end).toBeGreaterThan(acknowledged)
  for (let bytes = begun; bytes <= end; bytes += FRAME_BYTES) {
    await lookAfter(bytes, async ({ objects }) => {
      const there: string[] = []
      for await (const { key } of objects.list('ingest/')) there.push(key)
      if (bytes >= acknowledged) expect(there.filter(key => keys.includes(key))).toEqual(keys.toSorted())
      for (const key of keys) {
        const found = await objects.get(key, toPosition(0), 99)
        if (found || bytes >= acknowledged) expect(Buffer.from(found!).toString()).toBe(key)
      }
    })
  }
  await other.close()
  store = await openLocalStore(directory())
})

test('a flush is undone from its end, and no record is without a place', { timeout: 60_000 }, async () => {
  const partition = freshPartition(0)
  await store.index.createHead(partition, 0)
  for (let round = 0; round < 4; round += 1)
    await store.index.append(partition, inlineEntry(1), ZERO, new Set())
  const head = (await store.index.readHead(partition))!
  const begun = await walBytes()
  const object = freshId()
  const place = { kind: 'object' as const, object, epoch: 1, position: toPosition(0) }
  await store.objects.put(ingestKey(place), [Buffer.alloc(100)])
  const block = makeBlock(
    head,
    head.tail.slice(0, 3).map(entry => ({ ...entry, place })),
  )
  await store.index.putBlock(partition, block)
  const cut = await store.index.trimTail(partition, block, NO_CHANGES, movedEpoch(head, block))
  expect(cut?.tail.length).toBe(1)
  const seen = new Set<string>()
  for (let bytes = begun; bytes <= (await walBytes()); bytes += FRAME_BYTES) {
    await lookAfter(bytes, async ({ index, objects }) => {
      const { tailOffset, nextOffset } = (await index.readHead(partition))!
      const [standing] = await index.readBlocks(partition, ZERO, 1)
      const put = await objects.get(ingestKey(place), toPosition(0), 1)
      seen.add(`${put ? 'object ' : ''}${standing ? 'block ' : ''}${tailOffset > 0 ? 'cut' : ''}`.trim())
      expect(nextOffset).toBe(4)
    })
  }
  expect([...seen]).toEqual(['', 'object', 'object block', 'object block cut'])
})

test('a commit that somebody is told of syncs by itself: another process reads nothing before that could be undone', async () => {
  const partition = freshPartition(0)
  await store.index.createHead(partition, 0)
  for (let round = 0; round < 4; round += 1) await store.index.append(partition, inlineEntry(1), ZERO)
  const head = (await store.index.readHead(partition))!
  const place = { kind: 'object' as const, object: freshId(), epoch: 1, position: toPosition(0) }
  const block = makeBlock(
    head,
    head.tail.slice(0, 3).map(entry => ({ ...entry, place })),
  )
  const exec = vi.spyOn(DatabaseSync.prototype, 'exec')
  /** How the commits so far were made. */
  const commits = () => {
    let mode = 'FULL'
    const modes: string[] = []
    for (const [statement] of exec.mock.calls) {
      mode = /synchronous = (\w+)/.exec(statement)?.[1] ?? mode
      if (statement === 'COMMIT') modes.push(mode)
    }
    return modes
  }
  try {
    await store.index.append(partition, inlineEntry(1), ZERO)
    await store.objects.put(ingestKey(place), [Buffer.alloc(100)])
    await store.index.putBlock(partition, block)
    await store.index.append(partition, inlineEntry(1), ZERO)
    expect(commits()).toEqual(['FULL', 'NORMAL', 'NORMAL', 'FULL'])
  } finally {
    exec.mockRestore()
  }
})
