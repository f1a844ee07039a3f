import { splitKey } from '../../../src/adapters/items/items.ts'
import { listenersOver } from '../../../src/adapters/items/listeners.ts'
import { retryUntil } from '../../../src/broker/store-calls/retry.ts'
import { WakeListeners } from '../../../src/broker/waking/wake-listeners.ts'
import { ARMING_DEADLINE_MS, TICKET_LIFETIME_MS } from '../../../src/core/limits.ts'
import { decodeHead, isClosedHead } from '../../../src/core/log/head.ts'
import { HEAD_KEY, logKey } from '../../../src/core/storage-layout.ts'
import type { PartitionId } from '../../../src/core/topic/partition-id.ts'
import { parseBrokerMessage } from '../../../src/core/waking/messages.ts'
import type { Post } from '../../../src/core/waking/posts.ts'
import type { ListenerStore } from '../../../src/ports/listener-store.ts'
import { WakingPromises } from '../promises/waking.ts'
import { LASTING_PARTITIONS, type Running, type World } from '../world.ts'
import type { Actor, ActorKind } from './actor.ts'
import { flushOnce } from './flushes.ts'
import { produceOnce, type RunningBroker } from './sending.ts'
import { type ListenerHost, SimulatedListener } from './simulated-listener.ts'

const TOPIC = 'heard'
const FETCHERS = 2
const APPENDS = 14
/** Between two of them: in a burst, within the pause of an arming, a while, and long enough for slow looks. */
const APART_MS = [0, 300, 3_000, 3_000, 20_000, 100_000]
/** How soon the stream tells of a change, how late a message may be, and how often it is lost or comes twice. */
const STREAM_MS_MAX = 300
const POST_MS_MAX = 5_000
const LOST_SHARE = 0.1
const DOUBLED_SHARE = 0.1
const CUT_SHARE = 0.15
/** How often Lambda brings a batch again. */
const RETRIES = 5

/**
 * Consumers that are woken: they arm, look and sleep, and lose their sockets. Something dispatches what the stream tells, and dies
 * or fails at any of its steps; what it posts is lost, comes late or twice.
 */
export const listeners: ActorKind = {
  name: 'listeners',
  wantsFlushes: true,
  isNeverSilent: true,
  make: world => new Listeners(world),
}

class Listeners implements Actor, ListenerHost {
  readonly #world: World
  readonly #promises: WakingPromises
  readonly #fetchers: RunningBroker[] = []
  readonly #sockets = new Map<string, SimulatedListener>()
  #listeners: SimulatedListener[] = []
  #dispatching: Running | undefined
  #topicId = ''
  /** Partitions whose heads have changed since the last batch. */
  readonly #changed = new Map<number, PartitionId>()
  #arrival = new AbortController()
  #opened = 0
  #isOver = true

  constructor(world: World) {
    this.#world = world
    this.#promises = new WakingPromises(world.clock, world.areClocksSet, world.violated)
  }

