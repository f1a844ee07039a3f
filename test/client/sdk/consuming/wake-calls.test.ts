import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { WakeCalls } from '../../../../src/client/sdk/consuming/wake-calls.ts'
import type { FetchedMany, FetchedPartition, Waking } from '../../../../src/contract/broker.ts'
import type { Socket, SocketListener } from '../../../../src/contract/waking/socket.ts'
import {
  LISTENER_PING_MS,
  POLL_TOLD_MS,
  SLOW_LOOK_MS,
  SOCKET_LIFETIME_MS,
  SOCKET_PAUSE_MS_MAX,
  WAKE_PAUSE_MS,
} from '../../../../src/core/limits.ts'
import { toOffset } from '../../../../src/core/numbers.ts'
import type { Wake } from '../../../../src/core/waking/messages.ts'
import type { Ask } from '../../../../src/core/waking/vigil.ts'

const NOWHERE = toOffset(0)
/** In the middle, so that pauses are three quarters of what they can be. */
const HALF = () => 0.5

class Stream {
  hasMore = false
  isAtEnd = true
  readonly partition: number

  constructor(partition: number) {
    this.partition = partition
  }
}

/** Sockets that are opened, and what is done to them. */
class Sockets {
  readonly opened: { listener: SocketListener; pings: number; isClosed: boolean }[] = []

  readonly open = (listener: SocketListener): Socket => {
    const one = { listener, pings: 0, isClosed: false }
    this.opened.push(one)
    return {
      ping: () => {
        one.pings += 1
      },
      close: () => {
        one.isClosed = true
        listener.closed(undefined)
      },
    }
  }

  get last() {
    return this.opened.at(-1)!
  }

  ticket(text: string): void {
    this.last.listener.heard({ type: 'ticket', ticket: text, expiresMs: 1 })
  }

  wake(partition: number, socket = this.last, more: Partial<Wake> = {}): void {
    const wake = { topicId: 'tides', partition, endOffset: toOffset(1), ...more }
    socket.listener.heard({ type: 'wake', partitions: [wake] })
  }
}

let sockets: Sockets
let looks: (Stream | undefined)[]
let taken: [Stream, Wake][]
/** Whether what a wake-up tells is wanted. */
let takes: boolean
let waits: string[]
let calls: WakeCalls<Stream>
let streams: Stream[]

beforeEach(() => {
  vi.useFakeTimers()
  sockets = new Sockets()
  looks = []
  taken = []
  takes = true
  waits = []
  streams = [new Stream(0), new Stream(1)]
  const host = {
    look: (stream?: Stream) => void looks.push(stream),
    take: (stream: Stream, wake: Wake) => {
      taken.push([stream, wake])
      return takes
    },
    waits: (how: string, reason: Error | undefined) =>
      void waits.push(reason ? `${how}: ${reason.message}` : how),
  }
  calls = new WakeCalls<Stream>(host, HALF)
})

afterEach(() => {
  calls.close()
  vi.useRealTimers()
})

function asksOf(): Map<Stream, Ask> {
  const asks = new Map<Stream, Ask>()
  for (const stream of streams) {
    const ask = calls.askFor(stream)
    if (ask) asks.set(stream, ask)
  }
  return asks
}

function answerTo(asks: ReadonlyMap<Stream, Ask>, armed?: Waking['armed'], news = 0): FetchedMany {
  const partitions = [...asks.keys()].map(({ partition }): FetchedPartition => {
    const end = toOffset(news)
    return {
      topic: 'tides',
      topicId: 'tides',
      partition,
      startOffset: NOWHERE,
      endOffset: end,
      nextOffset: end,
      chunks: [],
    }
  })
  return { partitions, waking: { open: sockets.open, ...(armed !== undefined && { armed }) } }
}

/** A request for whatever is to be asked for, with its answer. */
function ask(armed?: Waking['armed'], news = 0): Ask[] {
  const asks = asksOf()
  calls.asked(asks)
  calls.answered(asks, [NOWHERE, NOWHERE], answerTo(asks, armed, news))
  return [...asks.values()]
}

/** With a socket, and armed. */
function armed(): void {
  ask()
  sockets.ticket('first')
  ask('all')
}

