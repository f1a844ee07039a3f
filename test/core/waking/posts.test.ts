import fc from 'fast-check'
import { expect, test } from 'vitest'
import { LAMBDA_EVENT_BYTES_MAX, POLL_TOLD_MS, WAKE_MESSAGE_BYTES_MAX } from '../../../src/core/limits.ts'
import { toOffset } from '../../../src/core/numbers.ts'
import { type BrokerMessage, parseBrokerMessage } from '../../../src/core/waking/messages.ts'
import { type Changed, inCalls, parsePosts, planPosts } from '../../../src/core/waking/posts.ts'

const TOPIC_ID = '136b8372-8b0a-4c3f-9d55-0d5bd2f2a1aa'

function changed(partition: number, sockets: string[], isCrowded = false): Changed {
  return {
    partition: { topicId: TOPIC_ID, partition },
    endOffset: toOffset(Number.MAX_SAFE_INTEGER),
    sockets,
    isCrowded,
  }
}

function toldTo(socket: string, posts: ReturnType<typeof planPosts>): BrokerMessage[] {
  return posts.filter(each => each.socket === socket).map(({ message }) => parseBrokerMessage(message)!)
}

test('wakes and polls of a socket are one message each', () => {
  const posts = planPosts([changed(1, ['a', 'b']), changed(2, ['a'], true), changed(3, ['a'])])
  const wake = (partition: number) => ({
    topicId: TOPIC_ID,
    partition,
    endOffset: toOffset(Number.MAX_SAFE_INTEGER),
  })
  expect(toldTo('a', posts)).toEqual([
    { type: 'wake', partitions: [wake(1), wake(3)] },
    { type: 'poll', partitions: [{ topicId: TOPIC_ID, partition: 2 }], forMs: POLL_TOLD_MS },
  ])
  expect(toldTo('b', posts)).toEqual([{ type: 'wake', partitions: [wake(1)] }])
})

test('who stays armed is told from where on, and of what comes from there', () => {
  const batchesFrom = (from: number) => (from === 16 ? Uint8Array.of(1) : undefined)
  const staying = new Map([
    ['a', toOffset(16)],
    ['b', toOffset(15)],
  ])
  const posts = planPosts([{ ...changed(1, ['a', 'b', 'c']), endOffset: toOffset(17), staying, batchesFrom }])
  const wakeOf = (socket: string) => {
    const [told] = toldTo(socket, posts)
    return told?.type === 'wake' ? told.partitions[0] : undefined
  }
  expect(wakeOf('a')).toMatchObject({ from: 16, endOffset: 17, batches: Buffer.of(1) })
  expect(wakeOf('b')).toEqual({ topicId: TOPIC_ID, partition: 1, from: 15, endOffset: 17 })
  expect(wakeOf('c')).toEqual({ topicId: TOPIC_ID, partition: 1, endOffset: 17 })
})

test('nobody is told nothing', () => {
  expect(planPosts([])).toEqual([])
  expect(planPosts([changed(1, [])])).toEqual([])
  expect(inCalls([])).toEqual([])
})

test('whatever has changed, messages and calls are no larger than they may be, and nothing is lost', () => {
  const sockets = fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'd', 'e'), { minLength: 1 })
  const changes = fc.array(fc.record({ sockets, isCrowded: fc.boolean() }), { maxLength: 1_500 })
  fc.assert(
    fc.property(changes, all => {
      const posts = planPosts(all.map((each, index) => changed(index, each.sockets, each.isCrowded)))
      for (const { message } of posts) expect(message.length).toBeLessThanOrEqual(WAKE_MESSAGE_BYTES_MAX)
      const calls = inCalls(posts)
      expect(calls.flat()).toEqual(posts)
      for (const call of calls) {
        const event = JSON.stringify({ posts: call })
        expect(event.length).toBeLessThanOrEqual(LAMBDA_EVENT_BYTES_MAX)
        expect(parsePosts(JSON.parse(event))).toEqual(call)
      }
      for (const socket of ['a', 'b', 'c', 'd', 'e']) {
        const told = toldTo(socket, posts).flatMap(message =>
          'partitions' in message ? message.partitions.map(({ partition }) => partition) : [],
        )
        const its = all.flatMap((each, index) =>
          each.sockets.some(other => other === socket) ? [index] : [],
        )
        expect(told.toSorted((a, b) => a - b)).toEqual(its)
      }
    }),
    { numRuns: 30 },
  )
})

test.each([undefined, null, 1, {}, { posts: 1 }, { posts: [null] }, { posts: [{ socket: 'a' }] }])(
  '%j are no posts',
  event => {
    expect(parsePosts(event)).toBe(undefined)
  },
)
