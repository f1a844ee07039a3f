import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { KAFKA_LINES, ourLines } from './table-lines.ts'

test('our tables are those of Apache Kafka 4.4.0, field by field, in every version that it has', () => {
  const theirs = readFileSync(KAFKA_LINES, 'utf8').split('\n').slice(0, -1)
  expect(theirs.length).toBeGreaterThan(300)
  const ours = new Set(ourLines())
  expect(theirs.filter(line => !ours.has(line))).toEqual([])
})
