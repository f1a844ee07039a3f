import type { FetchMany } from '../../../src/contract/broker.ts'
import { TidemarkError } from '../../../src/core/errors.ts'
import { type Offset, toOffset } from '../../../src/core/numbers.ts'
import type { BrokerMessage, Wake } from '../../../src/core/waking/messages.ts'
import { type Ask, Vigil } from '../../../src/core/waking/vigil.ts'
import type { Follower } from '../promises/waking.ts'
import type { World } from '../world.ts'
import type { RunningBroker } from './sending.ts'

/** How long a request of one that is not woken waits, and any is waited for. */
const POLL_MS = 5_000
const REQUEST_MS = 20_000
/** How long there is no socket after a break. */
const RECONNECT_MS = [500, 5_000] as const

/** What listens: fetches and sockets as they are told of. */
export interface ListenerHost {
  /** Who serves the next fetch. */
  pick(): RunningBroker
  /** Arms a socket, for the broker that serves the fetch. */
  armsFor(broker: RunningBroker, socket: string): NonNullable<FetchMany['arm']>
  /** A socket, under a name that no other has. */
  connect(listener: SimulatedListener): string
  disconnect(socket: string): void
}

interface Place {
  readonly partition: number
  offset: Offset
  /** How far the log is known to be. */
  end: Offset
  told: Offset
}

/** One who reads a topic as the SDK does where its broker wakes: by a vigil, and by what wake-ups bring. */
export class SimulatedListener {
  readonly follower: Follower
  readonly #world: World
  readonly #host: ListenerHost
  readonly #topic: { readonly topic: string; readonly topicId: string }
  readonly #name: string
  readonly #vigil: Vigil<Place>
  readonly #places: readonly Place[]
  #socket: string | undefined
  #bell = new AbortController()
  #isOver = false

