/** Listeners' tickets, fetches that arm, changes that wake, and posts: each function on its own, and what they have in common. */
import { beforeEach, describe, expect, test } from 'vitest'
import { makeDispatchFunction } from '../../functions/dispatch/dispatch-function.ts'
import { FETCH_ROUTES } from '../../functions/fetch/routes.ts'
import { offerWaking } from '../../functions/fetch/waking-offer.ts'
import { makeListenFunction } from '../../functions/listen/listen-function.ts'
import { makePostFunction } from '../../functions/post/post-function.ts'
import { makeHttpFunction } from '../../functions/runtime/http-function.ts'
import { openBroker } from '../../functions/runtime/open-broker.ts'
import { FRAMES_TYPE } from '../../src/contract/http/media-types.ts'
import { ARMED_HEADER, WAKING_HEADER } from '../../src/contract/waking/offer.ts'
import { TICKET_LIFETIME_MS } from '../../src/core/limits.ts'
import { encodeBatch } from '../../src/core/record/index.ts'
import { HEAD_KEY, logKey } from '../../src/core/storage-layout.ts'
import { parseBrokerMessage } from '../../src/core/waking/messages.ts'
import type { Post } from '../../src/core/waking/posts.ts'
import type { ListenerStore } from '../../src/ports/listener-store.ts'
import { NotApplied, OutcomeUnknown, StoreFailed } from '../../src/ports/outcome.ts'
import type { WakeUps } from '../../src/ports/wake-ups.ts'
import { type Answered, contextOf, decoded, openTestService, type TestService } from './function-service.ts'

const URL = 'wss://sockets.example/waking'

let service: TestService
let topicId: string
let posted: Post[]
/** What posting throws, while it does. */
let failure: Error | undefined
let listen: ReturnType<typeof makeListenFunction>

beforeEach(async () => {
  service = openTestService()
  posted = []
  failure = undefined
  listen = listenFunction()
  topicId = (await openBroker(service).createTopic({ topic: 'tides', partitions: 2 })).topicId
})

function listenFunction(listeners: ListenerStore = service.listeners) {
  const { clock, entropy } = service.ports
  return makeListenFunction({ clock, entropy, listeners, telemetry: service.telemetry })
}

const posts = {
  post: async (all: readonly Post[]) => {
    if (failure) throw failure
    posted.push(...all)
    return []
  },
}

async function say(message: string, connectionId = 'socket-1=') {
  const event = { requestContext: { connectionId, eventType: 'MESSAGE', routeKey: 'hello' }, body: message }
  const { statusCode, body } = await listen(event)
  expect(statusCode).toBe(200)
  return body === undefined ? undefined : parseBrokerMessage(body)
}

async function ticketOf(connectionId?: string): Promise<string> {
  const told = await say('{"type":"hello"}', connectionId)
  if (told?.type !== 'ticket') throw new Error(`no ticket, but ${JSON.stringify(told)}`)
  return told.ticket
}

/** A fetch of both partitions by a function that has just begun. */
async function fetch(
  more: object,
  by: Partial<Pick<TestService, 'listeners' | 'ports'>> = {},
): Promise<Answered> {
  const its = { ...service, ...by }
  const call = makeHttpFunction(its, FETCH_ROUTES, undefined, openBroker(its), offerWaking(URL, its))
  const partitions = [0, 1].map(partition => ({ topic: 'tides', partition, offset: 0, arm: true }))
  const event = {
    method: 'POST',
    path: '/fetch',
    headers: { 'content-type': 'application/json', accept: FRAMES_TYPE },
    body: JSON.stringify({ partitions, ...more }),
  }
  return decoded(await call(event, contextOf()))
}

/** Of the first partition, from its beginning. */
const fetchFrom = (listener: string, more: object) =>
  fetch({ listener, partitions: [{ topic: 'tides', partition: 0, offset: 0, arm: true, ...more }] })

async function append(partition: number): Promise<void> {
  const batches = encodeBatch([{ value: Buffer.from('slack water') }], { nowMs: 1 })
  await openBroker(service).produce({ topic: 'tides', partition, batches })
}

const changeOf = (...partitions: number[]) => ({
  Records: partitions.map(partition => ({
    eventID: `change-${partition}`,
    dynamodb: { Keys: { pk: { S: logKey({ topicId, partition }) }, sk: { S: HEAD_KEY } } },
  })),
})

const dispatch = (event: object, wakeUps?: WakeUps) =>
  makeDispatchFunction(service, { posts, ...(wakeUps && { wakeUps }) })(event, contextOf())

const told = () => posted.map(({ socket, message }) => [socket, parseBrokerMessage(message)])
const wake = (partition: number, endOffset: number) => ({
  type: 'wake',
  partitions: [{ topicId, partition, endOffset }],
})

