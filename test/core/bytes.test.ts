import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ByteReader, ByteWriter } from '../../src/core/bytes.ts'

const number = fc.oneof(fc.nat({ max: 300 }), fc.nat({ max: Number.MAX_SAFE_INTEGER }))

describe('numbers', () => {
  test('come back, and as many bytes as they need are written', () => {
    fc.assert(
      fc.property(number, value => {
        const bytes = new ByteWriter().number(value).finish()
        expect(new ByteReader(bytes).number()).toBe(value)
        expect(bytes).toHaveLength(Math.max(1, Math.ceil(value.toString(2).length / 7)))
      }),
    )
  })

  test.each([
    [0, '00'],
    [127, '7f'],
    [128, '8001'],
    [300, 'ac02'],
    [2 ** 31, '8080808008'],
    [2 ** 32, '8080808010'],
    [Number.MAX_SAFE_INTEGER, 'ffffffffffffff0f'],
  ])('%d is %s', (value, hex) => {
    expect(Buffer.from(new ByteWriter().number(value).finish()).toString('hex')).toBe(hex)
  })

  test.each([-1, 0.5, 2 ** 53, Number.NaN, Number.POSITIVE_INFINITY])('%d cannot be written', value => {
    expect(() => new ByteWriter().number(value)).toThrow(RangeError)
  })

  test.each(['8080808080808010', 'ffffffffffffffffff01', 'ff'.repeat(400)])('%s is no number', hex => {
    expect(() => new ByteReader(Buffer.from(hex, 'hex')).number()).toThrow(RangeError)
  })
})

test('a row of anything comes back, however long, and ends where it should', () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant('byte' as const), value: fc.nat({ max: 255 }) }),
    fc.record({ kind: fc.constant('number' as const), value: number }),
    fc.record({ kind: fc.constant('block' as const), value: fc.uint8Array({ maxLength: 700 }) }),
    fc.record({ kind: fc.constant('id' as const), value: fc.uint8Array({ minLength: 16, maxLength: 16 }) }),
  )
  fc.assert(
    fc.property(fc.array(step), steps => {
      const writer = new ByteWriter()
      for (const { kind, value } of steps) {
        if (kind === 'byte') writer.byte(value)
        else if (kind === 'number') writer.number(value)
        else if (kind === 'block') writer.block(value)
        else writer.id(Buffer.from(value).toString('hex'))
      }
      const reader = new ByteReader(writer.finish())
      for (const { kind, value } of steps) {
        if (kind === 'byte') expect(reader.byte()).toBe(value)
        else if (kind === 'number') expect(reader.number()).toBe(value)
        else if (kind === 'block') expect(Uint8Array.from(reader.block())).toEqual(value)
        else expect(reader.id()).toBe(Buffer.from(value).toString('hex'))
      }
      expect(reader.isAtEnd).toBe(true)
      expect(() => reader.byte()).toThrow(RangeError)
    }),
  )
})

test('what was finished does not change when more is written', () => {
  const writer = new ByteWriter().byte(1)
  const finished = writer.finish()
  writer.byte(2)
  expect([...finished]).toEqual([1])
})

test('an id of anything but 32 hexadecimal digits cannot be written', () => {
  for (const id of ['', 'abc', 'z'.repeat(32), 'a'.repeat(30)]) {
    expect(() => new ByteWriter().id(id)).toThrow(RangeError)
  }
})