  async prepare(): Promise<void> {
    const configs = { 'flush.ms': String(this.#world.random.pick([300, 5_000])), 'retention.ms': '-1' }
    const topic = { topic: TOPIC, partitions: LASTING_PARTITIONS, configs }
    this.#topicId = (await this.#world.openPlainBroker().createTopic(topic)).topicId
    this.#world.store.items.observe((key, _, after) => this.#hear(key, after))
    for (let index = 0; index < FETCHERS; index += 1) this.#startFetcher(index)
  }

  async live(): Promise<void> {
    const { random, clock } = this.#world
    this.#isOver = false
    const ends = Array.from({ length: LASTING_PARTITIONS }, (_, partition) => this.#promises.endOf(partition))
    const topic = { topic: TOPIC, topicId: this.#topicId, ends }
    this.#listeners = Array.from({ length: random.integer(1, 3) }, (_, index) => {
      const name = `listener ${index} of day ${this.#world.day}`
      return new SimulatedListener(this.#world, this, {
        ...topic,
        name,
        follower: this.#promises.follow(name),
      })
    })
    for (const listener of this.#listeners) this.#world.spawn(listener.run())
    this.#world.spawn(this.#dispatchOn())
    for (let append = 0; append < APPENDS; append += 1) {
      await clock.sleep(random.integer(0, random.pick(APART_MS)))
      const place = { topic: TOPIC, partition: random.integer(0, LASTING_PARTITIONS - 1) }
      await produceOnce(this.#world, 'herald', this.#world.pickBroker(), place)
      if (random.fraction() < CUT_SHARE) random.pick(this.#listeners).cut()
      if (random.fraction() < CUT_SHARE) await flushOnce(this.#world, TOPIC)
    }
    await this.#untilAllKnow()
    this.#isOver = true
    this.#arrive()
    for (const listener of this.#listeners) {
      listener.stop()
      this.#promises.leave(listener.follower)
    }
    const { woken, late } = this.#promises
    this.#world.count('woken in time', woken)
    this.#world.count('found by looks', late)
  }

  pick(): RunningBroker {
    return this.#world.random.pick(this.#fetchers)
  }

  /** As the function that serves fetches does: where it cannot be noted down, he is told to poll. */
  armsFor(running: RunningBroker, socket: string): ReturnType<ListenerHost['armsFor']> {
    const { ports } = running
    const store = this.#storeOf(running)
    return async partitions => {
      const untilMs = ports.clock.monotonicMs() + ARMING_DEADLINE_MS
      const nowMs = ports.clock.nowMs()
      const times = { nowMs, expiresMs: nowMs + TICKET_LIFETIME_MS }
      const arming = retryUntil(ports, untilMs, 'no', () => store.arm(socket, partitions, times))
      return await arming.catch(() => partitions)
    }
  }

  connect(listener: SimulatedListener): string {
    this.#opened += 1
    const socket = `socket ${this.#opened}`
    this.#sockets.set(socket, listener)
    return socket
  }

  disconnect(socket: string): void {
    this.#sockets.delete(socket)
  }

  /** Who wakes for what nobody hears of waits for his own look: all know all there is by then, or somebody waits for ever. */
  async #untilAllKnow(): Promise<void> {
    const { clock } = this.#world
    const untilMs = clock.monotonicMs() + this.#promises.waitMsMax
    const knowsAll = (listener: SimulatedListener) =>
      Array.from({ length: LASTING_PARTITIONS }, (_, partition) => partition).every(
        partition => listener.offsetOf(partition) >= this.#promises.endOf(partition),
      )
    while (!this.#listeners.every(knowsAll)) {
      if (clock.monotonicMs() > untilMs) {
        this.#world.violated('somebody waits for ever for a record')
        return
      }
      await clock.sleep(1_000)
    }
  }

  #hear(key: string, after: Uint8Array | undefined): void {
    for (let partition = 0; partition < LASTING_PARTITIONS; partition += 1) {
      const id = { topicId: this.#topicId, partition }
      const { partitionKey, sortKey } = splitKey(key)
      if (sortKey !== HEAD_KEY || partitionKey !== logKey(id) || !after || isClosedHead(after)) continue
      this.#promises.appended(partition, decodeHead(after).nextOffset)
      this.#changed.set(partition, id)
      this.#arrive()
    }
  }

  async #dispatchOn(): Promise<void> {
    const { clock, random } = this.#world
    while (!this.#isOver) {
      if (this.#changed.size === 0) {
        this.#arrival = new AbortController()
        await clock.sleep(3_600_000, this.#arrival.signal)
        continue
      }
      await clock.sleep(random.integer(0, STREAM_MS_MAX))
      const batch = [...this.#changed.values()]
      this.#changed.clear()
      for (let tries = 0; tries <= RETRIES; tries += 1) if (await this.#dispatch(batch)) break
    }
  }

  /** False: it is to be brought again. */
  async #dispatch(batch: readonly PartitionId[]): Promise<boolean> {
    const { history } = this.#world
    if (!this.#dispatching?.process.isAlive) this.#dispatching = this.#world.start('dispatch', 0)
    const { process, ports } = this.#dispatching
    const wakes = new WakeListeners({
      ...ports,
      listeners: this.#storeOf(this.#dispatching),
      posts: { post: async posts => this.#post(posts) },
    })
    const done = wakes.wakeChanged(batch).then(
      count => `${count} posts`,
      error => {
        this.#world.noteDefect(error)
        return undefined
      },
    )
    const outcome = await Promise.race([done, process.died.then(() => undefined)])
    history.note('dispatch', outcome ?? 'did not get through')
    if (outcome !== undefined) return true
    // Whoever was taken has not heard of it, and nobody knows who that is.
    for (const { follower } of this.#listeners) for (const { partition } of batch) follower.excuse(partition)
    return false
  }

  #post(posts: readonly Post[]): string[] {
    const gone: string[] = []
    for (const { socket, message } of posts) {
      const listener = this.#sockets.get(socket)
      if (listener) this.#carry(listener, socket, message)
      else gone.push(socket)
    }
    return gone
  }

  #carry(listener: SimulatedListener, socket: string, text: string): void {
    const { random, clock, history } = this.#world
    const message = parseBrokerMessage(text)!
    if (random.fraction() < LOST_SHARE) {
      history.note(socket, `${text} is lost`)
      const lost = 'partitions' in message ? message.partitions : []
      for (const { partition } of lost) listener.follower.excuse(partition)
      return
    }
    for (let copies = random.fraction() < DOUBLED_SHARE ? 2 : 1; copies > 0; copies -= 1) {
      const arriving = clock.sleep(random.integer(1, random.pick([50, 50, POST_MS_MAX])))
      this.#world.spawn(arriving.then(() => listener.heard(socket, message)))
    }
  }

  #storeOf({ network, ports }: Running): ListenerStore {
    const items = this.#world.store.items.across(network)
    return this.#world.defect.listeners?.(items, ports.clock) ?? listenersOver(items)
  }

  #startFetcher(index: number): void {
    const running = this.#world.start(`fetcher ${index}`, 0)
    this.#fetchers[index] = { ...running, broker: this.#world.openBroker(running.ports) }
    void running.process.died.then(async () => {
      await this.#world.clock.sleep(this.#world.random.integer(1, 1_000))
      this.#startFetcher(index)
    })
  }

  #arrive(): void {
    this.#arrival.abort('arrived')
  }
}