describe('who listens', () => {
  test('is let in without a word, and gets a ticket as often as he says hello', async () => {
    expect(await listen({ requestContext: { eventType: 'CONNECT', connectionId: 'a' } })).toEqual({
      statusCode: 200,
    })
    expect(await ticketOf()).toMatch(/^[\w-]+\.\w+\.[\w-]{24}$/)
    await ticketOf()
    expect(await say('{"type":"ping"}')).toBe(undefined)
  })

  test.each(['', 'hello', '[]', '{"type":"shout"}'])('is told that %j is not understood', async message => {
    expect(await say(message)).toMatchObject({ type: 'error', error: 'INVALID_REQUEST' })
  })

  test('is told where there is no ticket now, and gets one when there is', async () => {
    let isBroken = true
    listen = listenFunction({
      ...service.listeners,
      key: async make => {
        if (isBroken) throw new StoreFailed('there is no such table')
        return await service.listeners.key(make)
      },
    })
    expect(await say('{"type":"hello"}')).toMatchObject({ type: 'error' })
    expect(service.telemetry.logged).toMatchObject([{ level: 'warn' }])
    isBroken = false
    await ticketOf()
  })
})

describe('a fetch', () => {
  test('tells where sockets are opened, and arms nobody who brings no ticket', async () => {
    const { status, headers } = await fetch({})
    expect([status, headers[WAKING_HEADER], headers[ARMED_HEADER]]).toEqual([200, URL, undefined])
    await dispatch(changeOf(0))
    expect(posted).toEqual([])
  })

  test('arms by a ticket of any function that has the same table, before it looks', async () => {
    const ticket = await ticketOf()
    const order: string[] = []
    const { index } = service.ports
    const { status, headers } = await fetch(
      { listener: ticket },
      {
        listeners: {
          ...service.listeners,
          arm: async (...given) => {
            const refused = await service.listeners.arm(...given)
            order.push('armed')
            return refused
          },
        },
        ports: {
          ...service.ports,
          index: {
            ...index,
            readHead: async partition => {
              order.push('looks')
              return await index.readHead(partition)
            },
          },
        },
      },
    )
    expect([status, headers[ARMED_HEADER]]).toEqual([200, 'all'])
    expect(order[0]).toBe('armed')
    expect(order).toContain('looks')
    await append(1)
    await dispatch(changeOf(1))
    expect(told()).toEqual([['socket-1=', wake(1, 1)]])
  })

  test('answers all the same where the ticket is none, or too old', async () => {
    expect((await fetch({ listener: 'a.b.c' })).headers[ARMED_HEADER]).toBe('forged')
    const ticket = await ticketOf()
    const forged = `${ticket.slice(0, -1)}${ticket.endsWith('A') ? 'B' : 'A'}`
    expect((await fetch({ listener: forged })).headers[ARMED_HEADER]).toBe('forged')
    const clock = { ...service.ports.clock, nowMs: () => Date.now() + TICKET_LIFETIME_MS + 1 }
    const old = await fetch({ listener: ticket }, { ports: { ...service.ports, clock } })
    expect([old.status, old.headers[ARMED_HEADER]]).toEqual([200, 'stale'])
    await dispatch(changeOf(0, 1))
    expect(posted).toEqual([])
  })

  test.each(['arm', 'readKey'] as const)('brings what there is where nobody can be armed: %s', async step => {
    const listener = await ticketOf()
    const denied = async () => Promise.reject(new StoreFailed('this function may not'))
    const { status, headers } = await fetch(
      { listener },
      { listeners: { ...service.listeners, [step]: denied } },
    )
    expect([status, headers[ARMED_HEADER]]).toEqual([200, '0,1'])
    expect(service.telemetry.logged).toMatchObject([{ level: 'warn' }])
  })

  test('names the partitions where too many listen', async () => {
    const listener = await ticketOf()
    const listeners: ListenerStore = {
      ...service.listeners,
      arm: async () => [{ topicId, partition: 1 }],
    }
    expect((await fetch({ listener }, { listeners })).headers[ARMED_HEADER]).toBe('1')
  })

  test('names the partitions that it could not look at', async () => {
    const partitions = [
      { topic: 'tides', partition: 0, offset: 0, arm: true },
      { topic: 'tides', partition: 7, offset: 0, arm: true },
      { topic: 'winds', partition: 0, offset: 0, arm: true },
    ]
    const { headers } = await fetch({ listener: await ticketOf(), partitions })
    expect(headers[ARMED_HEADER]).toBe('1,2')
  })

  test('that arms and dies leaves an arming, which one change uses up', async () => {
    const listener = await ticketOf()
    const { index } = service.ports
    const dying = { ...index, readHead: async () => Promise.reject(new StoreFailed('the function dies')) }
    await fetch({ listener }, { ports: { ...service.ports, index: dying } })
    await append(0)
    await dispatch(changeOf(0))
    await dispatch(changeOf(0))
    expect(told()).toEqual([['socket-1=', wake(0, 1)]])
  })
})

