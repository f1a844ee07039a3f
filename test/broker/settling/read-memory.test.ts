import { expect, test } from 'vitest'
import { joined, ReadMemory } from '../../../src/broker/settling/read-memory.ts'

const fill = (text: string) => async (into: Uint8Array) => {
  const bytes = Buffer.from(text)
  into.set(bytes)
  return into.subarray(0, bytes.length)
}

test('what is given back is read into again, with room for what goes in front', async () => {
  const memory = new ReadMemory()
  const one = (await memory.read(100, fill('low tide')))!
  const other = (await memory.read(200, fill('high tide')))!
  expect(other.memory.buffer).not.toBe(one.memory.buffer)
  memory.giveBack(one)
  const next = (await memory.read(5_000, fill(' and the next one')))!
  expect(next.memory.buffer).toBe(one.memory.buffer)
  const both = joined(other.bytes, next)
  expect(Buffer.from(both).toString()).toBe('high tide and the next one')
  expect(both.buffer).toBe(next.memory.buffer)
  expect(joined(new Uint8Array(), next)).toBe(next.bytes)
})

test('what a store has put elsewhere, and what finds no room in front, is copied together', async () => {
  const memory = new ReadMemory()
  const elsewhere = (await memory.read(100, async () => Buffer.from('tide')))!
  expect(Buffer.from(joined(Buffer.from('low '), elsewhere)).toString()).toBe('low tide')
  const large = Buffer.alloc(2 ** 20, 'a')
  const there = (await memory.read(100, fill('b')))!
  expect(Buffer.from(joined(large, there)).equals(Buffer.concat([large, Buffer.from('b')]))).toBe(true)
})

test('a read that fails keeps its memory: it may be written to later', async () => {
  const memory = new ReadMemory()
  let given: Uint8Array | undefined
  const fail = async (into: Uint8Array) => {
    given = into
    throw new Error('the disk is slow')
  }
  await expect(memory.read(100, fail)).rejects.toThrow('slow')
  expect((await memory.read(100, fill('tide')))!.memory.buffer).not.toBe(given!.buffer)
  // Where there is no object, nobody writes any more.
  expect(
    await memory.read(2_000_000, async into => {
      given = into
      return undefined
    }),
  ).toBeUndefined()
  expect((await memory.read(2_000_000, fill('tide')))!.memory.buffer).toBe(given!.buffer)
})
