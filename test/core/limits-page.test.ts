/** docs/limits.md names every limit, with the number that it has. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { statusOf } from '../../src/contract/http/problems/problem.ts'
import type { KafkaErrorName } from '../../src/core/errors.ts'
import * as limits from '../../src/core/limits.ts'

const PAGE = readFileSync(join(import.meta.dirname, '../../docs/limits.md'), 'utf8')
const [TABLES = '', UNMET = ''] = PAGE.split('## What nobody meets from outside\n')
/** A row of a table: the limit, its number, what it bounds, and what is told at it. */
const ROW = /^\| `([A-Z0-9_]+)` \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$/gm
const ROWS = [...TABLES.matchAll(ROW)].map(([, name, number]) => ({ name: name!, number: number! }))
const UNMET_NAMES = [...UNMET.matchAll(/`([A-Z0-9_]+)`/g)].map(([, name]) => name!)
const KNOWN: Readonly<Record<string, unknown>> = limits

/** In the unit that the limit's name ends in: bytes and milliseconds, or a number of things. */
const UNITS: Readonly<Record<string, number>> = {
  bytes: 1,
  KiB: 1024,
  MiB: 1024 ** 2,
  GiB: 1024 ** 3,
  ms: 1,
  s: 1_000,
  min: 60_000,
  h: 3_600_000,
}
const TIMES = ['ms', 's', 'min', 'h']

/** `1 MiB + 12 bytes`, `45 s` or `10,000`; NaN where it is nothing of the kind. */
function numberOf(text: string): number {
  return text
    .split(' + ')
    .map(part => {
      const [, digits, unit] = /^([\d,]+(?:\.\d+)?)(?: (\w+))?$/.exec(part) ?? []
      if (digits === undefined) return Number.NaN
      return Number(digits.replaceAll(',', '')) * (unit === undefined ? 1 : (UNITS[unit] ?? Number.NaN))
    })
    .reduce((sum, part) => sum + part, 0)
}

test('every limit is on the page, once', () => {
  const named = [...ROWS.map(({ name }) => name), ...UNMET_NAMES]
  const constants = Object.keys(limits).filter(name => typeof KNOWN[name] === 'number')
  expect(named.toSorted()).toEqual(constants.toSorted())
})

test('no row of a table is left out', () => {
  const rows = TABLES.split('\n').filter(line => line.startsWith('| `'))
  expect(ROWS.length).toBe(rows.length)
})

test.each(ROWS)('$name is $number', ({ name, number }) => {
  expect(numberOf(number)).toBe(KNOWN[name])
  const unit = number.split(' ').at(-1)!
  expect(TIMES.includes(unit)).toBe(/_MS(?:_|$)/.test(name))
})

test('statuses are those that the errors have over HTTP', () => {
  const told = [...TABLES.matchAll(/\b(\d{3}) `([A-Z_]+)`/g)]
    // What is wrong with a request as such has several.
    .filter(([, , name]) => name !== 'INVALID_REQUEST')
    .map(([, status, name]) => ({ name, status: Number(status) }))
  expect(told.length).toBeGreaterThan(10)
  expect(told).toEqual(told.map(({ name }) => ({ name, status: statusOf(name as KafkaErrorName) })))
})
