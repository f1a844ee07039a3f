import type { FetchedPartition, FetchPartition, Waking } from '../../../contract/broker.ts'
import type { OpenSocket, Socket } from '../../../contract/waking/socket.ts'
import { LISTENER_PING_MS, SOCKET_LIFETIME_MS, SOCKET_PAUSE_MS_MAX } from '../../../core/limits.ts'
import type { Offset } from '../../../core/numbers.ts'
import { partitionKey } from '../../../core/topic/partition-id.ts'
import type { BrokerMessage, Wake } from '../../../core/waking/messages.ts'
import { type Ask, Vigil } from '../../../core/waking/vigil.ts'
import { pauseAfter } from '../../retry.ts'

/** A partition that is read. */
interface Watched {
  /** Whether more is known to be in the log. */
  readonly hasMore: boolean
  /** Whether it is known that there is none. */
  readonly isAtEnd: boolean
}

export interface WakeHost<Stream> {
  /** Something may be to be asked for. Undefined: who knows of what. */
  look(stream?: Stream): void
  /** What a wake-up tells of one that is armed still. False: it does nothing with that now. */
  take(stream: Stream, wake: Wake): boolean
  /** How it waits from now on: woken, or by asking again and again, and why. */
  waits(how: 'woken' | 'polls', reason: Error | undefined): void
}

const FIRST_PAUSE_MS = 1_000
/** For so long nothing is asked for while the first socket is being opened: a request that waits would keep a function busy. */
const OPENING_MS = 2_000

/**
 * Has a consumer woken, where its broker offers that: opens a socket as soon as it has read all there is, and says which partitions
 * are to be asked for, and how. Where there is no socket, they are polled.
 */
export class WakeCalls<Stream extends Watched> {
  readonly #host: WakeHost<Stream>
  readonly #random: () => number
  readonly #vigil: Vigil<Stream>
  readonly #streams = new Map<string, Stream>()
  /** How far each is, as the last wake-up told: what there is up to that, the look finds. */
  readonly #told = new Map<Stream, Offset>()
  /** Requests under way that arm, and what was woken before they were answered: nobody knows yet who that is. */
  #arming = 0
  readonly #early = new Set<string>()
  #open: OpenSocket | undefined
  /** The one that wakes. */
  #socket: { readonly socket: Socket; readonly ticket: string } | undefined
  /** The one that is to take its place. */
  #next: Socket | undefined
  #failures = 0
  /** Whether the last answer was one after which nothing more was in the log. */
  #isAtEnd = false
  /** Whether a broker has said whether it wakes. */
  #isKnown = false
  /** Until then the first socket is waited for. */
  #opensUntilMs = 0
  #timer: NodeJS.Timeout | undefined
  #connecting: NodeJS.Timeout | undefined
  #pinging: NodeJS.Timeout | undefined
  #isOver = false
  /** Whether somebody was told how it waits. */
  #isTold = false

  constructor(host: WakeHost<Stream>, random: () => number) {
    this.#host = host
    this.#random = random
    this.#vigil = new Vigil(random())
  }

  /** What arms; undefined: nobody can be woken. */
  get ticket(): string | undefined {
    return this.#socket?.ticket
  }

  /** What arms, beside the rest of how a partition is asked for. */
  arming(stream: Stream, offset: Offset): Pick<FetchPartition, 'arm' | 'armFrom'> {
    const told = this.#told.get(stream)
    return { arm: true, ...(told !== undefined && told > offset && { armFrom: told }) }
  }

  /** Whether a request may wait at the broker: not before it is known whether it need not. */
  get isKnown(): boolean {
    return this.#isKnown
  }

