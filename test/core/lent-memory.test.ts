import { describe, expect, test } from 'vitest'
import { type LentMemory, MemoryPool } from '../../src/core/lent-memory.ts'
import { MiB } from '../../src/core/limits/units.ts'
import { LENT_BYTES_MAX, LENT_BYTES_MIN } from '../../src/core/limits.ts'

const BYTES = 100_000

const found = async (into: Uint8Array) => into

/** Whether the next answer's memory is one of these. */
function isUsedAgain(pool: MemoryPool, ...before: Uint8Array[]): boolean {
  const { buffer } = pool.lend().take(BYTES)
  return before.some(one => one.buffer === buffer)
}

describe('memory of an answer', () => {
  test('is used again once its lender has left it', async () => {
    const pool = new MemoryPool(MiB)
    const memory = pool.lend()
    const bytes = await memory.use(() => memory.read(BYTES, found))
    expect([bytes.length, isUsedAgain(pool, bytes)]).toEqual([BYTES, false])
    memory.leave()
    expect(isUsedAgain(pool, bytes)).toBe(true)
  })

  test('is not used again before the answer is made, although its lender has left', async () => {
    const pool = new MemoryPool(MiB)
    const memory = pool.lend()
    let goOn = () => {}
    const held = new Promise<void>(resolve => {
      goOn = resolve
    })
    let bytes: Uint8Array | undefined
    const making = memory.use(async () => {
      bytes = await memory.read(BYTES, found)
      await held
    })
    await new Promise(setImmediate)
    memory.leave()
    expect(isUsedAgain(pool, bytes!)).toBe(false)
    goOn()
    await making
    expect(isUsedAgain(pool, bytes!)).toBe(true)
  })

  test('that somebody may still read into is never used again', async () => {
    const pool = new MemoryPool(MiB)
    const memory = pool.lend()
    const written: Uint8Array[] = []
    const lost = (how: (into: Uint8Array) => Promise<Uint8Array>) => (into: Uint8Array) => {
      written.push(into)
      return how(into)
    }
    await memory.use(async () => {
      await memory
        .read(
          BYTES,
          lost(() => Promise.reject(new Error('slow'))),
        )
        .catch(() => {})
      void memory.read(
        BYTES,
        lost(() => new Promise(() => {})),
      )
    })
    memory.leave()
    expect([written.length, pool.idleBytes]).toEqual([2, 0])
  })

  test('of an answer that could not be made is never used again: the rest of it may go on', async () => {
    const pool = new MemoryPool(MiB)
    const memory = pool.lend()
    const failing = memory.use(async () => {
      memory.take(BYTES)
      throw new Error('the store is gone')
    })
    await expect(failing).rejects.toThrow('the store is gone')
    memory.leave()
    expect(pool.idleBytes).toBe(0)
  })

  test('that comes after its lender has left is nobody else’s for as long as the answer is made', async () => {
    const pool = new MemoryPool(MiB)
    const memory = pool.lend()
    memory.leave()
    await memory.use(async () => {
      const bytes = await memory.read(BYTES, found)
      expect(isUsedAgain(pool, bytes)).toBe(false)
    })
  })
})

test('no more is kept than may be, and nothing very small or large', () => {
  const pool = new MemoryPool(MiB)
  const give = (...sizes: number[]) => {
    const all: LentMemory[] = sizes.map(size => {
      const memory = pool.lend()
      memory.take(size)
      return memory
    })
    for (const memory of all) memory.leave()
  }
  give(LENT_BYTES_MIN - 1, LENT_BYTES_MAX + 1)
  expect(pool.idleBytes).toBe(0)
  give(...Array(20).fill(BYTES))
  expect(pool.idleBytes).toBeGreaterThan(MiB / 2)
  expect(pool.idleBytes).toBeLessThanOrEqual(MiB)
})

test('a piece is at most a fourth larger than what it is for', () => {
  const pool = new MemoryPool(0)
  for (let bytes = LENT_BYTES_MIN; bytes < LENT_BYTES_MAX; bytes = Math.ceil(bytes * 1.07)) {
    const { length } = pool.take(bytes)
    expect(length).toBeGreaterThanOrEqual(bytes)
    expect(length).toBeLessThanOrEqual(bytes * 1.25 + 1)
  }
})

test('what is kept is of the sizes that are asked for: others make way', () => {
  const pool = new MemoryPool(MiB)
  const use = (bytes: number) => {
    const memory = pool.lend()
    const { buffer } = memory.take(bytes)
    memory.leave()
    return buffer
  }
  const large = [pool.lend(), pool.lend()]
  for (const memory of large) memory.take(MiB / 2)
  for (const memory of large) memory.leave()
  expect(pool.idleBytes).toBe(MiB)
  const small = use(BYTES)
  const nextLarge = use(MiB / 2)
  expect([use(BYTES) === small, use(MiB / 2) === nextLarge, pool.idleBytes < MiB]).toEqual([true, true, true])
  expect(pool.idleBytes).toBeGreaterThan(MiB / 2)
})
