import { PARTITIONS_REMEMBERED_MAX } from '../../../core/limits.ts'
import { readSettings, type TopicSettings } from '../../../core/topic/topic-config.ts'
import type { Broker, TopicDescription } from '../../broker.ts'

export interface TopicFacts {
  partitions: number
  settings: TopicSettings
}

interface Known {
  facts: Promise<TopicFacts>
  untilMs: number
}

/** Remembers topics for a moment, so that not every request describes its topic first. */
export class TopicFactsCache {
  readonly #broker: Broker
  readonly #monotonicMs: () => number
  readonly #cacheMs: number
  readonly #known = new Map<string, Known>()

  /** @param monotonicMs milliseconds since any moment, whatever becomes of the machine's time */
  constructor(broker: Broker, monotonicMs: () => number, cacheMs: number) {
    this.#broker = broker
    this.#cacheMs = cacheMs
    this.#monotonicMs = monotonicMs
  }

  get(topic: string): Promise<TopicFacts> {
    const nowMs = this.#monotonicMs()
    const known = this.#known.get(topic)
    if (known !== undefined && nowMs < known.untilMs) return known.facts
    // The promise is what is kept, so that requests at the same time share one call.
    const facts = this.#broker.describeTopic(topic).then(factsOf)
    facts.catch(() => this.forget(topic))
    this.forget(topic)
    if (this.#known.size >= PARTITIONS_REMEMBERED_MAX) this.forget(this.#known.keys().next().value!)
    this.#known.set(topic, { facts, untilMs: nowMs + this.#cacheMs })
    return facts
  }

  /** For a topic that turned out to be different; tells whether anything was remembered. */
  forget(topic: string): boolean {
    return this.#known.delete(topic)
  }
}

function factsOf({ partitions, configs }: TopicDescription): TopicFacts {
  const values = Object.fromEntries(configs.map(({ name, value }) => [name, value]))
  // What expires is the broker's business.
  return { partitions, settings: readSettings(values, false) }
}
