import type { Broker } from '../../../contract/broker.ts'
import { TidemarkError } from '../../../core/errors.ts'
import { tryOnce } from '../../retry.ts'
import type { Subscription } from './subscription.ts'

export interface MissingTopicsListener {
  /** @param topic undefined: none fits a pattern */
  missing(error: TidemarkError, topic: string | undefined): void
  /** What was missing is there. */
  found(topic: string | undefined, durationMs: number): void
}

/** Something that is subscribed to and not there. */
interface Missing {
  topic: string | undefined
  sinceMs: number
}

/** Looks whether what a consumer subscribes to is there. It waits for what is not, but not in silence. */
export class MissingTopics {
  readonly #broker: Broker
  readonly #subscription: Subscription
  readonly #everyMs: number
  readonly #tryMs: number
  readonly #listener: MissingTopicsListener
  /** By the name or the pattern. */
  readonly #missing = new Map<string, Missing>()
  #timer: NodeJS.Timeout | undefined
  #isLooking = false
  /** Whether a look began before something that it shall see. */
  #isStale = false
  readonly #ended = new AbortController()

  /**
   * @param everyMs how often to look again while something is missing
   * @param tryMs how long one look may take
   */
  constructor(
    broker: Broker,
    subscription: Subscription,
    { everyMs, tryMs }: { everyMs: number; tryMs: number },
    listener: MissingTopicsListener,
  ) {
    this.#broker = broker
    this.#subscription = subscription
    this.#everyMs = everyMs
    this.#tryMs = tryMs
    this.#listener = listener
  }

  /** Never rejects. */
  async look(): Promise<void> {
    if (this.#ended.signal.aborted) return
    clearTimeout(this.#timer)
    this.#isStale = this.#isLooking
    if (this.#isLooking) return
    this.#isLooking = true
    const settings = { tryMs: this.#tryMs, signal: this.#ended.signal, isRead: true }
    // That it cannot be asked, or may not be, is no news of topics.
    const topics = await tryOnce(call => this.#broker.listTopics(call), settings).catch(() => undefined)
    this.#isLooking = false
    if (this.#ended.signal.aborted) return
    if (this.#isStale) return this.look()
    if (topics) this.#compare(topics.map(({ topic }) => topic))
    if (topics === undefined || this.#missing.size > 0) {
      this.#timer = setTimeout(() => void this.look(), this.#everyMs)
    }
  }

  /** These are there: the member owns some of their partitions. */
  seen(topics: Iterable<string>): void {
    if (this.#missing.size > 0) this.#found(new Set(topics))
  }

  stop(): void {
    this.#ended.abort()
    clearTimeout(this.#timer)
  }

  #compare(topics: readonly string[]): void {
    const there = new Set(topics)
    this.#found(there)
    for (const topic of this.#subscription.topics) if (!there.has(topic)) this.#miss(topic, topic)
    for (const pattern of this.#subscription.patternsWithout(topics)) this.#miss(pattern, undefined)
  }

  #found(there: ReadonlySet<string>): void {
    const unmatched = new Set(this.#subscription.patternsWithout([...there]))
    for (const [name, { topic, sinceMs }] of this.#missing) {
      if (topic === undefined ? unmatched.has(name) : !there.has(topic)) continue
      this.#missing.delete(name)
      this.#listener.found(topic, performance.now() - sinceMs)
    }
  }

  #miss(name: string, topic: string | undefined): void {
    if (this.#missing.has(name)) return
    this.#missing.set(name, { topic, sinceMs: performance.now() })
    const message =
      topic === undefined
        ? `No topic fits the pattern ${name}: nothing is read by it until there is one.`
        : `There is no topic ${name}: create it, or look at the name. Until then nothing of it is read.`
    this.#listener.missing(new TidemarkError('UNKNOWN_TOPIC_OR_PARTITION', message), topic)
  }
}
