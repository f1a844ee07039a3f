import type { Broker, TopicSummary } from '../../contract/broker.ts'
import type { Clock } from '../../ports/clock.ts'
import type { TopicCatalogue } from './context.ts'

/** How long what was seen counts: clients ask for the same topics again and again. */
const KEPT_MS = 1_000

/** The topics of a broker, listed at most once a second unless somebody asks for one that is not among them. */
export class ListedTopics implements TopicCatalogue {
  readonly #broker: Pick<Broker, 'listTopics'>
  readonly #clock: Pick<Clock, 'monotonicMs'>
  #seen: { atMs: number; topics: Promise<readonly TopicSummary[]> } | undefined

  constructor(broker: Pick<Broker, 'listTopics'>, clock: Pick<Clock, 'monotonicMs'>) {
    this.#broker = broker
    this.#clock = clock
  }

  all(): Promise<readonly TopicSummary[]> {
    const seen = this.#seen
    if (seen && this.#clock.monotonicMs() < seen.atMs + KEPT_MS) return seen.topics
    return this.#look()
  }

  byName(topic: string): Promise<TopicSummary | undefined> {
    return this.#find(summary => summary.topic === topic)
  }

  byId(topicId: string): Promise<TopicSummary | undefined> {
    return this.#find(summary => summary.topicId === topicId)
  }

  forget(): void {
    this.#seen = undefined
  }

  async #find(isMeant: (summary: TopicSummary) => boolean): Promise<TopicSummary | undefined> {
    const seen = this.#seen
    const found = (await this.all()).find(isMeant)
    // It may have been made since.
    if (found || seen === undefined || this.#seen !== seen) return found
    return (await this.#look()).find(isMeant)
  }

  #look(): Promise<readonly TopicSummary[]> {
    const seen = { atMs: this.#clock.monotonicMs(), topics: this.#broker.listTopics() }
    this.#seen = seen
    seen.topics.catch(() => {
      if (this.#seen === seen) this.#seen = undefined
    })
    return seen.topics
  }
}