  constructor(
    world: World,
    host: ListenerHost,
    {
      topic,
      topicId,
      ends,
      name,
      follower,
    }: {
      topic: string
      topicId: string
      /** Where each partition ends, and it begins. */
      ends: readonly number[]
      name: string
      follower: Follower
    },
  ) {
    this.#world = world
    this.#host = host
    this.#topic = { topic, topicId }
    this.#name = name
    this.follower = follower
    this.#vigil = new Vigil(world.random.fraction())
    this.#places = ends.map((end, partition) => {
      const at = toOffset(end)
      return { partition, offset: at, end: at, told: at }
    })
  }

  offsetOf(partition: number): number {
    return this.#places[partition]!.offset
  }

  /** Listens until it is stopped. */
  async run(): Promise<void> {
    this.#connect()
    const { clock } = this.#world
    while (!this.#isOver) {
      this.#bell = new AbortController()
      const nowMs = clock.monotonicMs()
      const asks = new Map<Place, Ask>()
      for (const place of this.#places) {
        const ask = this.#vigil.askFor(place, place.end > place.offset, nowMs)
        if (ask === 'look' && this.#world.defect.neverLooks) continue
        if (ask) asks.set(place, ask)
      }
      if (asks.size > 0) await this.#ask(asks)
      else await clock.sleep(Math.max(1, this.#vigil.dueMs(this.#places) - nowMs), this.#bell.signal)
    }
  }

  stop(): void {
    this.#isOver = true
    if (this.#socket !== undefined) this.#host.disconnect(this.#socket)
    this.#ring()
  }

  /** Its socket ends, without a word. */
  cut(): void {
    if (this.#socket === undefined) return
    const { clock, random, history } = this.#world
    history.note(this.#name, `${this.#socket} is cut`)
    this.#host.disconnect(this.#socket)
    this.#socket = undefined
    this.#vigil.close()
    for (const { partition } of this.#places) this.follower.excuse(partition)
    this.#ring()
    this.#world.spawn(
      clock.sleep(random.integer(...RECONNECT_MS)).then(() => {
        if (!this.#isOver) this.#connect()
      }),
    )
  }

  /** On a socket; of one that was cut nothing is heard any more. */
  heard(socket: string, message: BrokerMessage): void {
    if (socket !== this.#socket || message.type !== 'wake') return
    for (const wake of message.partitions) this.#woken(this.#places[wake.partition]!, wake)
  }

  #woken(place: Place, { endOffset, from, batches }: Wake): void {
    const nowMs = this.#world.clock.monotonicMs()
    const isNews = endOffset > place.told
    if (isNews) place.told = endOffset
    if (from !== undefined && this.#vigil.heard(place, isNews, nowMs)) {
      if (endOffset <= place.offset) return
      if (endOffset > place.end) place.end = endOffset
      if (batches && from === place.offset) {
        this.#world.count('pushed')
        this.#advance(place, endOffset)
      }
      if (place.end > place.offset) this.#ring()
      return
    }
    if (this.#vigil.woken(place)) this.#ring()
  }

  async #ask(asks: ReadonlyMap<Place, Ask>): Promise<void> {
    const { clock, history, random } = this.#world
    const socket = this.#socket
    const running = this.#host.pick()
    const { moment } = this.follower
    for (const [place, ask] of asks) this.#vigil.asked(place, ask, clock.monotonicMs())
    const places = [...asks.keys()]
    const kinds = [...asks.values()]
    for (const kind of new Set(kinds)) this.#world.count(`asks to ${kind}`)
    const refused = new Set<number>()
    const arms = socket !== undefined && kinds.includes('arm') && this.#host.armsFor(running, socket)
    const request: FetchMany = {
      partitions: places.map(place => ({
        ...this.#topic,
        ...{ partition: place.partition, offset: place.offset },
        ...(arms && asks.get(place) === 'arm' && { arm: true, armFrom: place.told }),
      })),
      ...(kinds.includes('poll') && { maxWaitMs: POLL_MS }),
      ...(arms && {
        arm: async all => {
          const its = await arms(all)
          for (const { partition } of its) refused.add(partition)
          return its
        },
      }),
    }
    const answer = running.broker.fetchMany(request).catch((error: unknown) => {
      if (!(error instanceof TidemarkError)) throw error
      return undefined
    })
    const late = clock.sleep(REQUEST_MS, this.#pollsOnly(kinds)).then(() => undefined)
    const fetched = await Promise.race([answer, running.process.died.then(() => undefined), late])
    let hasFailed = !fetched
    for (const [index, place] of places.entries()) {
      const one = fetched?.partitions[index]
      if (!one || 'error' in one) {
        this.#vigil.failed(place)
        // It asks on, for as long as that goes on failing: it does not wait to be woken.
        this.follower.excuse(place.partition)
        hasFailed = true
        continue
      }
      const { partition } = place
      const hasNews = one.nextOffset > place.offset
      place.end = one.endOffset
      const isArmed = socket !== undefined && socket === this.#socket && !refused.has(partition)
      if (isArmed && asks.get(place) === 'arm') this.follower.armed(partition, moment)
      this.#vigil.answered(place, { armed: isArmed ? 'yes' : 'poll', hasNews }, clock.monotonicMs())
      this.#advance(place, one.nextOffset)
    }
    history.note(this.#name, `${kinds.join(', ')}: ${places.map(({ offset }) => offset)}`)
    if (hasFailed) await clock.sleep(random.integer(50, 1_000))
  }

  /** Whoever waits at the broker goes on as soon as there is a socket. */
  #pollsOnly(kinds: readonly Ask[]): AbortSignal | undefined {
    return kinds.includes('poll') ? this.#bell.signal : undefined
  }

  #advance(place: Place, offset: Offset): void {
    if (offset > place.offset) place.offset = offset
    this.follower.learned(place.partition, place.offset)
  }

  #connect(): void {
    this.#socket = this.#host.connect(this)
    this.#vigil.open()
    this.#ring()
  }

  #ring(): void {
    this.#bell.abort('rung')
  }
}