describe('a socket', () => {
  test('is opened when nothing more comes, and not before; meanwhile nothing is asked for', () => {
    expect([calls.isKnown, ask(undefined, 5)]).toEqual([false, ['poll', 'poll']])
    expect([calls.isKnown, sockets.opened]).toEqual([true, []])
    expect(asksOf().size).toBe(0)
    expect(sockets.opened).toHaveLength(1)
    expect([calls.ticket, waits]).toEqual([undefined, []])
    sockets.ticket('first')
    expect([calls.ticket, waits]).toEqual(['first', ['woken']])
    expect(ask('all')).toEqual(['arm', 'arm'])
    expect(asksOf().size).toBe(0)
  })

  test('that takes long to be opened is not waited for, nor one that cannot be', () => {
    ask()
    const before = looks.length
    calls.sleep(streams)
    expect(asksOf().size).toBe(0)
    vi.advanceTimersByTime(2_000)
    expect(looks.length).toBe(before + 1)
    expect([...asksOf().values()]).toEqual(['poll', 'poll'])
  })

  test('that cannot be opened is not waited for', () => {
    ask()
    expect(asksOf().size).toBe(0)
    sockets.last.listener.closed(new Error('refused'))
    expect(looks).toEqual([undefined])
    expect([...asksOf().values()]).toEqual(['poll', 'poll'])
  })

  test('is opened also where each request brings a little, and not while there is more to read', () => {
    const behind = () => {
      const asks = asksOf()
      calls.asked(asks)
      const { partitions, waking } = answerTo(asks, undefined, 5)
      const more = partitions.map(each => ({ ...each, endOffset: toOffset(9) }))
      calls.answered(asks, [NOWHERE, NOWHERE], { partitions: more, ...(waking && { waking }) })
    }
    for (let round = 0; round < 5; round += 1) behind()
    ask(undefined, 5)
    expect(sockets.opened).toEqual([])
    // Whoever wants no more of it asks for nothing, and has none.
    expect(asksOf().size).toBe(0)
    expect(sockets.opened).toHaveLength(1)
  })

  test('that ends is replaced after a pause, and meanwhile everything is polled', () => {
    armed()
    sockets.last.listener.closed(new Error('cut'))
    expect(waits).toEqual(['woken', 'polls: cut'])
    expect([...asksOf().values()]).toEqual(['poll', 'poll'])
    expect(looks.at(-1)).toBe(undefined)
    vi.advanceTimersByTime(1_000)
    expect(sockets.opened).toHaveLength(2)
    sockets.ticket('second')
    expect([...asksOf().values()]).toEqual(['arm', 'arm'])
  })

  test('whose ticket is refused is let go, and there is none until one is offered again', () => {
    armed()
    calls.refused(new Error('what is a listener?'))
    expect([calls.ticket, sockets.last.isClosed]).toEqual([undefined, true])
    expect(waits).toEqual(['woken', 'polls: what is a listener?'])
    vi.advanceTimersByTime(SOCKET_PAUSE_MS_MAX)
    expect(sockets.opened).toHaveLength(1)
    expect(ask()).toEqual(['poll', 'poll'])
    expect(sockets.opened).toHaveLength(2)
  })

  test('that cannot be opened is tried again, less and less often', () => {
    ask()
    for (let failures = 0; failures < 20; failures++) {
      sockets.last.listener.closed(new Error('refused'))
      vi.advanceTimersByTime(SOCKET_PAUSE_MS_MAX)
    }
    expect(sockets.opened).toHaveLength(21)
    expect(waits).toEqual(['polls: refused'])
    sockets.last.listener.closed(new Error('refused'))
    vi.advanceTimersByTime(SOCKET_PAUSE_MS_MAX / 2 - 1)
    expect(sockets.opened).toHaveLength(21)
    expect(ask()).toEqual(['poll', 'poll'])
    expect(sockets.opened).toHaveLength(21)
  })

  test('is replaced before its gateway ends it, and kept until the next one has a ticket', () => {
    armed()
    const first = sockets.last
    vi.advanceTimersByTime(SOCKET_LIFETIME_MS)
    expect([sockets.opened.length, first.isClosed, calls.ticket]).toEqual([2, false, 'first'])
    sockets.ticket('second')
    expect([first.isClosed, calls.ticket]).toEqual([true, 'second'])
    expect([...asksOf().values()]).toEqual(['arm', 'arm'])
    // What the one before had to say is over.
    const before = looks.length
    sockets.wake(0, first)
    expect(looks.length).toBe(before)
    expect(waits).toEqual(['woken', 'woken'])
  })

  test('says that it is there', () => {
    armed()
    vi.advanceTimersByTime(3 * LISTENER_PING_MS)
    expect(sockets.last.pings).toBe(3)
  })

  test.each(['stale', 'forged'] as const)('whose ticket is %s is replaced', problem => {
    ask()
    sockets.ticket('first')
    ask(problem)
    expect([sockets.opened[0]!.isClosed, calls.ticket]).toEqual([true, undefined])
    expect(waits).toEqual(['woken', `polls: its ticket is ${problem}`])
    vi.advanceTimersByTime(1_000)
    expect(sockets.opened).toHaveLength(2)
  })

  test('is closed with the consumer, and not opened again', () => {
    armed()
    calls.close()
    expect(sockets.last.isClosed).toBe(true)
    vi.advanceTimersByTime(10 * SOCKET_LIFETIME_MS)
    expect(sockets.opened).toHaveLength(1)
  })
})

