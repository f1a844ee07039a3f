import fc from 'fast-check'
import { expect, test } from 'vitest'
import { LineSplitter } from '../../../src/cli/producing/line-splitter.ts'

function split(parts: Uint8Array[]): Uint8Array[] {
  const splitter = new LineSplitter()
  const lines = parts.flatMap(part => splitter.push(part))
  const last = splitter.end()
  return last ? [...lines, last] : lines
}

const text = (lines: Uint8Array[]) => lines.map(line => Buffer.from(line).toString('latin1'))
const bytes = (value: string) => Buffer.from(value, 'latin1')

test.each([
  ['nothing', '', []],
  ['a line', 'a\n', ['a']],
  ['a last line without an end', 'a\nb', ['a', 'b']],
  ['empty lines', '\n\na\n\n', ['', '', 'a', '']],
  ['a carriage return is kept', 'a\r\nb\r', ['a\r', 'b\r']],
  ['bytes that are no UTF-8', '\xff\n\xfe\x00', ['\xff', '\xfe\x00']],
])('%s', (_name, input, lines) => {
  expect(text(split([bytes(input)]))).toEqual(lines)
})

test('where the chunks are cut makes no difference', () => {
  const byte = fc.oneof(fc.constant(10), fc.integer({ min: 0, max: 255 }))
  fc.assert(
    fc.property(fc.array(fc.array(byte, { maxLength: 8 }), { maxLength: 20 }), parts => {
      const chunked = split(parts.map(part => Uint8Array.from(part)))
      const whole = split([Uint8Array.from(parts.flat())])
      expect(text(chunked)).toEqual(text(whole))
    }),
  )
})

test('the lines joined again are the input', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 8 }), { maxLength: 20 }), parts => {
      const input = Buffer.concat([...parts, Buffer.from('end')])
      expect(text(split(parts.concat(bytes('end')))).join('\n')).toBe(input.toString('latin1'))
    }),
  )
})

test('tells how long an unfinished line is', () => {
  const splitter = new LineSplitter()
  splitter.push(bytes('a\nbc'))
  splitter.push(bytes('de'))
  expect(splitter.pendingBytes).toBe(4)
  splitter.push(bytes('\n'))
  expect(splitter.pendingBytes).toBe(0)
})
