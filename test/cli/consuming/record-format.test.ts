import { expect, test } from 'vitest'
import {
  type ConsumedRecord,
  formatJoinedValues,
  formatValueLine,
} from '../../../src/cli/consuming/consumed-record.ts'
import { compileFormat } from '../../../src/cli/consuming/format-template.ts'
import { formatJsonLine } from '../../../src/cli/consuming/record-json.ts'
import { resolveEscapes } from '../../../src/cli/output/escapes.ts'
import { UsageError } from '../../../src/cli/output/failure.ts'
import { toOffset } from '../../../src/core/numbers.ts'

const consumed: ConsumedRecord = {
  topic: 'tides',
  partition: 3,
  record: {
    offset: toOffset(42),
    timestampMs: 1_769_860_800_000,
    key: Buffer.from('dover'),
    value: Buffer.from('6.2 ⛵'),
    headers: [
      { key: 'unit', value: Buffer.from('m') },
      { key: 'none', value: null },
    ],
  },
}
const tombstone: ConsumedRecord = {
  ...consumed,
  record: { ...consumed.record, key: null, value: null, headers: [] },
}
const binary: ConsumedRecord = {
  ...consumed,
  record: { ...consumed.record, key: Buffer.of(0xff), value: Buffer.of(0, 0xc3, 0x28), headers: [] },
}

const format = (template: string, record = consumed) => Buffer.concat([...compileFormat(template)(record)])

test.each([
  ['%t/%p/%o at %T\\n', 'tides/3/42 at 1769860800000\n'],
  ['%k=%s', 'dover=6.2 ⛵'],
  ['%K %S', '5 7'],
  ['%h', 'unit=m,none=NULL'],
  ['100%% \\t\\x41\\\\', '100% \tA\\'],
  ['', ''],
  ['no token', 'no token'],
])('%s', (template, text) => {
  expect(format(template).toString()).toBe(text)
})

test('null prints as nothing and has length -1', () => {
  expect(format('[%k][%s] %K %S %h', tombstone).toString()).toBe('[][] -1 -1 ')
})

test('values keep their bytes, %R is their length', () => {
  expect(format('%R%s\\0', binary)).toEqual(Buffer.of(0, 0, 0, 3, 0, 0xc3, 0x28, 0))
  expect(format('%R', tombstone)).toEqual(Buffer.of(255, 255, 255, 255))
})

test('values stand on lines, with a newline after the last one or without', () => {
  const records = [consumed, tombstone, consumed]
  expect(Buffer.concat(records.flatMap(record => [...formatValueLine(record)])).toString()).toBe(
    '6.2 ⛵\n\n6.2 ⛵\n',
  )
  const joined = formatJoinedValues()
  expect(Buffer.concat(records.flatMap(record => [...joined(record)])).toString()).toBe('6.2 ⛵\n\n6.2 ⛵')
})

test.each(['%', '%x', 'a%', '\\q', '\\', '\\x4'])('%s is refused', template => {
  expect(() => compileFormat(template)).toThrow(UsageError)
})

test('escapes stand for bytes', () => {
  expect(resolveEscapes('\\n\\t\\r\\0\\xff\\\\é')).toEqual(Buffer.from('\n\t\r\0\xff\\Ã©', 'latin1'))
})

test('JSON has text where there is text', () => {
  expect(JSON.parse(Buffer.concat([...formatJsonLine(consumed)]).toString())).toEqual({
    topic: 'tides',
    partition: 3,
    offset: 42,
    timestampMs: 1_769_860_800_000,
    key: 'dover',
    value: '6.2 ⛵',
    headers: [
      { key: 'unit', value: 'm' },
      { key: 'none', value: null },
    ],
  })
})

test('JSON loses neither null nor bytes that are no text', () => {
  expect(JSON.parse(Buffer.concat([...formatJsonLine(tombstone)]).toString())).toMatchObject({
    key: null,
    value: null,
  })
  const parsed = JSON.parse(Buffer.concat([...formatJsonLine(binary)]).toString())
  expect(parsed).not.toHaveProperty('value')
  expect(Buffer.from(parsed.valueBase64, 'base64')).toEqual(binary.record.value)
  expect(Buffer.from(parsed.keyBase64, 'base64')).toEqual(binary.record.key)
})

test.each([
  ['text', Buffer.from('aé€😀"\\\n\u0001'.repeat(120_000))],
  ['bytes', Buffer.alloc(1_500_001, 0xfe)],
])('JSON of a large record of %s is the same, in pieces', (_, large) => {
  const record = {
    ...consumed.record,
    value: large,
    headers: [
      { key: 'h', value: large },
      { key: 'n', value: null },
    ],
  }
  const pieces = [...formatJsonLine({ ...consumed, generation: 7, record })]
  expect(pieces.length).toBeGreaterThan(10)
  const shown = (name: string) =>
    large[0] === 0xfe ? { [`${name}Base64`]: large.toString('base64') } : { [name]: large.toString() }
  const { topic, partition } = consumed
  const { offset, timestampMs } = record
  const headers = [
    { key: 'h', ...shown('value') },
    { key: 'n', value: null },
  ]
  const whole = {
    topic,
    partition,
    generation: 7,
    offset,
    timestampMs,
    key: 'dover',
    ...shown('value'),
    headers,
  }
  expect(Buffer.concat(pieces).toString() === `${JSON.stringify(whole)}\n`).toBe(true)
})
