import { expect, test } from 'vitest'
import { fetchEach } from '../../src/client/fetch-each.ts'
import { TidemarkError } from '../../src/core/errors.ts'
import { toOffset } from '../../src/core/numbers.ts'

const partitions = [0, 1, 2].map(partition => ({ topic: 'tides', partition, offset: toOffset(0) }))

test('where none of the partitions exists, a broker of before is asked once, and not for as long as would be waited', async () => {
  let asked = 0
  const answer = await fetchEach({ partitions, maxWaitMs: 300 }, async () => {
    asked += 1
    throw new TidemarkError('UNKNOWN_TOPIC_OR_PARTITION', 'There is no topic "tides".')
  })
  expect(answer.partitions.map(one => 'error' in one && one.error.kafkaName)).toEqual(
    partitions.map(() => 'UNKNOWN_TOPIC_OR_PARTITION'),
  )
  expect(asked).toBe(3)
})
