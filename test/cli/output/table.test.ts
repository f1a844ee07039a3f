import { expect, test } from 'vitest'
import { formatBytes, formatRate, plural } from '../../../src/cli/output/quantities.ts'
import { formatTable } from '../../../src/cli/output/table.ts'

test('numbers stand to the right, text to the left', () => {
  const rows = [
    ['a', 1, 'x'],
    ['long name', 1234, ''],
  ]
  expect(formatTable(['TOPIC', 'RECORDS', 'NOTE'], rows)).toBe(
    'TOPIC      RECORDS  NOTE\n' + 'a                1  x\n' + 'long name     1234\n',
  )
})

test('quantities', () => {
  expect(formatBytes(0)).toBe('0 B')
  expect(formatBytes(999)).toBe('999 B')
  expect(formatBytes(1000)).toBe('1.00 kB')
  expect(formatBytes(12_345_678)).toBe('12.3 MB')
  expect(plural(1, 'record')).toBe('1 record')
  expect(plural(1200, 'record')).toBe('1,200 records')
  expect(formatRate(1000, 2000, 500)).toBe('1,000 records, 2.00 kB in 0.50 s (2,000 records/s, 4.00 kB/s)')
})