describe('a change', () => {
  beforeEach(async () => {
    for (const socket of ['a', 'b']) await fetch({ listener: await ticketOf(socket) })
    await append(0)
  })

  test('wakes all who are armed, once, however often the stream delivers it', async () => {
    await Promise.all([dispatch(changeOf(0)), dispatch(changeOf(0, 0))])
    await dispatch(changeOf(0))
    expect(told()).toHaveLength(2)
    expect(told()).toEqual(expect.arrayContaining(['a', 'b'].map(socket => [socket, wake(0, 1)])))
    const reports = service.telemetry.reports.map(({ details }) => details?.posts)
    expect(
      reports.filter(each => each !== undefined).reduce((sum, each) => Number(sum) + Number(each), 0),
    ).toBe(2)
  })

  test('of the head that is no append, as a flush, wakes nobody and leaves him armed', async () => {
    await dispatch(changeOf(1))
    expect(posted).toEqual([])
    const armFrom = await fetchFrom(await ticketOf('c'), { armFrom: 1 })
    expect(armFrom.headers[ARMED_HEADER]).toBe('all')
    await dispatch(changeOf(0))
    expect(told().map(([socket]) => socket)).not.toContain('c')
    await append(0)
    await dispatch(changeOf(0))
    expect(told()).toContainEqual(['c', wake(0, 2)])
  })

  test('whose dispatch dies before it posts is found by the next look alone', async () => {
    failure = new StoreFailed('the process ends here')
    await expect(dispatch(changeOf(0))).rejects.toThrow('the process ends here')
    failure = undefined
    // Brought again, there is nobody left to be woken.
    await dispatch(changeOf(0))
    expect(posted).toEqual([])
    const { bytes } = await fetch({ listener: await ticketOf('a') })
    expect(String(bytes)).toContain('slack water')
    await append(0)
    await dispatch(changeOf(0))
    expect(told()).toEqual([['a', wake(0, 2)]])
  })

  test('wakes listeners where triggers fail, and triggers where listeners do', async () => {
    let swept = 0
    const { triggers } = service.ports
    const broken = {
      ...service,
      ports: {
        ...service.ports,
        triggers: {
          ...triggers,
          // biome-ignore lint/correctness/useYield: it fails before there is any
          triggers: async function* () {
            swept += 1
            throw new StoreFailed('no triggers today')
          },
        },
      },
    }
    const wakeUps: WakeUps = { wake: async () => {} }
    const both = makeDispatchFunction(broken, { wakeUps, posts })
    await expect(both(changeOf(0), contextOf())).rejects.toThrow('no triggers today')
    expect(told()).toHaveLength(2)
    await append(1)
    failure = new StoreFailed('no posts today')
    await expect(dispatch(changeOf(1), wakeUps)).rejects.toThrow('no posts today')
    expect(swept).toBe(1)
  })

  test('means nothing to a schedule, where there are no triggers', async () => {
    await dispatch({ source: 'aws.events' })
    expect(posted).toEqual([])
  })
})

describe('posts', () => {
  const sent: string[] = []
  let outcomes: Record<string, (Error | 'gone')[]>
  const post = (event: unknown) =>
    makePostFunction({
      telemetry: service.telemetry,
      sockets: {
        send: async (socket, message) => {
          const outcome = outcomes[socket]?.shift()
          if (outcome instanceof Error) throw outcome
          if (outcome === undefined) sent.push(`${socket} ${message}`)
          return outcome ?? 'sent'
        },
      },
    })(event)

  beforeEach(() => {
    sent.length = 0
    outcomes = {}
  })

  const event = { posts: ['a', 'b', 'c'].map(socket => ({ socket, message: 'm' })) }

  test('go to their sockets, past those that are gone, a second time where the first fails', async () => {
    outcomes = { a: ['gone'], b: [new NotApplied('too many')], c: [new OutcomeUnknown('no answer')] }
    await post(event)
    expect(sent.toSorted()).toEqual(['b m', 'c m'])
    expect(service.telemetry.logged).toEqual([])
  })

  test('that cannot be made are told, and hold up no other', async () => {
    const late = new OutcomeUnknown('no answer')
    outcomes = { a: [late, late], b: [new StoreFailed('no permission')] }
    await post(event)
    expect(sent).toEqual(['c m'])
    expect(service.telemetry.logged).toMatchObject([{ level: 'warn', details: { failed: 2, of: 3 } }])
  })

  test('that are none are passed over', async () => {
    for (const nothing of [undefined, {}, { Records: [] }]) await post(nothing)
    expect(service.telemetry.logged).toHaveLength(3)
  })
})