  /** Undefined: it is let alone. */
  askFor(stream: Stream): Ask | undefined {
    const nowMs = performance.now()
    if (!this.#vigil.isOpen && stream.isAtEnd) {
      // Asked by somebody who has read all there is, and wants more of it.
      if (this.#isAtEnd) this.#connectFirst()
      if (nowMs < this.#opensUntilMs) return undefined
    }
    return this.#vigil.askFor(stream, stream.hasMore, nowMs)
  }

  /** These are let alone: `look` is called when one of them is not to be any more. */
  sleep(streams: readonly Stream[]): void {
    clearTimeout(this.#timer)
    const dueMs = this.#vigil.isOpen || streams.length === 0 ? this.#vigil.dueMs(streams) : this.#opensUntilMs
    if (this.#isOver || dueMs === Number.POSITIVE_INFINITY) return
    const sleepMs = Math.max(1, Math.ceil(dueMs - performance.now()))
    this.#timer = setTimeout(() => this.#host.look(), sleepMs)
  }

  /** A request goes out. */
  asked(asks: ReadonlyMap<Stream, Ask>): void {
    const nowMs = performance.now()
    for (const [stream, ask] of asks) this.#vigil.asked(stream, ask, nowMs)
    this.#arming += 1
  }

  /** @param offsets from where each was asked for, in the order of the answers */
  answered(
    asks: ReadonlyMap<Stream, Ask>,
    offsets: readonly Offset[],
    { partitions, waking }: { partitions: readonly FetchedPartition[]; waking?: Waking | undefined },
  ): void {
    const nowMs = performance.now()
    const armed = waking?.armed
    const polled = new Set(typeof armed === 'object' ? armed : [])
    let isQuiet = true
    let isAtEnd = true
    for (const [index, stream] of [...asks.keys()].entries()) {
      const answer = partitions[index]!
      if ('error' in answer) {
        this.#vigil.failed(stream)
        isQuiet = false
        isAtEnd = false
        continue
      }
      const hasNews = answer.nextOffset > offsets[index]!
      if (answer.nextOffset < answer.endOffset) isAtEnd = false
      if (hasNews || !isAtEnd) isQuiet = false
      const { topicId, partition } = answer
      if (topicId !== undefined) this.#know(partitionKey({ topicId, partition }), stream)
      const isArmed = armed === 'all' || typeof armed === 'object'
      const how =
        armed === 'stale' || armed === 'forged' ? 'no' : isArmed && !polled.has(index) ? 'yes' : 'poll'
      this.#vigil.answered(stream, { armed: how, hasNews }, nowMs)
    }
    this.#over()
    if (armed === 'stale' || armed === 'forged') this.#lost(new Error(`its ticket is ${armed}`))
    if (isQuiet && !waking?.open && !this.#isTold) this.#tell('polls', undefined)
    this.#isKnown = true
    // Who has more to read need not be woken.
    this.#isAtEnd = isAtEnd
    if (waking?.open) this.#open = waking.open
    if (isQuiet) this.#connectFirst()
  }

  /** Nobody knows what became of it. */
  failed(asks: ReadonlyMap<Stream, Ask>): void {
    for (const stream of asks.keys()) this.#vigil.failed(stream)
    this.#over()
  }

  /** The broker takes no tickets: an older one in the place of the one that gave it. It is polled, until one offers to wake again. */
  refused(error: Error): void {
    this.#open = undefined
    this.#lost(error)
  }

  /** It is not read any more. */
  forget(stream: Stream): void {
    this.#vigil.forget(stream)
    this.#told.delete(stream)
    for (const [key, each] of this.#streams) if (each === stream) this.#streams.delete(key)
  }

  close(): void {
    this.#isOver = true
    clearTimeout(this.#timer)
    clearTimeout(this.#connecting)
    clearInterval(this.#pinging)
    const sockets = [this.#next, this.#socket?.socket]
    this.#next = undefined
    this.#socket = undefined
    this.#vigil.close()
    for (const socket of sockets) socket?.close()
  }

  /** Whoever was woken before it was known who he is, is so now. */
  #know(key: string, stream: Stream): void {
    this.#streams.set(key, stream)
    if (this.#early.delete(key)) this.#vigil.woken(stream)
  }

  #over(): void {
    this.#arming -= 1
    if (this.#arming === 0) this.#early.clear()
  }

  /** Unless there is a socket, or is to be one. */
  #connectFirst(): void {
    if (this.#socket || this.#next || this.#connecting || !this.#open) return
    if (!this.#isTold) this.#opensUntilMs = performance.now() + OPENING_MS
    this.#connect()
  }

  #connect(): void {
    this.#connecting = undefined
    const open = this.#open
    if (this.#isOver || this.#next || !open) return
    const socket: Socket = open({
      heard: message => this.#heard(socket, message),
      closed: error => this.#closed(socket, error),
    })
    this.#next = socket
  }

  #heard(socket: Socket, message: BrokerMessage): void {
    if (socket === this.#next && message.type === 'ticket') {
      this.#adopt(socket, message.ticket)
      return
    }
    // One that was let go has nothing to say: with the next one, all are looked at.
    if (socket !== this.#socket?.socket) return
    if (message.type === 'wake') {
      for (const wake of message.partitions) this.#woken(partitionKey(wake), wake)
    } else if (message.type === 'poll') {
      for (const partition of message.partitions) this.#polls(partitionKey(partition), message.forMs)
    }
  }

  #woken(key: string, wake: Wake): void {
    const stream = this.#streams.get(key)
    const { endOffset, from } = wake
    // One that comes late tells of less.
    const isNews = stream !== undefined && endOffset > (this.#told.get(stream) ?? -1)
    if (isNews) this.#told.set(stream, endOffset)
    const isHeard = stream && from !== undefined && this.#vigil.heard(stream, isNews, performance.now())
    if (isHeard && this.#host.take(stream, wake)) return
    if (stream && this.#vigil.woken(stream)) this.#host.look(stream)
    if (this.#arming > 0) this.#early.add(key)
  }

  #polls(key: string, forMs: number): void {
    const stream = this.#streams.get(key)
    if (!stream) return
    this.#vigil.told(stream, forMs, performance.now())
    this.#host.look(stream)
  }

  #adopt(socket: Socket, ticket: string): void {
    const before = this.#socket?.socket
    this.#next = undefined
    this.#socket = { socket, ticket }
    this.#failures = 0
    this.#opensUntilMs = 0
    this.#vigil.open()
    before?.close()
    clearInterval(this.#pinging)
    this.#pinging = setInterval(() => socket.ping(), LISTENER_PING_MS)
    // Up to a quarter sooner, so that those who began together do not come together again.
    this.#connectIn(SOCKET_LIFETIME_MS * (1 - this.#random() / 4))
    this.#tell('woken', undefined)
    this.#host.look()
  }

  #closed(socket: Socket, error: Error | undefined): void {
    if (this.#isOver) return
    if (socket === this.#next) {
      this.#next = undefined
      this.#opensUntilMs = 0
      if (!this.#isTold) this.#tell('polls', error)
      if (!this.#socket) this.#host.look()
    } else if (socket !== this.#socket?.socket) return
    else this.#letGo(error)
    this.#connectIn(pauseAfter(this.#failures++, this.#pauses))
  }

  /** What it has is worth nothing. */
  #lost(error: Error): void {
    const socket = this.#socket?.socket
    if (!socket) return
    this.#letGo(error)
    socket.close()
    this.#connectIn(pauseAfter(this.#failures++, this.#pauses))
  }

  #letGo(error: Error | undefined): void {
    this.#socket = undefined
    clearInterval(this.#pinging)
    this.#vigil.close()
    this.#tell('polls', error)
    this.#host.look()
  }

  #tell(how: 'woken' | 'polls', reason: Error | undefined): void {
    this.#isTold = true
    this.#host.waits(how, reason)
  }

  #connectIn(pauseMs: number): void {
    clearTimeout(this.#connecting)
    this.#connecting = setTimeout(() => this.#connect(), pauseMs)
    // It keeps nothing alive: who waits has a socket, or a request.
    this.#connecting.unref()
  }

  get #pauses() {
    return { firstPauseMs: FIRST_PAUSE_MS, pauseMaxMs: SOCKET_PAUSE_MS_MAX, random: this.#random }
  }
}
