import type { FileHandle } from 'node:fs/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { beforeEach, describe, expect, test } from 'vitest'
import { type PackFile, Packs } from '../../../src/adapters/local/packs.ts'
import { PACK_BYTES_MAX, PACK_FILES_OPEN_MAX, PACK_TRIES_MAX } from '../../../src/core/limits.ts'
import { NotApplied } from '../../../src/ports/outcome.ts'

/** A file in memory that tells what is done to it, and syncs when the test says so. */
class SlowFile implements PackFile {
  readonly pack: number
  readonly handle: FileHandle
  isThere = true
  written = ''
  synced = ''
  isClosed = false
  readonly #syncs: { go: () => void; fail: (error: Error) => void }[] = []

  constructor(pack: number) {
    this.pack = pack
    const writev = async (chunks: readonly Uint8Array[]) => {
      // It stops early, as a disk may.
      const bytes = Buffer.concat(chunks).subarray(0, 5)
      this.written += bytes.toString('latin1')
      return { bytesWritten: bytes.length }
    }
    const datasync = () => {
      const { written } = this
      return new Promise<void>((resolve, reject) => {
        const go = () => {
          this.synced = written
          resolve()
        }
        this.#syncs.push({ go, fail: reject })
      })
    }
    const close = async () => {
      this.isClosed = true
    }
    this.handle = { writev, datasync, close } as unknown as FileHandle
  }

  isStill = () => this.isThere

  async sync(failure?: Error): Promise<void> {
    await expect.poll(() => this.#syncs.length).toBe(1)
    const { go, fail } = this.#syncs.shift()!
    if (failure) fail(failure)
    else go()
  }
}

let files: SlowFile[]
let dropped: number[]
let packs: Packs

beforeEach(() => {
  files = []
  dropped = []
  packs = new Packs(
    async () => {
      const file = new SlowFile(files.length)
      files.push(file)
      return file
    },
    async ({ pack }) => void dropped.push(pack),
  )
})

const append = (text: string, epoch = 1) => packs.append(epoch, [Buffer.from(text, 'latin1')])
const fileOf = async (number: number) => {
  await expect.poll(() => files.length).toBeGreaterThan(number)
  return files[number]!
}

describe('what is appended', () => {
  test('is acknowledged once it is synced, and what came in the same turn with it', async () => {
    let acknowledged = 0
    const places = Promise.all(
      ['the ', 'tide ', 'comes'].map(async text => {
        const place = await append(text)
        acknowledged += 1
        expect(files[place.pack]!.synced.slice(place.position, place.position + place.bytes)).toBe(text)
        return place
      }),
    )
    const file = await fileOf(0)
    await expect.poll(() => file.written).toBe('the tide comes')
    expect(acknowledged).toBe(0)
    await file.sync()
    expect(await places).toEqual([
      { pack: 0, position: 0, bytes: 4 },
      { pack: 0, position: 4, bytes: 5 },
      { pack: 0, position: 9, bytes: 5 },
    ])
    const next = append('!')
    await file.sync()
    expect(await next).toEqual({ pack: 0, position: 14, bytes: 1 })
    await packs.close()
    expect([file.isClosed, dropped]).toEqual([true, [0]])
  })

  test('is written to so many files while others are synced, and then waits', async () => {
    const first: Promise<unknown>[] = []
    for (let number = 0; number < PACK_FILES_OPEN_MAX; number += 1) {
      first.push(append('first'))
      const file = await fileOf(number)
      await expect.poll(() => file.written).toBe('first')
    }
    const late = [append('late'), append('later')]
    const last = files.at(-1)!
    await last.sync()
    await expect.poll(() => last.written).toBe('firstlatelater')
    await last.sync()
    expect(await Promise.all(late)).toEqual([
      { pack: last.pack, position: 5, bytes: 4 },
      { pack: last.pack, position: 9, bytes: 5 },
    ])
    for (const file of files.slice(0, -1)) await file.sync()
    await Promise.all(first)
    await packs.close()
    expect(files).toHaveLength(PACK_FILES_OPEN_MAX)
  })

  test('goes into a file of its epoch', async () => {
    const both = [append('one', 1), append('two', 2)]
    await (await fileOf(0)).sync()
    await (await fileOf(1)).sync()
    const [one, two] = await Promise.all(both)
    expect(one!.pack).not.toBe(two!.pack)
    await packs.close()
  })

  test('goes on in another when one has so much', async () => {
    const large = packs.append(1, [])
    await (await fileOf(0)).sync()
    await large
    Object.assign(files[0]!.handle, { writev: async () => ({ bytesWritten: PACK_BYTES_MAX }) })
    const filling = packs.append(1, [new Uint8Array(PACK_BYTES_MAX)])
    await files[0]!.sync()
    await filling
    const next = append('next')
    await (await fileOf(1)).sync()
    expect(await next).toEqual({ pack: 1, position: 0, bytes: 4 })
    expect([files[0]!.isClosed, dropped]).toEqual([true, [0]])
    await packs.close()
  })
})

describe('a file that', () => {
  test('could not be synced takes no more, and what was before stays where it is', async () => {
    const good = append('good')
    await (await fileOf(0)).sync()
    await good
    const failing = Promise.allSettled([append('bad'), append('bad')])
    await files[0]!.sync(new Error('EIO'))
    expect((await failing).map(({ status }) => status)).toEqual(['rejected', 'rejected'])
    const next = append('next')
    await (await fileOf(1)).sync()
    expect(await next).toEqual({ pack: 1, position: 0, bytes: 4 })
    expect(files[0]!.isClosed).toBe(true)
    await packs.close()
  })

  test('could not be made leaves nobody waiting', async () => {
    packs = new Packs(
      async () => {
        throw new Error('ENOSPC')
      },
      async () => {},
    )
    for (let times = 0; times < 5; times += 1) await expect(append('tide')).rejects.toThrow('ENOSPC')
    expect(packs.isBusy).toBe(false)
    await packs.close()
  })

  test('was removed is followed by another, as often as is sensible', async () => {
    const first = append('tide')
    for (let number = 0; number < 2; number += 1) {
      const file = await fileOf(number)
      file.isThere = number > 0
      await file.sync()
    }
    expect(await first).toEqual({ pack: 1, position: 0, bytes: 4 })
    files[1]!.isThere = false
    const never = append('ebb')
    const refused = expect(never).rejects.toThrow(NotApplied)
    for (let number = 1; number <= PACK_TRIES_MAX; number += 1) {
      const file = await fileOf(number)
      file.isThere = false
      await file.sync()
    }
    await refused
    await packs.close()
    expect(files.every(({ isClosed }) => isClosed)).toBe(true)
  })
})

test('what was appended once is not held on to', { timeout: 60_000 }, async () => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const writev = async ([chunk]: readonly Uint8Array[]) => ({ bytesWritten: chunk!.length })
  const handle = { writev, datasync: async () => {}, close: async () => {} } as unknown as FileHandle
  packs = new Packs(
    async () => ({ pack: 0, handle, isStill: () => true }),
    async () => {},
  )
  const appendMany = async () => {
    for (let number = 0; number < 60_000; number += 1) await append('tide')
    collect()
    return process.memoryUsage().heapUsed
  }
  await appendMany()
  await appendMany()
  const before = await appendMany()
  expect((await appendMany()) - before).toBeLessThan(2 ** 20)
  await packs.close()
})