describe('a partition', () => {
  test('is looked at when it is woken, and a second later when that comes again', () => {
    armed()
    vi.advanceTimersByTime(5_000)
    sockets.wake(1)
    expect(looks.at(-1)).toBe(streams[1])
    expect(ask('all', 1)).toEqual(['arm'])
    sockets.wake(1)
    expect(asksOf().size).toBe(0)
    const before = looks.length
    calls.sleep(streams)
    vi.advanceTimersByTime(WAKE_PAUSE_MS)
    expect(looks.length).toBe(before + 1)
    expect(asksOf()).toEqual(new Map([[streams[1], 'arm']]))
  })

  test('is armed from what its last wake-up told, where that is more than it looks from', () => {
    armed()
    const [, stream] = streams as [Stream, Stream]
    expect(calls.arming(stream, NOWHERE)).toEqual({ arm: true })
    sockets.wake(1)
    expect(calls.arming(stream, NOWHERE)).toEqual({ arm: true, armFrom: 1 })
    expect(calls.arming(stream, toOffset(1))).toEqual({ arm: true })
  })

  test('that is woken before the answer has told who it is, is woken', () => {
    ask()
    sockets.ticket('first')
    const asks = asksOf()
    calls.asked(asks)
    sockets.wake(0)
    calls.answered(asks, [NOWHERE, NOWHERE], answerTo(asks, 'all'))
    vi.advanceTimersByTime(WAKE_PAUSE_MS)
    expect(asksOf()).toEqual(new Map([[streams[0], 'arm']]))
  })

  test('is looked at now and then, although nobody was woken', () => {
    armed()
    calls.sleep(streams)
    const before = looks.length
    vi.advanceTimersByTime(SLOW_LOOK_MS)
    expect(looks.length).toBe(before + 1)
    expect(ask('all')).toEqual(['look', 'look'])
  })

  test('at which too many listen is polled, and then armed again', () => {
    ask()
    sockets.ticket('first')
    ask([1])
    expect(asksOf()).toEqual(new Map([[streams[1], 'poll']]))
    sockets.last.listener.heard({
      type: 'poll',
      partitions: [{ topicId: 'tides', partition: 0 }],
      forMs: POLL_TOLD_MS,
    })
    expect([...asksOf().values()]).toEqual(['poll', 'poll'])
    vi.advanceTimersByTime(POLL_TOLD_MS)
    expect([...asksOf().values()]).toEqual(['arm', 'arm'])
  })

  test('that stays armed is not asked for: what it hears is taken, and is as good as a look', () => {
    armed()
    const before = looks.length
    vi.advanceTimersByTime(SLOW_LOOK_MS * 0.9)
    sockets.wake(1, undefined, { from: NOWHERE })
    expect(taken).toEqual([
      [streams[1], { topicId: 'tides', partition: 1, endOffset: toOffset(1), from: NOWHERE }],
    ])
    expect([asksOf().size, looks.length]).toEqual([0, before])
    vi.advanceTimersByTime(SLOW_LOOK_MS * 0.1)
    expect(asksOf()).toEqual(new Map([[streams[0], 'look']]))
  })

  test('that stays armed and is not wanted now is armed anew when it is', () => {
    armed()
    takes = false
    sockets.wake(1, undefined, { from: NOWHERE })
    expect(looks.at(-1)).toBe(streams[1])
    expect(asksOf()).toEqual(new Map([[streams[1], 'arm']]))
  })

  test('that hears while it is being asked for, or is to be armed anew, is armed anew', () => {
    armed()
    sockets.wake(1)
    sockets.wake(1, undefined, { from: NOWHERE })
    const asks = asksOf()
    expect(asks).toEqual(new Map([[streams[1], 'arm']]))
    calls.asked(asks)
    sockets.wake(1, undefined, { from: NOWHERE })
    calls.answered(asks, [NOWHERE], answerTo(asks, 'all'))
    expect(taken).toEqual([])
    vi.advanceTimersByTime(WAKE_PAUSE_MS)
    expect(asksOf()).toEqual(new Map([[streams[1], 'arm']]))
  })

  test('that is not read any more is not woken', () => {
    armed()
    calls.forget(streams[0]!)
    const before = looks.length
    sockets.wake(0)
    expect(looks.length).toBe(before)
  })
})

test('of a broker that wakes nobody everything is polled, and that is told once', () => {
  for (let round = 0; round < 2; round++) {
    const asks = asksOf()
    calls.asked(asks)
    calls.answered(asks, [NOWHERE, NOWHERE], { partitions: answerTo(asks).partitions })
    expect([...asks.values()]).toEqual(['poll', 'poll'])
  }
  expect(waits).toEqual(['polls'])
})
