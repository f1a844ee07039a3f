import fc from 'fast-check'
import { expect, test } from 'vitest'
import { MemoryPool } from '../../../src/core/lent-memory.ts'
import { FrameReader } from '../../../src/gateway/server/frames.ts'

function framed(body: Uint8Array): Buffer {
  const frame = Buffer.alloc(4 + body.length)
  frame.writeInt32BE(body.length)
  frame.set(body, 4)
  return frame
}

function readAll(reader: FrameReader): Buffer[] {
  const frames: Buffer[] = []
  for (let frame = reader.read(); frame; frame = reader.read()) frames.push(Buffer.from(frame.bytes))
  return frames
}

test('frames come out as they were sent, however they were cut', () => {
  const cuts = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 50 })
  const bodies = fc.array(fc.uint8Array({ maxLength: 100 }), { maxLength: 10 })
  fc.assert(
    fc.property(bodies, cuts, fc.boolean(), (sent, sizes, isLate) => {
      const stream = Buffer.concat(sent.map(framed))
      const reader = new FrameReader(new MemoryPool(0))
      const read: Buffer[] = []
      for (let at = 0, i = 0; at < stream.length; i++) {
        const size = sizes[i % sizes.length]!
        reader.push(stream.subarray(at, at + size))
        at += size
        if (!isLate || i % 3 === 0) read.push(...readAll(reader))
      }
      read.push(...readAll(reader))
      expect(read).toEqual(sent.map(body => Buffer.from(body)))
    }),
  )
})

test('a frame in one piece is not copied, and one in several is copied once', () => {
  const stream = Buffer.concat([framed(Buffer.from('ebb')), framed(Buffer.from('flow'))])
  const reader = new FrameReader(new MemoryPool(0))
  reader.push(stream.subarray(0, 12))
  const ebb = reader.read()
  expect([ebb?.bytes.buffer, ebb?.memory]).toEqual([stream.buffer, undefined])
  expect(reader.read()).toBe(undefined)
  reader.push(stream.subarray(12))
  const { bytes: flow, memory } = reader.read()!
  expect(Buffer.from(flow).toString()).toBe('flow')
  expect(flow.buffer).not.toBe(stream.buffer)
  expect(memory?.buffer).toBe(flow.buffer)
})

test('the length is told before there is room for it, whatever it is', () => {
  const reader = new FrameReader(new MemoryPool(0))
  reader.push(Buffer.from([0xff, 0xff]))
  expect(reader.nextBytes).toBe(undefined)
  reader.push(Buffer.from([0xff, 0xfe, 1, 2]))
  expect(reader.nextBytes).toBe(-2)
})

test('an empty frame is one', () => {
  const reader = new FrameReader(new MemoryPool(0))
  reader.push(Buffer.from([0, 0, 0, 0]))
  expect(reader.read()?.bytes).toHaveLength(0)
  expect(reader.read()).toBe(undefined)
})
