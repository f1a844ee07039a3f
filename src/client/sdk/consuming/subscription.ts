import { TidemarkError } from '../../../core/errors.ts'
import { compilePattern } from '../../../core/group/subscribing/topic-pattern.ts'
import { checkList, checkName } from '../arguments.ts'
import { checkStartPlace, type StartPlace } from './start-place.ts'

export interface ConsumerSubscribe {
  topics?: (string | RegExp)[]
  topic?: string | RegExp
  /** Every topic whose whole name matches, those to come too; in the broker's syntax, which knows no look-around. */
  topicPattern?: string
  /** Where to begin in partitions of which nothing was committed: at the first record, or, unless set, at the end. */
  fromBeginning?: boolean
  /** Or in place of that, where else. A position that is gone later is then replaced by the first record that is left. */
  from?: StartPlace
}

interface Start {
  place: StartPlace
  skipsDeleted: boolean
}

/** What a consumer reads: names, patterns, and where to begin in each. */
export class Subscription {
  readonly #starts = new Map<string, Start>()
  readonly #patterns: { whole: string; matches: (topic: string) => boolean; start: Start }[] = []

  /** @throws TidemarkError INVALID_REQUEST, INVALID_TOPIC_EXCEPTION */
  add({ topics = [], topic, topicPattern, fromBeginning = false, from }: ConsumerSubscribe): void {
    checkList(topics, 'topics')
    const all = topic === undefined ? topics : [...topics, topic]
    const place = from ?? (fromBeginning ? 'earliest' : 'latest')
    const start = { place, skipsDeleted: from !== undefined }
    if (all.length === 0 && topicPattern === undefined)
      throw new TidemarkError('INVALID_REQUEST', 'Subscribe to a topic at least.')
    checkStartPlace(place)
    if (topicPattern !== undefined) {
      checkName(topicPattern, 'pattern')
      this.#patterns.push({ whole: topicPattern, matches: compilePattern(topicPattern), start })
    }
    for (const each of all) {
      if (each instanceof RegExp) this.#addPattern(each, start)
      else if (typeof each === 'string' && each !== '') this.#starts.set(each, start)
      else throw new TidemarkError('INVALID_TOPIC_EXCEPTION', 'A topic is a name or a regular expression.')
    }
  }

  get isEmpty(): boolean {
    return this.#starts.size === 0 && this.#patterns.length === 0
  }

  get topics(): string[] {
    return [...this.#starts.keys()].toSorted()
  }

  /** One expression that a name matches as a whole. */
  get topicPattern(): string | undefined {
    if (this.#patterns.length === 0) return undefined
    return this.#patterns.map(({ whole }) => whole).join('|')
  }

  /** The patterns that none of these topics matches, as they were given or will be asked for. */
  patternsWithout(topics: readonly string[]): string[] {
    return this.#patterns.filter(({ matches }) => !topics.some(matches)).map(({ whole }) => whole)
  }

  /** Where to begin, and whether to go on behind records that are gone or to begin anew. */
  startOf(topic: string): Start {
    return (
      this.#starts.get(topic) ??
      this.#patterns.find(({ matches }) => matches(topic))?.start ?? {
        place: 'latest',
        skipsDeleted: true,
      }
    )
  }

  #addPattern(pattern: RegExp, start: Start): void {
    // The others make no difference to names, which have no lines. The broker is given the source alone.
    if (/[^dgmsu]/.test(pattern.flags)) {
      throw new TidemarkError(
        'INVALID_REQUEST',
        `${pattern} has flags that the broker does not know. Leave out all but d, g, m, s and u.`,
      )
    }
    // Without u, JavaScript takes more, and gives some of it a meaning of its own. What the broker's matcher takes
    // means the same in both, and all else it refuses. Compiled alone first, for a message about what was written.
    compilePattern(pattern.source)
    const whole = `.*(?:${pattern.source}).*`
    this.#patterns.push({ whole, matches: compilePattern(whole), start })
  }
}
