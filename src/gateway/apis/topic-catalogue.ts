import type { Broker, TopicSummary } from '../../contract/broker.ts'
import type { Clock } from '../../ports/clock.ts'
import type { TopicCatalogue } from './context.ts'

/** How long what was seen counts: clients ask for the same topics again and again. */
const KEPT_MS = 1_000

interface Look {
  readonly atMs: number
  readonly seen: Promise<Seen>
}

interface Seen {
  readonly topics: readonly TopicSummary[]
  readonly byName: ReadonlyMap<string, TopicSummary>
  readonly byId: ReadonlyMap<string, TopicSummary>
}

/** The topics of a broker, listed at most once a second unless somebody asks for one that is not among them. */
export class ListedTopics implements TopicCatalogue {
  readonly #broker: Pick<Broker, 'listTopics'>
  readonly #clock: Pick<Clock, 'monotonicMs'>
  #look: Look | undefined
  /** Those of the last look: an id is one topic's for ever, and whoever reads by it is told when that has gone. */
  #lastById: ReadonlyMap<string, TopicSummary> = new Map()

  constructor(broker: Pick<Broker, 'listTopics'>, clock: Pick<Clock, 'monotonicMs'>) {
    this.#broker = broker
    this.#clock = clock
  }

  async all(): Promise<readonly TopicSummary[]> {
    return (await this.#recent().seen).topics
  }

  byName(topic: string): Promise<TopicSummary | undefined> {
    return this.#find(({ byName }) => byName.get(topic))
  }

  byId(topicId: string): Promise<TopicSummary | undefined> {
    return this.#find(({ byId }) => byId.get(topicId))
  }

  peekName(topicId: string): string | undefined {
    return this.#lastById.get(topicId)?.topic
  }

  forget(): void {
    this.#look = undefined
  }

  /** It may have been made since the last look. */
  async #find(find: (seen: Seen) => TopicSummary | undefined): Promise<TopicSummary | undefined> {
    const kept = this.#kept()
    if (!kept) return find(await this.#lookAnew().seen)
    const found = find(await kept.seen)
    if (found) return found
    // Whoever else has missed one meanwhile has looked already.
    const newer = this.#look && this.#look !== kept ? this.#look : this.#lookAnew()
    return find(await newer.seen)
  }

  #recent(): Look {
    return this.#kept() ?? this.#lookAnew()
  }

  #kept(): Look | undefined {
    const look = this.#look
    return look && this.#clock.monotonicMs() < look.atMs + KEPT_MS ? look : undefined
  }

  #lookAnew(): Look {
    const look = { atMs: this.#clock.monotonicMs(), seen: this.#list() }
    this.#look = look
    look.seen.catch(() => {
      if (this.#look === look) this.#look = undefined
    })
    return look
  }

  async #list(): Promise<Seen> {
    const topics = await this.#broker.listTopics()
    const byName = new Map(topics.map(summary => [summary.topic, summary]))
    const byId = new Map(topics.map(summary => [summary.topicId, summary]))
    this.#lastById = byId
    return { topics, byName, byId }
  }
}
