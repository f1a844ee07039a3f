import { TidemarkError } from '../../core/errors.ts'

export interface ConsumerSubscribe {
  topics?: (string | RegExp)[]
  topic?: string | RegExp
  /** Where to begin in partitions of which nothing was committed: at the first record, or, unless set, at the end. */
  fromBeginning?: boolean
}

/** What a consumer reads: names, patterns, and where to begin in each. */
export class Subscription {
  readonly #fromBeginning = new Map<string, boolean>()
  readonly #patterns: { pattern: RegExp; fromBeginning: boolean }[] = []

  /** @throws TidemarkError INVALID_REQUEST, INVALID_TOPIC_EXCEPTION */
  add({ topics = [], topic, fromBeginning = false }: ConsumerSubscribe): void {
    const all = topic === undefined ? topics : [...topics, topic]
    if (all.length === 0) throw new TidemarkError('INVALID_REQUEST', 'Subscribe to a topic at least.')
    for (const each of all) {
      if (each instanceof RegExp) this.#addPattern(each, fromBeginning)
      else if (typeof each === 'string' && each !== '') this.#fromBeginning.set(each, fromBeginning)
      else throw new TidemarkError('INVALID_TOPIC_EXCEPTION', 'A topic is a name or a regular expression.')
    }
  }

  get isEmpty(): boolean {
    return this.#fromBeginning.size === 0 && this.#patterns.length === 0
  }

  get topics(): string[] {
    return [...this.#fromBeginning.keys()].toSorted()
  }

  /** One expression that a name matches as a whole where it matches one of the patterns anywhere. */
  get topicPattern(): string | undefined {
    if (this.#patterns.length === 0) return undefined
    return this.#patterns.map(({ pattern }) => `.*(?:${pattern.source}).*`).join('|')
  }

  isFromBeginning(topic: string): boolean {
    return (
      this.#fromBeginning.get(topic) ??
      this.#patterns.find(({ pattern }) => pattern.test(topic))?.fromBeginning ??
      false
    )
  }

  #addPattern(pattern: RegExp, fromBeginning: boolean): void {
    // The broker is given the source alone.
    if (/[^gu]/.test(pattern.flags)) {
      throw new TidemarkError('INVALID_REQUEST', `${pattern} has flags, which a subscription cannot have.`)
    }
    // Without g, which would make `test` remember where it was.
    this.#patterns.push({ pattern: new RegExp(pattern.source, 'u'), fromBeginning })
  }
}
