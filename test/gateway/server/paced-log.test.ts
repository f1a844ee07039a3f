import { expect, test } from 'vitest'
import { PacedLog } from '../../../src/gateway/server/paced-log.ts'

test('so many lines are told at once, and of the others how many there are, and the last of them', () => {
  const told: string[] = []
  const log = new PacedLog(line => told.push(line), 2)
  for (const line of ['one', 'two', 'three', 'four', 'five']) log.tell(line)
  expect(told.splice(0)).toEqual(['one', 'two'])
  log.renew()
  expect(told.splice(0)).toEqual(['3 lines more, the last of them: five'])
  log.renew()
  expect(told).toEqual([])
  for (const line of ['six', 'seven', 'eight']) log.tell(line)
  log.renew()
  expect(told).toEqual(['six', 'seven', 'eight'])
})
