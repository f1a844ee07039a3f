import { beforeEach, expect, test } from 'vitest'
import { PostsAtOnce } from '../../../src/broker/waking/posts-at-once.ts'
import { POSTED_AT_ONCE_SOCKETS_MAX } from '../../../src/core/limits.ts'
import type { Post } from '../../../src/core/waking/posts.ts'
import { NotApplied, OutcomeUnknown, StoreFailed } from '../../../src/ports/outcome.ts'

let sent: string[]
let handedOn: string[]
let outcomes: Record<string, Error | 'gone'>

beforeEach(() => {
  sent = []
  handedOn = []
  outcomes = {}
})

const posts = new PostsAtOnce(
  {
    send: async socket => {
      const outcome = outcomes[socket] ?? 'sent'
      if (outcome instanceof Error) throw outcome
      if (outcome === 'sent') sent.push(socket)
      return outcome as 'sent' | 'gone'
    },
  },
  {
    post: async some => {
      handedOn.push(...some.map(({ socket }) => socket))
      return ['somebody']
    },
  },
)

const to = (...sockets: string[]): Post[] => sockets.map(socket => ({ socket, message: 'm' }))

test('a few go to their sockets, and whoever is gone is told', async () => {
  outcomes = { b: 'gone' }
  expect(await posts.post(to('a', 'b', 'c'))).toEqual(['b'])
  expect([sent, handedOn]).toEqual([['a', 'c'], []])
})

test('what does not get through is handed on, and nothing else', async () => {
  outcomes = {
    a: new OutcomeUnknown('late'),
    b: 'gone',
    c: new NotApplied('too many'),
    d: new StoreFailed('no permission'),
  }
  expect(await posts.post(to('a', 'b', 'c', 'd', 'e'))).toEqual(['b', 'somebody'])
  expect([sent, handedOn]).toEqual([['e'], ['a', 'c', 'd']])
})

test('many are handed on, all of them', async () => {
  const many = Array.from({ length: POSTED_AT_ONCE_SOCKETS_MAX + 1 }, (_, index) => `${index}`)
  await posts.post(to(...many.slice(1)))
  expect([sent.length, handedOn.length]).toEqual([POSTED_AT_ONCE_SOCKETS_MAX, 0])
  await posts.post(to(...many))
  expect([sent.length, handedOn]).toEqual([POSTED_AT_ONCE_SOCKETS_MAX, many])
})
