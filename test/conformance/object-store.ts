import { createHash, randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { OBJECT_PART_BYTES } from '../../src/core/limits.ts'
import { toPosition } from '../../src/core/numbers.ts'
import { segmentKey } from '../../src/core/storage-layout.ts'
import type { ObjectInfo, ObjectStore } from '../../src/ports/object-store.ts'
import { freshId } from './samples.ts'

export interface OpenedObjectStore {
  readonly objects: ObjectStore
  close(): Promise<void>
}

const MiB = 1024 * 1024

/** What every ObjectStore promises. The store is opened once, and need not be empty nor used by nobody else. */
export function describeObjectStore(name: string, open: () => Promise<OpenedObjectStore>): void {
  describe(`${name} as an object store`, () => {
    let opened: OpenedObjectStore
    let objects: ObjectStore

    beforeAll(async () => {
      opened = await open()
      objects = opened.objects
    })
    afterAll(async () => {
      await opened.close()
    })

    const freshKey = () => segmentKey(freshId())

    async function get(key: string, position: number, bytes: number): Promise<Buffer | undefined> {
      const found = await objects.get(key, toPosition(position), bytes)
      return found && Buffer.from(found)
    }

    async function stored(chunks: readonly Uint8Array[]): Promise<string> {
      const key = freshKey()
      await objects.put(key, chunks)
      return key
    }

    async function listed(): Promise<Map<string, ObjectInfo>> {
      const found = new Map<string, ObjectInfo>()
      for await (const info of objects.list()) {
        expect(found.has(info.key)).toBe(false)
        found.set(info.key, info)
      }
      return found
    }

    test('gives back the chunks one after the other', async () => {
      const key = await stored([Buffer.from('low '), Buffer.from('tide '), Buffer.from('mark')])
      expect((await get(key, 0, 13))?.toString()).toBe('low tide mark')
    })

    test('reads ranges at the beginning, in the middle and at the end', async () => {
      const key = await stored([Buffer.from('0123456789')])
      expect((await get(key, 0, 1))?.toString()).toBe('0')
      expect((await get(key, 3, 4))?.toString()).toBe('3456')
      expect((await get(key, 9, 1))?.toString()).toBe('9')
    })

    test('gives fewer bytes where the object ends before', async () => {
      const key = await stored([Buffer.from('0123456789')])
      expect((await get(key, 0, 1_000))?.toString()).toBe('0123456789')
      expect((await get(key, 8, 5))?.toString()).toBe('89')
      expect((await get(key, 10, 5))?.toString()).toBe('')
      expect((await get(key, 1_000, 5))?.toString()).toBe('')
    })

    test('may read into memory that it is given, and leaves the rest of it alone', async () => {
      const key = await stored([Buffer.from('0123456789')])
      for (const [position, bytes, expected] of [
        [3, 4, '3456'],
        [8, 5, '89'],
        [10, 5, ''],
      ] as const) {
        const into = Buffer.alloc(20, '.')
        const found = await objects.get(key, toPosition(position), bytes, into.subarray(6, 6 + bytes))
        expect(Buffer.from(found!).toString()).toBe(expected)
        if (found!.buffer === into.buffer) expect(found!.byteOffset).toBe(into.byteOffset + 6)
        expect(into.subarray(0, 6).toString()).toBe('.'.repeat(6))
        expect(into.subarray(6 + bytes).toString()).toBe('.'.repeat(14 - bytes))
      }
      expect(await objects.get(freshKey(), toPosition(0), 5, Buffer.alloc(5))).toBeUndefined()
    })

    test('tells that there is no such object', async () => {
      expect(await get(freshKey(), 0, 10)).toBeUndefined()
    })

    test('finds an object that was looked for in vain before', async () => {
      const key = freshKey()
      expect(await get(key, 0, 10)).toBeUndefined()
      await objects.put(key, [Buffer.from('now')])
      expect((await get(key, 0, 10))?.toString()).toBe('now')
    })

    test('takes the same bytes under the same key again', async () => {
      const key = freshKey()
      const chunks = [Buffer.from('once '), Buffer.from('only')]
      await objects.put(key, chunks)
      await objects.put(key, chunks)
      expect((await get(key, 0, 100))?.toString()).toBe('once only')
    })

    test('takes the same object from many at once', async () => {
      const key = freshKey()
      const chunk = randomBytes(100_000)
      await Promise.all(Array.from({ length: 8 }, () => objects.put(key, [chunk])))
      expect((await get(key, 0, 200_000))?.equals(chunk)).toBe(true)
    })

    test('takes chunks that are empty, and objects made of nothing', async () => {
      const empty = new Uint8Array(0)
      const key = await stored([empty, Buffer.from('a'), empty, empty, Buffer.from('b'), empty])
      expect((await get(key, 0, 10))?.toString()).toBe('ab')
      expect((await get(await stored([]), 0, 10))?.length).toBe(0)
      expect((await get(await stored([empty]), 0, 10))?.length).toBe(0)
    })

    test('takes chunks that are views of larger memory', async () => {
      const memory = Buffer.from('..first....second..')
      const key = await stored([memory.subarray(2, 7), memory.subarray(11, 17)])
      expect((await get(key, 0, 100))?.toString()).toBe('firstsecond')
    })

    test('keeps 8 MiB to the byte, and reads from anywhere in them', async () => {
      const bytes = randomBytes(8 * MiB)
      const key = await stored([bytes.subarray(0, 5 * MiB), bytes.subarray(5 * MiB)])
      const whole = await get(key, 0, 8 * MiB)
      expect(sha256(whole!)).toBe(sha256(bytes))
      for (const position of [0, 1, 5 * MiB - 3, 5 * MiB, 8 * MiB - 100]) {
        const range = await get(key, position, 64 * 1024)
        expect(range?.equals(bytes.subarray(position, position + 64 * 1024))).toBe(true)
      }
    })

    test('takes thousands of chunks', async () => {
      const chunks = Array.from({ length: 5_000 }, (_, number) => randomBytes(1 + (number % 90)))
      const bytes = Buffer.concat(chunks)
      const key = await stored(chunks)
      expect(sha256((await get(key, 0, bytes.length + 1))!)).toBe(sha256(bytes))
    })

    test('hands out memory that the caller may change', async () => {
      const key = await stored([Buffer.from('unchanged')])
      const first = await objects.get(key, toPosition(0), 9)
      first!.fill(0)
      expect((await get(key, 0, 9))?.toString()).toBe('unchanged')
      const [left, right] = await Promise.all([
        objects.get(key, toPosition(0), 9),
        objects.get(key, toPosition(0), 9),
      ])
      left!.fill(1)
      expect(Buffer.from(right!).toString()).toBe('unchanged')
    })

    test('does not hold on to the memory that it was given', async () => {
      const chunk = Buffer.from('before')
      const key = await stored([chunk])
      chunk.fill(0)
      expect((await get(key, 0, 6))?.toString()).toBe('before')
    })

    test('keeps many objects that are put at the same time apart', async () => {
      const written = await Promise.all(
        Array.from({ length: 60 }, async (_, number) => {
          const bytes = randomBytes(number * 37)
          return { key: await stored([bytes]), bytes }
        }),
      )
      await Promise.all(
        written.map(async ({ key, bytes }) => {
          expect((await get(key, 0, 10_000))?.equals(bytes)).toBe(true)
        }),
      )
    })

    describe('what comes in chunks', () => {
      test.each([
        ['nothing', []],
        ['chunks of nothing', [0, 0]],
        ['a few bytes', [3, 0, 5]],
        ['one part to the byte', [OBJECT_PART_BYTES - 1, 1]],
        ['a byte more than a part', [OBJECT_PART_BYTES, 1]],
        ['parts that one chunk fills', [2 * OBJECT_PART_BYTES + 77]],
        ['parts of chunks of any size', [5 * MiB, 1, 6 * MiB, 70_000, 5 * MiB, 8 * MiB]],
      ])('is kept to the byte: %s', async (_, sizes) => {
        const bytes = randomBytes(sizes.reduce((sum, size) => sum + size, 0))
        const key = freshKey()
        expect(await objects.putLarge(key, inChunks(bytes, sizes))).toBe(bytes.length)
        expect(sha256((await get(key, 0, bytes.length + 1))!)).toBe(sha256(bytes))
        // Once more, as after an outcome that nobody knows.
        expect(await objects.putLarge(key, inChunks(bytes, sizes))).toBe(bytes.length)
        expect((await get(key, 0, bytes.length + 1))?.length).toBe(bytes.length)
      })

      test('may come in the same memory again and again', async () => {
        const memory = Buffer.alloc(100_000)
        async function* refilled() {
          for (let number = 0; number < 250; number += 1) yield memory.fill(number)
        }
        const key = freshKey()
        expect(await objects.putLarge(key, refilled())).toBe(250 * memory.length)
        for (const number of [0, 1, 83, 84, 249]) {
          expect(await get(key, number * memory.length, 5)).toEqual(Buffer.alloc(5, number))
        }
      })

      test.each([0, 1, 2 * OBJECT_PART_BYTES + 5])(
        'leaves nothing behind where it breaks off after %d bytes',
        async bytes => {
          const key = freshKey()
          const failure = new Error('the source failed')
          async function* broken() {
            yield Buffer.alloc(bytes)
            throw failure
          }
          await expect(objects.putLarge(key, broken())).rejects.toBe(failure)
          expect(await get(key, 0, 10)).toBeUndefined()
          expect((await listed()).has(key)).toBe(false)
        },
      )
    })

    describe('a listing', () => {
      /** What begins so is nobody else's. */
      const own = `log/${freshId()}/`
      // In order: a hyphen and a dot sort before the slash, digits and letters behind it.
      const names = ['0/a', '0/b', '1-x', '1.x', '1/0/z', '1/2', '10', '1a', '2/é', '2/\uffee', '2/😀', 'Z']
      const keysOf = async (prefix?: string, below?: string) => {
        const keys: string[] = []
        for await (const { key } of objects.list(prefix, below)) keys.push(key)
        return keys
      }
      const listedNames = async (prefix: string, below?: string) => {
        const keys = await keysOf(`${own}${prefix}`, below === undefined ? undefined : `${own}${below}`)
        return keys.map(key => key.slice(own.length))
      }

      beforeAll(async () => {
        for (const name of names.toReversed()) await objects.put(`${own}${name}`, [Buffer.from(name)])
      })

      test('is in the order of the keys', async () => {
        expect(await listedNames('')).toEqual(names)
        const all = await keysOf()
        expect(all.length).toBeGreaterThanOrEqual(names.length)
        expect(all).toEqual(
          all.toSorted((one, other) => Buffer.compare(Buffer.from(one), Buffer.from(other))),
        )
      })

      test.each([
        ['0', ['0/a', '0/b']],
        ['0/', ['0/a', '0/b']],
        ['0/a', ['0/a']],
        ['0/a/', []],
        ['1', ['1-x', '1.x', '1/0/z', '1/2', '10', '1a']],
        ['1/', ['1/0/z', '1/2']],
        ['1/0', ['1/0/z']],
        ['2/é', ['2/é']],
        ['3', []],
        ['3/4/5', []],
      ])('has only what begins with "%s"', async (prefix, expected) => {
        expect(await listedNames(prefix)).toEqual(expected)
      })

      test.each([
        ['', '1/', ['0/a', '0/b', '1-x', '1.x']],
        ['', '1/0/z', ['0/a', '0/b', '1-x', '1.x']],
        ['', '1/1', ['0/a', '0/b', '1-x', '1.x', '1/0/z']],
        ['1', '10', ['1-x', '1.x', '1/0/z', '1/2']],
        ['2/', '2/😀', ['2/é', '2/\uffee']],
        ['1/', '0', []],
        ['', '', []],
      ])('of "%s" ends before "%s"', async (prefix, below, expected) => {
        expect(await listedNames(prefix, below)).toEqual(expected)
      })

      test('need not be taken to its end', async () => {
        for await (const { key } of objects.list(own)) {
          expect(key).toBe(`${own}0/a`)
          break
        }
        expect(await listedNames('0')).toEqual(['0/a', '0/b'])
      })
    })

    test('removes many, whether they are there or not, and no others', async () => {
      const own = `ingest/${freshId()}/`
      const keys = Array.from({ length: 1_200 }, (_, number) => `${own}${number % 16}/${number}`)
      for (let start = 0; start < keys.length; start += 100)
        await Promise.all(keys.slice(start, start + 100).map(key => objects.put(key, [Buffer.from('x')])))
      const kept = new Set(keys.filter((_, number) => number % 16 === 3))
      await objects.removeAll([])
      await objects.removeAll([...keys.filter(key => !kept.has(key)), `${own}none`, `${own}no/such/key`])
      await objects.removeAll(keys.filter(key => !kept.has(key)))
      const found: string[] = []
      for await (const { key } of objects.list(own)) found.push(key)
      expect(new Set(found)).toEqual(kept)
      expect((await get([...kept][0]!, 0, 1))?.toString()).toBe('x')
      expect(await get(keys[0]!, 0, 1)).toBeUndefined()
      await objects.removeAll([...kept])
      for await (const { key } of objects.list(own)) expect(key).toBeUndefined()
      // What was emptied can be used again.
      await objects.put(keys[0]!, [Buffer.from('again')])
      expect((await get(keys[0]!, 0, 9))?.toString()).toBe('again')
    })

    test('lists every object with its size', async () => {
      const sizes = new Map<string, number>()
      for (const bytes of [0, 1, 500, 70_000]) sizes.set(await stored([randomBytes(bytes)]), bytes)
      const found = await listed()
      for (const [key, bytes] of sizes) {
        expect(found.get(key)).toMatchObject({ key, bytes })
        expect(Number.isFinite(found.get(key)?.modifiedMs)).toBe(true)
      }
    })

    test('can change while it is being listed', async () => {
      const keys = await Promise.all(Array.from({ length: 20 }, () => stored([Buffer.from('x')])))
      const left = new Set(keys)
      for await (const { key } of objects.list()) {
        if (!left.delete(key)) continue
        await objects.remove(key)
        await stored([Buffer.from('y')])
      }
      expect(left.size).toBe(0)
    })

    test('removes an object, and is no worse for removing it again', async () => {
      const key = await stored([Buffer.from('gone')])
      const kept = await stored([Buffer.from('kept')])
      await objects.remove(key)
      await objects.remove(key)
      await objects.remove(freshKey())
      const found = await listed()
      expect(found.has(key)).toBe(false)
      expect(found.has(kept)).toBe(true)
      expect(await get(freshKey(), 0, 1)).toBeUndefined()
    })
  })
}

async function* inChunks(bytes: Uint8Array, sizes: readonly number[]): AsyncGenerator<Uint8Array> {
  let start = 0
  for (const size of sizes) {
    yield bytes.subarray(start, start + size)
    start += size
  }
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}
