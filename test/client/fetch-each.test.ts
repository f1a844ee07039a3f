import { expect, test } from 'vitest'
import { fetchApart, fetchEach } from '../../src/client/fetch-each.ts'
import type { FetchMany, Waking } from '../../src/contract/broker.ts'
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

test('who asks for one topic after the other is armed in each, by the first round, and told of all together', async () => {
  const asked: FetchMany[] = []
  const open: Waking['open'] = () => ({ ping: () => {}, close: () => {} })
  const armed: Record<string, Waking['armed']> = { tides: [1], winds: 'all', waves: [0] }
  const fetchGroup = async (request: FetchMany) => {
    asked.push(request)
    const { topic = '' } = request.partitions[0]!
    const end = toOffset(0)
    const answers = request.partitions.map(({ partition }) => ({
      ...{ topic, topicId: topic, partition, chunks: [] },
      ...{ startOffset: end, endOffset: end, nextOffset: end },
    }))
    const told = request.listener === undefined ? undefined : armed[topic]
    return { partitions: answers, waking: { open, ...(told !== undefined && { armed: told }) } }
  }
  const all = ['tides', 'winds', 'tides', 'waves'].map((topic, partition) => ({
    ...{ topic, partition, offset: toOffset(0), arm: true },
  }))
  const groups = [[0, 2], [1], [3]]
  const once = { partitions: all, listener: 'ticket' }
  expect((await fetchApart(once, groups, fetchGroup)).waking).toEqual({ open, armed: [2, 3] })
  expect(asked.map(({ listener }) => listener)).toEqual(['ticket', 'ticket', 'ticket'])
  armed.winds = 'stale'
  expect((await fetchApart(once, groups, fetchGroup)).waking).toEqual({ open, armed: 'stale' })
  asked.length = 0
  const waiting = await fetchApart({ ...once, maxWaitMs: 50 }, groups, fetchGroup)
  expect(waiting.waking?.armed).toBe('stale')
  expect(new Set(asked.slice(3).map(({ listener }) => listener))).toEqual(new Set([undefined]))
  expect((await fetchApart({ partitions: all }, groups, fetchGroup)).waking).toEqual({ open })
})
